import module from './core.wasm'
import { type Core, coreOf } from './core.js'
import { create } from './create.js'
import type { Options, StatusBus } from './types.js'

export * from './create.js'

let core: Core | undefined

/** A status bus; see the other entries. Here the WebAssembly is a module of its own, as the edge has it. */
export function createStatusBus(options: Options = {}): StatusBus {
  return create(options, (core ??= coreOf(new WebAssembly.Instance(module))))
}
