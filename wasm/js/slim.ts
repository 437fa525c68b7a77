import type { Core } from './core.js'
import { create } from './create.js'
import type { Options, StatusBus } from './types.js'

export * from './create.js'

/** Options of the slim entry. */
export interface SlimOptions extends Options {
  /** The core, or the promise of it: see `loadCore`. What is sent before it is there is kept, up to the
   * queue limit. */
  core: Core | PromiseLike<Core>
}

/** A status bus over a core that the caller loads, from `statusbus/core.wasm` or `statusbus/without-wasm`. */
export function createStatusBus(options: SlimOptions): StatusBus {
  const core = options?.core
  if (typeof core !== 'object' || core === null) throw new TypeError('core is missing: give it loadCore(…), or its promise')
  return create(options, core)
}
