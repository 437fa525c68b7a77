// Who reads what. It hands batches to readers and keeps what stands.
import { BatchIterator } from './iterator.js'
import { isConversation, NAME_RULE, Names, type Place } from './names.js'
import { categoryIndex, flag, number, signal } from './options.js'
import type { Batch, BatchReason, Callback, Gap, Selector, StatusUpdate, SubscribeOptions, Subscription, Undo } from './types.js'

/** One subscription. */
export class Reader {
  /** Of the batch that is handed on. */
  updates: StatusUpdate[] | null = null
  isOpen = true
  /** Wants the values that stand first. */
  isNew: boolean
  readonly end: () => void

  constructor(
    /** `undefined`: everything; `null`: the whole system. */
    readonly conversation: string | null | undefined,
    /** A bit for each category. */
    readonly categories: number,
    readonly callback: Callback,
    isNew: boolean,
    end: (reader: Reader) => void,
  ) {
    this.isNew = isNew
    this.end = () => end(this)
  }
}

const NONE: readonly never[] = Object.freeze([])
const ALL = -1

/** What the hub needs of its bus. */
export interface Host {
  readonly categories: readonly string[]
  readonly epoch: string
  /** The position that the stream has reached. */
  seq(): number
  now(): number
  /** Somebody wants the values that stand. */
  wake(): void
  failed(error: unknown): void
}

export class Hub {
  readonly names: Names<Reader>
  readonly #host: Host
  readonly #everything = new Set<Reader>()
  readonly #byConversation = new Map<string | null, Set<Reader>>()
  /** Readers that get only part of what comes. */
  #partial = 0
  /** Readers that want the values that stand. */
  #fresh: Reader[] = []
  readonly #iterators = new Set<BatchIterator>()
  /** What callbacks have promised. */
  readonly promises = new Set<PromiseLike<unknown>>()
  #touched: Reader[] = []

  constructor(host: Host, retain: number) {
    this.#host = host
    this.names = new Names(retain, name => this.#byConversation.get(name))
  }

  /** The conversation and the categories of a selector. */
  select(selector: Selector): { conversation: string | null | undefined; categories: number } {
    if (selector === '*') return { conversation: undefined, categories: ALL }
    const given = typeof selector === 'string' ? { conversation: selector } : selector
    if (typeof given !== 'object' || given === null) throw new TypeError("a selector is the name of a conversation, '*', or an object with conversation and categories")
    const name = typeof given.conversation === 'number' ? String(given.conversation) : given.conversation
    if (name !== undefined && name !== null && !(typeof name === 'string' && isConversation(name)))
      throw new RangeError(`there can be no conversation '${String(name)}': its name has ${NAME_RULE}; the whole system is null`)
    const { categories: wanted } = given as { categories?: readonly string[] }
    if (wanted === undefined) return { conversation: name, categories: ALL }
    if (!Array.isArray(wanted)) throw new TypeError('categories of a selector is a list of names')
    let categories = 0
    for (const category of wanted) categories |= 1 << categoryIndex(category, this.#host.categories)
    return { conversation: name, categories }
  }

  subscribe(selector: Selector, callback: Callback, options: SubscribeOptions): Undo {
    if (typeof callback !== 'function') throw new TypeError('a callback is a function that takes a batch')
    return this.#add(selector, callback, options).end
  }

  iterate(selector: Selector, options: SubscribeOptions): Subscription {
    const { buffer = 10_000 } = options
    const most = number('buffer', buffer, 1, 1_000_000)
    let reader: Reader
    const iterator = new BatchIterator(most, () => this.#snapshot(reader), () => {
      this.#iterators.delete(iterator)
      reader.end()
    })
    reader = this.#add(selector, batch => iterator.take(batch), options, () => iterator.finish())
    if (reader.isOpen) this.#iterators.add(iterator)
    return iterator
  }

  #add(selector: Selector, callback: Callback, options: SubscribeOptions, ended?: () => void): Reader {
    const { conversation, categories } = this.select(selector)
    const { retained = true } = options
    const aborted = signal(options.signal)
    const wantsRetained = flag('retained', retained)
    const set = conversation === undefined ? this.#everything : this.#setOf(conversation)
    const isPartial = conversation !== undefined || categories !== ALL
    const reader = new Reader(conversation, categories, callback, wantsRetained, () => {
      if (!reader.isOpen) return
      reader.isOpen = false
      aborted?.removeEventListener('abort', reader.end)
      set.delete(reader)
      if (isPartial) this.#partial--
      if (conversation !== undefined && set.size === 0) {
        this.#byConversation.delete(conversation)
        this.names.readersChanged(conversation)
      }
      if (reader.isNew) this.#fresh = this.#fresh.filter(other => other !== reader)
      ended?.()
    })
    set.add(reader)
    if (isPartial) this.#partial++
    if (wantsRetained) {
      this.#fresh.push(reader)
      this.#host.wake()
    }
    if (aborted?.aborted) reader.end()
    else aborted?.addEventListener('abort', reader.end)
    return reader
  }

  #setOf(conversation: string | null): Set<Reader> {
    let set = this.#byConversation.get(conversation)
    if (set === undefined) {
      this.#byConversation.set(conversation, (set = new Set()))
      this.names.readersChanged(conversation)
    }
    return set
  }

  #batch(updates: readonly StatusUpdate[], gaps: readonly Gap[], reason: BatchReason): Batch {
    return { gaps, updates, reason, seq: this.#host.seq(), epoch: this.#host.epoch }
  }

  #snapshot(reader: Reader): Batch {
    return this.#batch(this.names.values(reader.conversation, reader.categories, this.#host.now()), NONE, 'retained')
  }

  /** Whether somebody has come since, and wants the values that stand. */
  get hasNew(): boolean {
    return this.#fresh.length > 0
  }

  /** Hands the values that stand to those that have come since. */
  greet(): void {
    while (this.#fresh.length > 0) {
      const fresh = this.#fresh
      this.#fresh = []
      for (const reader of fresh) {
        reader.isNew = false
        if (!reader.isOpen) continue
        const batch = this.#snapshot(reader)
        if (batch.updates.length > 0) this.#call(reader, batch)
      }
    }
  }

  /** Whether all readers get the same. */
  get isShared(): boolean {
    return this.#partial === 0
  }

  /** Hands a batch to everybody who reads some of it. `places` are those of the updates, unless all readers
   * get the same. */
  publish(updates: StatusUpdate[], places: readonly Place<Reader>[], gaps: readonly Gap[], reason: BatchReason): void {
    if (this.#partial === 0) {
      if (this.#everything.size === 0) return
      const batch = this.#batch(updates, gaps, reason)
      for (const reader of [...this.#everything]) if (reader.isOpen) this.#call(reader, batch)
      return
    }
    const touched = this.#touched
    const partial = [...this.#everything].filter(reader => reader.categories !== ALL)
    for (let i = 0; i < updates.length; i++) {
      const update = updates[i]!
      const { category, conversation } = places[i]!
      for (const reader of partial) if ((reader.categories >>> category) & 1) give(reader, update, touched)
      if (conversation.readers !== null)
        for (const reader of conversation.readers) if ((reader.categories >>> category) & 1) give(reader, update, touched)
    }
    const whole = this.#batch(updates, gaps, reason)
    // in the order in which they came: first those of everything
    const readers = [...this.#everything]
    if (gaps.length > 0) for (const set of this.#byConversation.values()) readers.push(...set)
    else for (const reader of touched) if (reader.conversation !== undefined) readers.push(reader)
    this.#touched = []
    for (const reader of readers) {
      const mine = reader.updates
      reader.updates = null
      if (!reader.isOpen) continue
      if (reader.conversation === undefined && reader.categories === ALL) {
        this.#call(reader, whole)
        continue
      }
      const missing = gaps.length === 0 ? gaps : gaps.filter(gap => this.#concerns(gap, reader))
      if (mine !== null || missing.length > 0) this.#call(reader, this.#batch(mine ?? NONE, missing, reason))
    }
  }

  #concerns(gap: Gap, reader: Reader): boolean {
    if (gap.scope === 'bus') return true
    if (reader.conversation !== undefined && reader.conversation !== gap.conversation) return false
    return ((reader.categories >>> this.#host.categories.indexOf(gap.category!)) & 1) === 1
  }

  #call(reader: Reader, batch: Batch): void {
    try {
      const promised = reader.callback(batch) as PromiseLike<unknown> | undefined
      if (typeof promised?.then === 'function') this.#await(promised)
    } catch (error) {
      this.#host.failed(error)
    }
  }

  #await(promised: PromiseLike<unknown>): void {
    const settled = Promise.resolve(promised).then(
      () => void this.promises.delete(settled),
      error => {
        this.promises.delete(settled)
        this.#host.failed(error)
      },
    )
    this.promises.add(settled)
  }

  /** Waits for what callbacks have promised until now. */
  async settled(): Promise<void> {
    await Promise.all(this.promises)
  }

  /** Nothing more will come: iterators end when they were read to the end. Resolves then. */
  async finish(): Promise<void> {
    await Promise.all([...this.#iterators].map(iterator => iterator.end()))
  }

  /** Whether a callback has promised something, or an iterator was not read to the end. */
  get isBusy(): boolean {
    return this.promises.size > 0 || this.#iterators.size > 0
  }

  /** How much iterators have not read. */
  unread(): number {
    let unread = 0
    for (const iterator of this.#iterators) unread += iterator.unread
    return unread
  }

  /** Ends every subscription. */
  clear(): void {
    for (const readers of [this.#everything, ...this.#byConversation.values()]) for (const reader of [...readers]) reader.end()
  }
}

function give(reader: Reader, update: StatusUpdate, touched: Reader[]): void {
  if (reader.updates === null) {
    reader.updates = []
    touched.push(reader)
  }
  reader.updates.push(update)
}
