import { ConnectError } from './connect/error.js'
import { type Reader, type Reading, Stream } from './connect/stream.js'
import { BatchIterator } from './iterator.js'
import { isConversation, NAME_RULE } from './names.js'
import { absent, flag, known, number, object, signal } from './options.js'
import { report } from './report.js'
import type { Batch, Callback, Category, Selector, StatusUpdate, SubscribeOptions, Subscription, Undo } from './types.js'

export { ConnectError } from './connect/error.js'

type HeaderValues = Headers | Readonly<Record<string, string>> | readonly (readonly [string, string])[]

/** How to read a server. */
export interface ConnectOptions {
  /** Sent with each request, as `authorization`. A function is called before each, so that a token that has
   * run out can be replaced. */
  headers?: HeaderValues | (() => HeaderValues | PromiseLike<HeaderValues>) | undefined
  /** Whether cookies go along: as for `fetch`, with its default. */
  credentials?: RequestCredentials | undefined
  /** What is used instead of the global `fetch`. */
  fetch?: typeof fetch | undefined
  /** After how many milliseconds a stream that was cut is opened again at the earliest: 100 to 300,000,
   * default 1,000. What the server asks for (`retry:`, `Retry-After`) counts if it is more. Each time that
   * nothing comes it is twice as long, and up to half as much again by chance. */
  minDelay?: number | undefined
  /** The longest that this grows to, in milliseconds: 100 to 300,000, default 30,000. */
  maxDelay?: number | undefined
  /** After how many milliseconds without a sign of life a stream counts as cut (at the latest after twice as
   * many): 1,000 to 3,600,000, default 30,000. Servers send one every 15 seconds. */
  silence?: number | undefined
  /** `each` (default): each selection has a stream of its own, and only what is read comes. `one`: one stream of
   * everything, of which each reader gets its part; for pages that read many conversations, since browsers
   * open six streams of a server and no more (HTTP/2 has more). The server has to allow that, and its gaps are
   * those of all. */
  streams?: 'each' | 'one' | undefined
  /** Of how many topics and keys of a stream the last values are kept, for who comes late: 0 to 1,000,000,
   * default 10,000, and never more than 16 Mi characters. */
  retain?: number | undefined
  /** The largest event that is taken, in characters: 1,024 to 268,435,456, default 8 Mi. A larger one is told
   * as a gap (`too_large`). */
  maxEvent?: number | undefined
  /** Closes the connection when it is aborted. */
  signal?: AbortSignal | undefined
}

/** What a connection tells of itself. */
export interface ConnectionEvents {
  /** A stream is open. `recovered`: it goes on where it was, and nothing is missing. Else readers get the
   * values that stand, as a batch with the reason `retained`: what was said before those and had not come
   * is not told. */
  open: { readonly selector: Selector; readonly epoch: string; readonly recovered: boolean }
  /** A stream is not open: `error` says why (`null`: the server has ended it), `retryIn` in how many
   * milliseconds it is tried again (`null`: it is not, since that would change nothing; its readers have
   * ended). Without a listener the last case is reported as uncaught errors are, if a callback has ended. */
  down: { readonly selector: Selector; readonly error: unknown; readonly retryIn: number | null }
  /** A callback has thrown, or the promise that it returned was rejected. Without a listener the error is
   * reported as uncaught ones are. */
  error: { readonly error: unknown }
}

/** A status server that is read. See {@link connect}. */
export interface Connection extends AsyncDisposable {
  /** Has `callback` called with each batch that the server sends for the selector, the values that stand
   * first. Whatever it does, nobody else notices. The stream is opened with the first reader of a selector,
   * and ends with the last. Answers how to end it. */
  subscribe(selector: Selector, callback: Callback, options?: SubscribeOptions): Undo
  /** The same, to be read by `for await`. A reader that is too slow is told so by a gap and goes on with the
   * values that stand. It throws a {@link ConnectError} if the server does not let it read. */
  subscribe(selector: Selector, options?: SubscribeOptions): Subscription
  /** The values that stand, as far as a stream of just this selector is open and has them. */
  retained(selector?: Selector): StatusUpdate[]
  /** Has `listener` told what the connection tells of itself. Answers how to end it. */
  on<K extends keyof ConnectionEvents>(event: K, listener: (event: ConnectionEvents[K]) => void): Undo
  /** Ends all streams. Iterators give what has come before they end. */
  close(): Promise<void>
  /** Whether it was closed. */
  readonly closed: boolean
}

const OPTIONS = ['headers', 'credentials', 'fetch', 'streams', 'minDelay', 'maxDelay', 'silence', 'retain', 'maxEvent', 'signal']
const EVENTS = ['open', 'down', 'error']
const MOST_DELAY = 300_000

/** An iterator that throws, at its end, why it could not be read on. */
class Failing extends BatchIterator {
  failure: unknown

  override async next(): Promise<IteratorResult<Batch, undefined>> {
    const result = await super.next()
    const error = this.failure
    if (!result.done || error === undefined) return result
    this.failure = undefined
    throw error
  }
}

class Connecting implements Connection {
  readonly #base: URL
  readonly #reading: Reading
  readonly #hasOne: boolean
  readonly #streams = new Map<string, Stream>()
  readonly #listeners = new Map<string, Set<(event: never) => void>>()
  readonly #signal: AbortSignal | undefined
  readonly #abort = (): void => void this.close()
  readonly #hurry = (): void => {
    for (const stream of this.#streams.values()) stream.hurry()
  }
  #isClosed = false
  #reported: unknown

  constructor(url: string | URL, options: ConnectOptions) {
    known(object('options', options), OPTIONS)
    const { headers, streams = 'each', minDelay = 1_000, maxDelay = 30_000, silence = 30_000, retain = 10_000, maxEvent = 8 * 1024 * 1024 } = options
    if (options.fetch !== undefined && typeof options.fetch !== 'function') throw new TypeError('fetch is no function')
    if (streams !== 'each' && streams !== 'one') throw new RangeError(`streams is '${String(streams)}': it is one of 'each', 'one'`)
    this.#hasOne = streams === 'one'
    const isFunction = typeof headers === 'function'
    const given = isFunction ? headers : () => headers
    if (!isFunction) new Headers(headers as HeadersInit) // throws if there is something wrong with them
    this.#base = new URL(url, (globalThis as { location?: Location }).location?.href)
    this.#reading = {
      // looked up each time, so that it can be replaced by what measures or tests
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      headers: async () => new Headers((await given()) as HeadersInit),
      hasNewHeaders: isFunction,
      credentials: options.credentials,
      minDelay: number('minDelay', minDelay, 100, MOST_DELAY, false),
      maxDelay: number('maxDelay', maxDelay, 100, MOST_DELAY, false),
      silence: number('silence', silence, 1_000, 3_600_000, false),
      retain: number('retain', retain, 0, 1_000_000),
      maxEvent: number('maxEvent', maxEvent, 1_024, 1 << 28),
    }
    // the network is there again: nobody wants to wait for a timer then
    ;(globalThis as Partial<EventTarget>).addEventListener?.('online', this.#hurry)
    this.#signal = signal(options.signal)
    this.#signal?.addEventListener('abort', this.#abort)
    if (this.#signal?.aborted) this.#abort()
  }

  subscribe(selector: Selector, callback: Callback, options?: SubscribeOptions): Undo
  subscribe(selector: Selector, options?: SubscribeOptions): Subscription
  subscribe(selector: Selector, second: Callback | SubscribeOptions = {}, options: SubscribeOptions = {}): Undo | Subscription {
    if (typeof second === 'function') return this.#add(selector, second, options, error => this.#ended(error)).end
    object('the callback, or options,', second)
    const most = second.buffer === undefined ? 10_000 : number('buffer', second.buffer, 1, 1_000_000)
    let end = (): void => {}
    let stream: Stream | undefined
    const wants = this.#wants(selector)
    const part = (batch: Batch): Batch => (wants === undefined ? batch : stream!.part(batch, wants)!)
    const iterator: Failing = new Failing(
      most,
      () => part(stream!.snapshot()),
      () => end(),
      batch => stream!.weigh(batch),
    )
    const added = this.#add(selector, batch => iterator.take(batch), second, error => {
      iterator.failure = error
      // what has come is still read
      void iterator.end()
    })
    stream = added.stream
    end = added.end
    return iterator
  }

  #add(selector: Selector, callback: Callback, options: SubscribeOptions, over: (error: unknown) => void): { stream: Stream; end: Undo } {
    const { key, path, conversation } = select(this.#hasOne ? '*' : selector)
    const wants = this.#wants(selector)
    const aborted = signal(options.signal)
    const isLate = options.retained !== undefined && !flag('retained', options.retained)
    const stream = this.#streams.get(key) ?? this.#stream(key, path, conversation, this.#hasOne ? '*' : selector)
    let isOpen = true
    const leave = (error?: unknown): void => {
      if (!isOpen) return
      isOpen = false
      aborted?.removeEventListener('abort', end)
      stream.remove(reader)
      over(error)
    }
    const end = (): void => leave()
    let hasSome = false
    const take = (batch: Batch): unknown => {
      const part = stream.part(batch, wants!)
      // values that stand, but none of its own: that is news only for who has had some
      if (part === null || (part.updates.length === 0 && part.gaps.length === 0 && !hasSome)) return undefined
      hasSome = true
      return callback(part)
    }
    const reader: Reader = { callback: wants === undefined ? callback : (take as Callback), isLate, over: leave }
    if (this.#isClosed || aborted?.aborted) {
      isOpen = false
      queueMicrotask(() => over(undefined))
      return { stream, end }
    }
    this.#streams.set(key, stream)
    aborted?.addEventListener('abort', end)
    stream.add(reader)
    return { stream, end }
  }

  /** What of its stream a selector is for; `undefined`: all of it. */
  #wants(selector: Selector): ((update: StatusUpdate) => boolean) | undefined {
    if (!this.#hasOne) return undefined
    const { conversation, categories } = select(selector)
    return update => (conversation === undefined || update.conversation === conversation) && (categories === undefined || categories.includes(update.category))
  }

  #stream(key: string, path: string, conversation: string | null | undefined, selector: Selector): Stream {
    const url = new URL(this.#base)
    const [name, query] = path.split('?') as [string, string?]
    url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/${name}`
    for (const [parameter, value] of new URLSearchParams(query)) url.searchParams.set(parameter, value)
    return new Stream(url.href, conversation, this.#reading, {
      opened: (epoch, recovered) => this.#tell('open', { selector, epoch, recovered }),
      down: (error, retryIn) => void this.#tell('down', { selector, error, retryIn }),
      failed: error => this.#tell('error', { error }) || report(error),
      ended: () => void this.#streams.delete(key),
    })
  }

  retained(selector: Selector = '*'): StatusUpdate[] {
    const { key } = select(this.#hasOne ? '*' : selector)
    const values = this.#streams.get(key)?.values ?? []
    const wants = this.#wants(selector)
    return wants === undefined ? values : values.filter(wants)
  }

  on<K extends keyof ConnectionEvents>(event: K, listener: (event: ConnectionEvents[K]) => void): Undo {
    if (!EVENTS.includes(event)) throw new RangeError(absent('event', event, EVENTS))
    if (typeof listener !== 'function') throw new TypeError('a listener is a function')
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  /** A callback gets no more, and has no other way to know why. */
  #ended(error: unknown): void {
    if (error === undefined || error === this.#reported || this.#listeners.get('down')?.size) return
    this.#reported = error
    report(error)
  }

  /** Answers whether anybody listens. */
  #tell<K extends keyof ConnectionEvents>(event: K, what: ConnectionEvents[K]): boolean {
    const listeners = [...(this.#listeners.get(event) ?? [])]
    for (const listener of listeners) {
      try {
        listener(what as never)
      } catch (error) {
        report(error)
      }
    }
    return listeners.length > 0
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#signal?.removeEventListener('abort', this.#abort)
    ;(globalThis as Partial<EventTarget>).removeEventListener?.('online', this.#hurry)
    for (const stream of [...this.#streams.values()]) stream.stop()
  }

  get closed(): boolean {
    return this.#isClosed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Where a server has what a selector is for. */
function select(selector: Selector): { key: string; path: string; conversation: string | null | undefined; categories: readonly Category[] | undefined } {
  const given = selector === '*' ? {} : typeof selector === 'string' ? { conversation: selector } : object('a selector', selector) as Exclude<Selector, string>
  const conversation = typeof given.conversation === 'number' ? String(given.conversation) : given.conversation
  if (typeof conversation === 'string' ? !isConversation(conversation) : conversation !== undefined && conversation !== null)
    throw new RangeError(`there can be no conversation '${String(conversation)}': its name has ${NAME_RULE}; the whole system is null`)
  const where = conversation === undefined ? 'events' : conversation === null ? 'system/events' : `status/${encodeURIComponent(conversation)}/events`
  const { categories } = given
  if (categories === undefined) return { key: where, path: where, conversation, categories }
  if (!Array.isArray(categories) || categories.length === 0 || !categories.every((name: unknown) => typeof name === 'string' && name !== '' && !name.includes(',')))
    throw new TypeError('categories of a selector is a list of names, one at least')
  const query = new URLSearchParams({ categories: [...new Set<Category>(categories)].sort().join(',') })
  const path = `${where}?${query}`
  return { key: path, path, conversation, categories }
}

/**
 * Reads what a statusbus server delivers over HTTP, in the shape of a bus. Streams that are cut are opened
 * again where they were, so that nothing is missing and nothing comes twice; where that cannot be had,
 * readers are told and get the values that stand.
 *
 * ```js
 * import { connect } from 'statusbus/connect'
 *
 * const server = connect('https://status.example.org', { headers: { authorization: `Bearer ${token}` } })
 * const undo = server.subscribe('conv-42', batch => render(batch.updates))
 * ```
 *
 * @param url Where the server's `/v1` is; in a page it may be relative.
 * @throws TypeError or RangeError if the address or an option is wrong.
 */
export function connect(url: string | URL, options: ConnectOptions = {}): Connection {
  return new Connecting(url, options)
}
