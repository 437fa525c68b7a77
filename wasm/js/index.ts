import { type Core, coreOf } from './core.js'
import { create } from './create.js'
import wasm from './generated/wasm.js'
import { bytesOf } from './printable.js'
import type { Options, StatusBus } from './types.js'

export * from './create.js'

let core: Core | Promise<Core> | undefined

function start(): Core | Promise<Core> {
  const bytes = bytesOf(...wasm)
  try {
    return coreOf(new WebAssembly.Instance(new WebAssembly.Module(bytes)))
  } catch {
    return startLater(bytes)
  }
}

/** Older browsers compile only small modules at once on the page itself. Where WebAssembly may not run at
 * all (a content security policy without 'wasm-unsafe-eval'), the same core runs as JavaScript. */
async function startLater(bytes: Uint8Array<ArrayBuffer>): Promise<Core> {
  try {
    core = coreOf((await WebAssembly.instantiate(bytes)).instance)
  } catch {
    core = (await import('./without-wasm.js')).core()
  }
  return core
}

/**
 * A status bus. It can be used at once: nothing has to be loaded or waited for.
 *
 * ```js
 * import { createStatusBus } from 'statusbus'
 *
 * const bus = createStatusBus()
 * bus.subscribe('conv-42', batch => render(batch.updates))
 * bus.tool('conv-42', 'searching')
 * bus.progress('conv-42', '41 %', { key: 'download-3' })
 * ```
 *
 * @throws TypeError or RangeError if an option is wrong: the message says what would be right.
 */
export function createStatusBus(options: Options = {}): StatusBus {
  return create(options, (core ??= start()))
}
