import type { Batch, Gap, Subscription } from './types.js'

type Result = IteratorResult<Batch, undefined>

/** Batches that wait to be read, at most so many updates: who is slower than that gets one gap for
 * everything that waited, and the values that stand. */
export class BatchIterator implements Subscription {
  readonly #most: number
  readonly #snapshot: () => Batch
  readonly #stop: () => void
  readonly #weigh: (batch: Batch) => number
  #batches: Batch[] = []
  /** Updates in them. */
  unread = 0
  /** What they weigh. */
  #weight = 0
  #missed = 0
  #waiting: ((result: Result) => void)[] = []
  #isOver = false
  #drained: (() => void) | undefined

  /** `weigh`: what a batch counts against `most`; default: its updates. */
  constructor(most: number, snapshot: () => Batch, stop: () => void, weigh = (batch: Batch): number => batch.updates.length) {
    this.#most = most
    this.#snapshot = snapshot
    this.#stop = stop
    this.#weigh = weigh
  }

  /** A batch has come. */
  take(batch: Batch): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) return waiting({ done: false, value: batch })
    const weight = this.#weigh(batch)
    this.#batches.push(batch)
    this.unread += batch.updates.length
    this.#weight += weight
    // gaps without updates weigh nothing, but take room
    if (this.#missed > 0 || this.#weight > this.#most || this.#batches.length > this.#most + 1) this.#miss()
  }

  /** What waits will not be read: neither its updates, nor how many were missing before. */
  #miss(): void {
    for (const { updates, gaps } of this.#batches) this.#missed += updates.length + gaps.reduce((sum, gap) => sum + gap.count, 0)
    this.#missed ||= 1
    this.unread = this.#weight = 0
    this.#batches = []
  }

  /** Nothing more will come. Resolves when everything was read. */
  end(): Promise<void> {
    return new Promise(resolve => {
      this.#drained = resolve
      this.#isOver = true
      if (this.#batches.length === 0 && this.#missed === 0) this.finish()
    })
  }

  /** It is over, and what was not read is gone. */
  finish(): void {
    this.#isOver = true
    this.#batches = []
    this.unread = this.#weight = this.#missed = 0
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined })
    this.#drained?.()
    this.#drained = undefined
    this.#stop()
  }

  #lagged(): Batch {
    const missed = this.#missed
    this.#missed = 0
    const batch = this.#snapshot()
    const gap: Gap = { seq: 0, count: missed, reasons: { lagged: missed }, scope: 'reader' }
    return { ...batch, gaps: [gap] }
  }

  next(): Promise<Result> {
    if (this.#missed > 0) return Promise.resolve({ done: false, value: this.#lagged() })
    const batch = this.#batches.shift()
    if (batch !== undefined) {
      this.unread -= batch.updates.length
      this.#weight -= this.#weigh(batch)
      return Promise.resolve({ done: false, value: batch })
    }
    if (this.#isOver) {
      this.finish()
      return Promise.resolve({ done: true, value: undefined })
    }
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  return(): Promise<Result> {
    this.finish()
    return Promise.resolve({ done: true, value: undefined })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.finish()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
