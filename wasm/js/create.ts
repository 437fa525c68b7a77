import { Bus } from './bus.js'
import type { Core } from './core.js'
import type { Options, StatusBus } from './types.js'

/** What every entry has besides its own `createStatusBus`. */
export { beacon, type BeaconOptions } from './beacon.js'
export { share, type ShareOptions } from './share.js'
export { type Core, type CoreSource, loadCore } from './core.js'
export { connect, ConnectError, type ConnectOptions, type Connection, type ConnectionEvents } from './connect.js'
export type * from './types.js'

export function create(options: Options, core: Core | PromiseLike<Core>): StatusBus {
  return new Bus(options, core)
}
