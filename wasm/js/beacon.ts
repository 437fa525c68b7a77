import { utf8Length } from './text.js'
import type { Batch, Callback, StatusUpdate } from './types.js'

/** How a beacon is sent. */
export interface BeaconOptions {
  /** Most bytes of one beacon: 1,024 to 65,536, default 65,536, which is what browsers take. */
  limit?: number | undefined
  /** What sends; default `navigator.sendBeacon`. Answers whether it was accepted. */
  send?: ((url: string, body: Blob) => boolean) | undefined
  /** Gets the updates that were not accepted: browsers take 64 KiB at a time. Without it an error says how
   * many they were. */
  refused?: ((updates: readonly StatusUpdate[]) => void) | undefined
}

/** Most updates of one request: what a statusbus server takes. */
const MOST = 1_000

/**
 * A callback that posts batches to a statusbus server (`POST /v1/status`) in a way that outlives the page.
 * Priority `high` goes first, since there may not be room for everything.
 *
 * ```js
 * bus.subscribe('*', beacon('/v1/status'))
 * ```
 */
export function beacon(url: string | URL, options: BeaconOptions = {}): Callback {
  const { limit = 65_536, refused } = options
  if (typeof limit !== 'number' || !(limit >= 1_024 && limit <= 65_536)) throw new RangeError(`limit is ${String(limit)}: give it a number from 1024 to 65536`)
  const send = options.send ?? ((url, body) => navigator.sendBeacon(url, body))
  return ({ updates }: Batch) => {
    const lost = [...parcels(updates, limit)].flatMap(parcel => (parcel.body !== null && send(String(url), parcel.body) ? [] : parcel.updates))
    if (lost.length === 0) return
    if (refused === undefined) throw new Error(`${lost.length} updates found no room in a beacon`)
    refused(lost)
  }
}

interface Parcel {
  readonly updates: StatusUpdate[]
  /** `null`: one update that is too large by itself. */
  readonly body: Blob | null
}

/** What a server takes of an update. */
const written = ({ conversation, category, text, metadata, key, priority }: StatusUpdate): string => JSON.stringify({ conversation, category, text, metadata, key, priority })

function* parcels(updates: readonly StatusUpdate[], limit: number): Generator<Parcel> {
  const isHigh = (update: StatusUpdate): boolean => update.priority === 'high'
  let inside: StatusUpdate[] = []
  let parts: string[] = []
  let bytes = 1
  const close = (): Parcel => {
    const parcel = { updates: inside, body: new Blob([`[${parts.join(',')}]`], { type: 'application/json' }) }
    inside = []
    parts = []
    bytes = 1
    return parcel
  }
  for (const update of [...updates.filter(isHigh), ...updates.filter(update => !isHigh(update))]) {
    const part = written(update)
    // with the bracket or comma that follows it
    const size = utf8Length(part) + 1
    if (inside.length > 0 && (bytes + size > limit || inside.length === MOST)) yield close()
    if (1 + size > limit) {
      yield { updates: [update], body: null }
      continue
    }
    inside.push(update)
    parts.push(part)
    bytes += size
  }
  if (inside.length > 0) yield close()
}
