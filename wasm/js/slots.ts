import type { Place } from './names.js'
import type { StatusUpdate } from './types.js'

export type Update = { -readonly [K in keyof StatusUpdate]: StatusUpdate[K] }

/** What waits. The core knows each update by its index here, which is used again when it has left. */
export class Slots<Reader> {
  // columns of one table: what was said, what it replaces, and until when it is worth delivering
  readonly updates: (Update | undefined)[] = []
  readonly places: (Place<Reader> | undefined)[] = []
  readonly until: number[] = []
  readonly #free: number[] = []

  /** Puts an update in; answers where. */
  put(update: Update, place: Place<Reader>, until: number): number {
    const slot = this.#free.length > 0 ? this.#free.pop()! : this.updates.length
    this.updates[slot] = update
    this.places[slot] = place
    this.until[slot] = until
    place.refs++
    return slot
  }

  /** What was in a slot has left. */
  empty(slot: number): Place<Reader> {
    const place = this.places[slot]!
    this.updates[slot] = undefined
    this.places[slot] = undefined
    this.#free.push(slot)
    place.refs--
    return place
  }
}
