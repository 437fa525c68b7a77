import type { Core, CoreExports } from './core.js'
// @ts-expect-error it is written by a translator, without types
import * as translated from './generated/translated.js'

/** The same core, translated to JavaScript: for pages whose content security policy forbids WebAssembly.
 * Larger and slower, with the same results. */
export function core(): Core {
  return { exports: translated as unknown as CoreExports }
}
