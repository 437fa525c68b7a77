import type { StatusUpdate } from '../types.js'

/** Most characters of the values that are kept. */
const MOST_CHARACTERS = 16 * 1024 * 1024

/** The last value of each conversation, category and key: at most so many, and not too many characters; the
 * least recent are forgotten first. */
export class Standing {
  readonly #values = new Map<string, { readonly update: StatusUpdate; readonly size: number }>()
  readonly #most: number
  #size = 0

  constructor(most: number) {
    this.#most = most
  }

  add(update: StatusUpdate): void {
    const { conversation, category, key, text, metadata } = update
    const place = `${conversation ?? ''}\n${category}\n${key === null ? '' : `=${key}`}`
    const size = place.length + text.length + charactersOf(metadata)
    this.#remove(place)
    if (size > MOST_CHARACTERS) return
    this.#values.set(place, { update, size })
    this.#size += size
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#most && this.#size <= MOST_CHARACTERS) return
      this.#remove(oldest)
    }
  }

  clear(): void {
    this.#values.clear()
    this.#size = 0
  }

  /** The values, the least recent first. */
  values(): StatusUpdate[] {
    return Array.from(this.#values.values(), value => value.update)
  }

  #remove(place: string): void {
    this.#size -= this.#values.get(place)?.size ?? 0
    this.#values.delete(place)
  }
}

function charactersOf(metadata: unknown): number {
  if (metadata === null) return 0
  try {
    return JSON.stringify(metadata).length
  } catch {
    // nested more deeply than can be written: it is not kept
    return MOST_CHARACTERS
  }
}
