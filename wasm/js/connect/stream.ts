import type { Batch, BatchReason, Callback, Gap, StatusUpdate } from '../types.js'
import { problem } from './answer.js'
import { ConnectError } from './error.js'
import { EventStream, type ServerEvent } from './sse.js'
import { Standing } from './standing.js'
import { gap, position, type Position, ready, updates } from './update.js'

/** The longest that a server can ask for. */
const LATEST = 300_000
/** Characters of the stream that count as much as an update, for iterators. */
const WEIGHT = 1_024

/** How a server is read. */
export interface Reading {
  readonly fetch: typeof fetch
  /** Those that are sent with each request. */
  headers(): Promise<Headers>
  /** Whether they may be others the next time. */
  readonly hasNewHeaders: boolean
  /** Not everywhere there is such a thing. */
  readonly credentials: RequestCredentials | undefined
  readonly minDelay: number
  readonly maxDelay: number
  readonly silence: number
  readonly retain: number
  readonly maxEvent: number
}

/** Who is told how it goes. */
export interface Host {
  opened(epoch: string, recovered: boolean): void
  down(error: unknown, retryIn: number | null): void
  /** A callback has thrown. */
  failed(error: unknown): void
  /** It is read no more, and forgotten. */
  ended(): void
}

/** One of those who read a stream. */
export interface Reader {
  readonly callback: Callback
  /** It does not want the values that stand when it comes. */
  isLate: boolean
  /** Nothing more will come; with why, if it was not wanted. */
  readonly over: (error?: unknown) => void
}

/** One event stream of a server, opened again when it is cut, for any number of readers. It is opened with
 * its first reader and ends with its last. */
export class Stream {
  readonly #url: string
  readonly #conversation: string | null | undefined
  readonly #reading: Reading
  readonly #host: Host
  readonly #readers = new Set<Reader>()
  /** Readers that have come since the values came, and want them. */
  readonly #fresh = new Set<Reader>()
  #isGreeting = false
  readonly #standing: Standing
  /** The first values have come. */
  #hasValues = false
  /** The next updates are the values that stand, all of them. */
  #expectsValues = true
  #position: Position | undefined
  #epoch = ''
  #weights = new WeakMap<Batch, number>()

  #isRunning = false
  #isStopped = false
  #attempt = new AbortController()
  /** Attempts since something came. */
  #failures = 0
  /** When the server wants to be asked again. */
  #retry: number
  #wake: () => void = () => {}

  constructor(url: string, conversation: string | null | undefined, reading: Reading, host: Host) {
    this.#url = url
    this.#conversation = conversation
    this.#reading = reading
    this.#host = host
    this.#standing = new Standing(reading.retain)
    this.#retry = reading.minDelay
  }

  add(reader: Reader): void {
    this.#readers.add(reader)
    if (this.#hasValues) {
      if (!reader.isLate) {
        this.#fresh.add(reader)
        if (!this.#isGreeting) queueMicrotask(() => this.#greet())
        this.#isGreeting = true
      }
      reader.isLate = false
    }
    if (this.#isRunning) return
    this.#isRunning = true
    queueMicrotask(() => void this.#run())
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader)
    this.#fresh.delete(reader)
    // not at once: who leaves and comes back, as components do, finds it as it was
    if (this.#readers.size === 0) queueMicrotask(() => this.#readers.size === 0 && this.stop())
  }

  /** Ends it; readers get no more. */
  stop(error?: unknown): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#attempt.abort()
    this.#wake()
    this.#host.ended()
    for (const reader of [...this.#readers]) reader.over(error)
  }

  /** Tries again now, if it waits. */
  hurry(): void {
    this.#wake()
  }

  get values(): StatusUpdate[] {
    return this.#standing.values()
  }

  /** The values that stand. */
  snapshot(): Batch {
    return this.#batch([], this.values, 'retained', 0)
  }

  /** What of a batch is for who reads only some of the stream; `null`: nothing. */
  part(batch: Batch, wants: (update: StatusUpdate) => boolean): Batch | null {
    const updates = batch.updates.filter(wants)
    if (updates.length === 0 && batch.gaps.length === 0 && batch.reason !== 'retained') return null
    const part = { ...batch, updates }
    this.#weights.set(part, this.#weights.get(batch) ?? 0)
    return part
  }

  /** What a batch counts for an iterator. */
  weigh(batch: Batch): number {
    return Math.max(batch.updates.length, this.#weights.get(batch) ?? 0)
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const error = await this.#read()
      if (this.#isStopped) return
      if (error instanceof ConnectError && this.#isFinal(error.status)) {
        this.#host.down(error, null)
        return this.stop(error)
      }
      const { minDelay, maxDelay } = this.#reading
      const growing = Math.min(Math.max(this.#retry, minDelay) * 2 ** this.#failures++, maxDelay)
      // not sooner than the server wants, and not when all others come
      const asked = Math.max(this.#retry, error instanceof ConnectError ? error.retryAfter : 0)
      const delay = Math.round(Math.min(Math.max(growing, asked), LATEST) * (1 + Math.random() / 2))
      this.#host.down(error ?? null, delay)
      await this.#pause(delay)
    }
  }

  /** Whether asking again would change nothing. */
  #isFinal(status: number): boolean {
    if (status === 401) return !this.#reading.hasNewHeaders
    return status === 204 || (status >= 400 && status < 500 && ![408, 425, 429].includes(status))
  }

  #pause(delay: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, delay)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#isStopped) this.#wake()
    })
  }

  /** Reads until the stream is cut; answers why, unless the server has ended it. */
  async #read(): Promise<unknown> {
    const attempt = (this.#attempt = new AbortController())
    const { signal } = attempt
    const { fetch, credentials, silence, maxEvent } = this.#reading
    let isSilent = false
    const watch = setInterval(() => {
      if (isSilent) attempt.abort(new ConnectError(`${this.#url} is silent`))
      isSilent = true
    }, silence)
    try {
      const headers = await this.#reading.headers()
      headers.set('accept', 'text/event-stream')
      if (this.#position !== undefined) headers.set('last-event-id', `${this.#position.epoch}-${this.#position.seq}`)
      signal.throwIfAborted()
      const response = await fetch(this.#url, credentials === undefined ? { headers, signal } : { headers, signal, credentials })
      const wrong = await problem(response)
      if (wrong !== null) return wrong
      const events = new EventStream(maxEvent, event => this.#isStopped || this.#take(event), retry => (this.#retry = retry))
      const decoder = new TextDecoder()
      const body = response.body!.getReader()
      for (;;) {
        const { done, value } = await body.read()
        if (done) return undefined
        isSilent = false
        events.push(decoder.decode(value, { stream: true }))
      }
    } catch (error) {
      return error
    } finally {
      clearInterval(watch)
      attempt.abort()
    }
  }

  #take({ name, data, id }: ServerEvent): void {
    if (name === 'ready' && data !== null) return this.#begin(data)
    if (name !== 'status' && name !== 'gap') return
    this.#failures = 0
    const at = position(id)
    if (at !== undefined) {
      this.#position = at
      this.#epoch = at.epoch
    }
    if (data === null) return this.#lost('too_large', 1)
    if (name === 'gap') {
      const missing = gap(data, this.#position?.seq ?? 0, this.#conversation)
      // who was too slow gets the values that stand, and goes on from there
      if (missing.scope === 'reader') this.#expectsValues = true
      return this.#publish([missing], [], 'received', data.length)
    }
    const given = updates(data)
    if (given.invalid > 0) this.#lost('invalid', given.invalid)
    if (!this.#expectsValues) return this.#publish([], given.updates, 'received', data.length)
    const isFirst = !this.#hasValues
    this.#expectsValues = false
    this.#hasValues = true
    this.#standing.clear()
    this.#publish([], given.updates, 'retained', data.length, isFirst)
  }

  #begin(data: string): void {
    const begun = ready(data)
    if (begun === undefined) return
    this.#epoch = begun.epoch
    this.#expectsValues = !begun.recovered
    this.#host.opened(begun.epoch, begun.recovered)
  }

  /** Something has come that could not be taken. */
  #lost(reason: 'invalid' | 'too_large', count: number): void {
    const missing: Gap = { seq: this.#position?.seq ?? 0, count, reasons: { [reason]: count }, scope: 'reader' }
    this.#publish([missing], [], 'received', 0)
  }

  #batch(gaps: readonly Gap[], updates: readonly StatusUpdate[], reason: BatchReason, size: number): Batch {
    const seq = this.#position?.seq ?? updates.at(-1)?.seq ?? 0
    const batch: Batch = { gaps, updates, reason, seq, epoch: this.#epoch }
    this.#weights.set(batch, Math.ceil(size / WEIGHT))
    return batch
  }

  #publish(gaps: readonly Gap[], updates: readonly StatusUpdate[], reason: BatchReason, size: number, isFirst = false): void {
    this.#greet()
    for (const update of updates) this.#standing.add(update)
    const readers = [...this.#readers]
    const batch = this.#batch(gaps, updates, reason, size)
    for (const reader of readers) {
      const isUnwanted = isFirst && (reader.isLate || updates.length === 0)
      if (isFirst) reader.isLate = false
      if (!isUnwanted && this.#readers.has(reader)) this.#call(reader, batch)
    }
  }

  /** Hands the values that stand to those that have come since. */
  #greet(): void {
    this.#isGreeting = false
    for (const reader of [...this.#fresh]) {
      // one that was called may have ended another
      if (!this.#fresh.delete(reader)) continue
      const batch = this.snapshot()
      if (batch.updates.length > 0) this.#call(reader, batch)
    }
  }

  #call(reader: Reader, batch: Batch): void {
    try {
      const promised = reader.callback(batch) as PromiseLike<unknown> | undefined
      if (typeof promised?.then === 'function') promised.then(undefined, error => this.#host.failed(error))
    } catch (error) {
      this.#host.failed(error)
    }
  }
}
