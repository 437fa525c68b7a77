// What a bus tells of itself, at most once a second while it lasts.
import { absent } from './options.js'
import { report } from './report.js'
import type { BusEvents, Gap, Undo } from './types.js'

const NAMES: readonly string[] = ['overflow', 'loss', 'error'] satisfies (keyof BusEvents)[]

export class Events {
  readonly #listeners = new Map<string, Set<(event: never) => void>>()
  #isOverflowing = false
  /** Updates lost to a full queue since overflow was last over. */
  #lost = 0
  #toldAt = 0

  on<K extends keyof BusEvents>(event: K, listener: (event: BusEvents[K]) => void): Undo {
    if (!NAMES.includes(event)) throw new RangeError(absent('event', event, NAMES))
    if (typeof listener !== 'function') throw new TypeError('a listener is a function')
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  #tell<K extends keyof BusEvents>(event: K, what: BusEvents[K]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(what as never)
      } catch (error) {
        report(error)
      }
    }
  }

  /** A callback has failed. */
  failed(error: unknown): void {
    if (this.#listeners.get('error')?.size) this.#tell('error', { error })
    else report(error)
  }

  /** An update was lost to a full queue. Told with the next batch: who sends is not called back. */
  lost(): void {
    this.#lost++
  }

  /** What the core says with a batch: whether overflow started, and how many were lost in one that ended. */
  overflow(started: number, ended: number, now: number): void {
    if (started) this.#say('started', now)
    if (ended > 0) {
      this.#isOverflowing = false
      this.#lost = 0
      this.#tell('overflow', { phase: 'ended', lost: ended })
    } else if (this.#isOverflowing && now - this.#toldAt >= 1_000) this.#say('ongoing', now)
  }

  #say(phase: 'started' | 'ongoing', now: number): void {
    this.#isOverflowing = true
    this.#toldAt = now
    this.#tell('overflow', { phase, lost: this.#lost })
  }

  /** What is missing in front of a batch. */
  loss(gaps: readonly Gap[]): void {
    if (gaps.length === 0) return
    const reasons: Record<string, number> = {}
    let count = 0
    for (const gap of gaps) {
      count += gap.count
      for (const [reason, more] of Object.entries(gap.reasons)) reasons[reason] = (reasons[reason] ?? 0) + more
    }
    this.#tell('loss', { count, reasons })
  }
}
