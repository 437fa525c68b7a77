import type { Core, CoreExports } from './core.js'
import { Door } from './door.js'
import { Events } from './events.js'
import { checkExtra, found } from './extra.js'
import { Gaps } from './gaps.js'
import { Hub, type Reader } from './hub.js'
import { readLedger } from './ledger.js'
import { live } from './life.js'
import type { Place } from './names.js'
import * as check from './options.js'
import { Slots } from './slots.js'
import { isLarger } from './text.js'
import { clock as monotonic, soon, Timer, within } from './turns.js'
import type * as Types from './types.js'
import { NOTHING_LEFT, OUTCOMES, PRIORITIES, QUEUED, QUEUED_CODE, REASONS, REFUSALS, refused } from './words.js'

/** Apart from the bus, which it must not keep alive. */
const releaser = (exports: CoreExports, id: number) => (): void => exports.release(id)

type Name = string | number | null

/** After so many updates in one turn the clock is read again. */
const READING = 256
const NOTHING: Types.Extra = Object.freeze({})
/** Gives back the memory of buses that nobody has closed. */
const abandoned = typeof FinalizationRegistry === 'function' ? new FinalizationRegistry<() => void>(release => release()) : undefined

/**
 * A bus over the compiled core. What is said stays in `#slots`; the core decides by the index there. This
 * class checks what comes in, hands on what comes out, and sets the one timer.
 */
export class Bus implements Types.StatusBus {
  readonly ready: Promise<void>
  #core: CoreExports | null = null
  #id = 0
  /** Where the core writes. */
  #report = new Float64Array(0)
  /** Where the core writes the slots of updates that have left. */
  #left = 0
  readonly #options: ReturnType<typeof check.options>
  #settings: check.Checked
  readonly #categories: readonly string[]
  readonly #priorities: number[] = []
  readonly #ttls: number[] = []
  readonly #hub: Hub
  readonly #gaps = new Gaps<Reader>()

  readonly #slots = new Slots<Reader>()

  readonly #clock: () => number
  #now = 0
  // Not a number at first: so it is kept as one object, and not made anew for each update that has it.
  #at = null as unknown as number
  /** How many updates may still be sent with this reading of the clock. */
  #readings = 0
  readonly #endTurn = (): void => {
    this.#readings = 0
  }

  readonly #timer = new Timer(() => this.#run(false))
  #isWoken = false
  #isRunning = false
  #isHurried = false
  #afterRun: (() => void)[] = []

  #isClosed = false
  #closing: Promise<Types.FinalLedger> | undefined
  #stopLiving: () => void = () => {}
  // held here: the page itself holds it weakly
  readonly #onPage = { flush: () => this.flush(), wake: () => this.#isLate() }
  readonly #abort = (): void => void this.close()

  readonly #door = new Door()
  readonly #events = new Events()
  #epoch: string | undefined
  #seq = 0

  constructor(options: Types.Options, core: Core | PromiseLike<Core>) {
    const checked = (this.#options = check.options(options))
    this.#settings = checked
    this.#clock = checked.clock ?? monotonic
    this.#epoch = checked.epoch
    this.#categories = checked.categories.names
    this.#note(this.#categories.map((_, index) => check.usualCategory(index)))
    this.#note(checked.categories.settings)
    const bus = this
    this.#hub = new Hub(
      {
        categories: this.#categories,
        get epoch() {
          return bus.epoch
        },
        seq: () => this.#seq,
        now: () => this.#read(),
        wake: () => this.#wake(),
        failed: error => this.#events.failed(error),
      },
      checked.retain,
    )
    if (checked.flushOnHide && !checked.isManual) this.#stopLiving = live(this.#onPage)
    if ('exports' in core) {
      this.#begin(core)
      this.ready = Promise.resolve()
    } else {
      this.ready = Promise.resolve(core).then(loaded => this.#begin(loaded))
      this.ready.catch(error => this.#abandon(error))
    }
    checked.signal?.addEventListener('abort', this.#abort)
    if (checked.signal?.aborted) this.#abort()
  }

  /** The core is there. */
  #begin({ exports }: Core): void {
    const { capacity } = this.#options
    const id = exports.create(capacity, this.#categories.length)
    if (id === 0) throw new RangeError(`there is no memory for ${capacity} updates: give a smaller capacity`)
    this.#core = exports
    this.#id = id
    this.#left = this.#numbers(exports)[0]!
    abandoned?.register(this, releaser(exports, id), this)
    this.#read()
    this.#apply(this.#settings, this.#priorities.map((priority, index) => ({ index, priority, ttl: this.#ttls[index]! })))
    // nothing is due: told so, the core says when something is
    exports.poll(id, this.#now)
    const waiting = this.#door.open(reason => exports.refuse(id, reason))
    for (const { slot, kind, ttl } of waiting) this.#offer(slot, this.#slots.places[slot]!, kind, ttl)
    this.#wake()
  }

  /** There will be no core: what has waited for it is lost, and counted. */
  #abandon(error: unknown): void {
    this.#isClosed = true
    this.#door.abandon()
    this.#events.failed(error)
  }

  engine(conversation: Name, text: string, extra: Types.Extra = NOTHING): Types.Outcome {
    return this.#say(conversation, 0, text, extra, null)
  }

  tool(conversation: Name, text: string, extra: Types.Extra = NOTHING): Types.Outcome {
    return this.#say(conversation, 1, text, extra, null)
  }

  workflow(conversation: Name, text: string, extra: Types.Extra = NOTHING): Types.Outcome {
    return this.#say(conversation, 2, text, extra, null)
  }

  progress(conversation: Name, text: string, extra: Types.Extra = NOTHING): Types.Outcome {
    return this.#say(conversation, 3, text, extra, null)
  }

  error(conversation: Name, text: string, extra: Types.Extra = NOTHING): Types.Outcome {
    return this.#say(conversation, 4, text, extra, null)
  }

  info(conversation: Name, text: string, extra: Types.Extra = NOTHING): Types.Outcome {
    return this.#say(conversation, 5, text, extra, null)
  }

  planning(conversation: Name, text: string, extra: Types.Extra = NOTHING): Types.Outcome {
    return this.#say(conversation, 6, text, extra, null)
  }

  send(update: Types.Sending): Types.Outcome {
    if (typeof update !== 'object' || update === null) return this.#refuse('invalid')
    return this.#say(update.conversation, this.#categories.indexOf(update.category), update.text, update, null)
  }

  /** What came over a bridge, with the time at which it was sent. Not part of the public type. */
  receive(update: Types.Sending & { at?: unknown }, origin: string): Types.Outcome {
    if (typeof update !== 'object' || update === null) return this.#refuse('invalid')
    return this.#say(update.conversation, this.#categories.indexOf(update.category), update.text, update, origin, update.at)
  }

  #say(name: unknown, category: number, text: string, extra: Types.Extra, origin: string | null, at: unknown = null): Types.Outcome {
    if (this.#isClosed) return this.#refuse('closed')
    const conversation = this.#hub.names.conversation(name)
    if (conversation === undefined || typeof text !== 'string') return this.#refuse('invalid')
    if (category < 0) return this.#refuse('unknown_category')
    const { textLimit } = this.#options
    if (text.length * 3 > textLimit && isLarger(text, textLimit)) return this.#refuse('too_large')
    let metadata: unknown = null
    let key: string | null = null
    let kind = category
    let ttl = -1
    if (extra !== NOTHING && extra !== null) {
      const wrong = checkExtra(extra, this.#options)
      if (wrong !== undefined) return this.#refuse(wrong)
      metadata = found.metadata
      key = found.key
      kind |= (found.priority + 1) << 5
      ttl = found.ttl
    }
    if (this.#readings-- <= 0) this.#beginTurn()
    const place = (key === null ? conversation.topics[category] : undefined) ?? this.#hub.names.place(conversation, category, key)
    const lasts = ttl >= 0 ? ttl : this.#ttls[category]!
    const slot = this.#slots.put(
      {
        seq: 0,
        conversation: conversation.name,
        category: this.#categories[category]!,
        text,
        metadata,
        key,
        priority: PRIORITIES[kind > 31 ? (kind >> 5) - 1 : this.#priorities[category]!]!,
        at: typeof at === 'number' ? at : this.#at,
        origin,
      },
      place,
      lasts < 0 ? Infinity : this.#now + lasts,
    )
    return this.#core === null ? this.#keep(slot, kind, ttl) : this.#offer(slot, place, kind, ttl)
  }

  #offer(slot: number, place: Place<Reader>, kind: number, ttl: number): Types.Outcome {
    const answer = this.#core!.send(this.#id, slot, place.topic, place.number, kind, ttl, this.#now)
    // nothing has left, and nobody has to be woken
    return (answer & 255) === QUEUED_CODE ? QUEUED : this.#answered(answer)
  }

  /** The core is not there yet. */
  #keep(slot: number, kind: number, ttl: number): Types.Outcome {
    if (this.#door.length >= this.#settings.queueLimit) {
      this.#vacate(slot)
      return this.#refuse('full')
    }
    this.#door.keep({ slot, kind, ttl })
    return QUEUED
  }

  /** What else the core has said: something has left, and whoever polls has to be woken. */
  #answered(answer: number): Types.Outcome {
    if (answer & 32) this.#wake()
    const index = answer & 31
    if (index !== NOTHING_LEFT) {
      const place = this.#vacate(answer >>> 8)
      if (index < 7) this.#gaps.lost(place)
      if (index < 13 && index !== 6) this.#events.lost()
    }
    return OUTCOMES[answer & 159]!
  }

  /** What was in a slot has left without being delivered. */
  #vacate(slot: number): Place<Reader> {
    const place = this.#slots.empty(slot)
    this.#hub.names.leave(place)
    return place
  }

  #refuse(reason: Types.RefuseReason): Types.Outcome {
    const index = REFUSALS.indexOf(reason)
    if (this.#core === null) this.#door.refuse(index)
    else this.#core.refuse(this.#id, index)
    return refused(reason)
  }

  /** The clock is read once a turn: its updates were sent at the same time. */
  #beginTurn(): void {
    this.#read()
    this.#at = Date.now()
    this.#readings = READING
    queueMicrotask(this.#endTurn)
    // the timer may have died with the request that set it, or wait in a page that nobody sees
    if (this.#now >= this.#timer.due) this.#isLate()
  }

  #read(): number {
    return (this.#now = this.#clock())
  }

  #isLate(): void {
    this.#timer.clear()
    this.#read()
    this.#wake()
  }

  /** Something may be due, or has to be some time. */
  #wake(): void {
    if (this.#options.isManual || this.#isWoken || this.#isRunning || this.#core === null) return
    const at = this.#hub.hasNew ? this.#now : this.#core.poll_at(this.#id)
    if (at < 0) return
    if (at > this.#now) {
      // nothing is due: told so, the core wakes again when a batch is full before that
      this.#core.poll(this.#id, this.#now)
      return this.#timer.set(at, this.#now)
    }
    this.#isWoken = true
    queueMicrotask(() => this.#run(false))
  }

  /** Hands on what is due; all of it, or as much as one turn allows. */
  #run(isAll: boolean): void {
    this.#isWoken = false
    if (isAll) this.#isHurried = true
    const core = this.#core
    if (core === null || this.#isRunning) return
    if (!this.#canRun()) {
      this.#isHurried = false
      this.#timer.due = this.#now
      return
    }
    this.#isRunning = true
    if (!isAll) this.#read()
    const until = this.#now + this.#options.slice
    let isMore = true
    for (;;) {
      this.#hub.greet()
      const polled = core.poll(this.#id, this.#now)
      if (polled !== 1) {
        if (polled === 2) this.#events.overflow(0, this.#numbers(core)[6]!, this.#now)
        if (this.#hub.hasNew) continue
        isMore = false
        break
      }
      this.#deliver(core)
      core.delivered(this.#id, this.#now)
      if (!this.#isHurried && !this.#options.isManual && this.#read() > until) break
    }
    this.#isRunning = this.#isHurried = false
    for (const done of this.#afterRun.splice(0)) done()
    this.#readings = 0
    if (!isMore) return this.#wake()
    this.#isWoken = true
    soon(() => this.#run(false))
  }

  /** At the top of a worker's module there is neither randomness nor a timer: what is sent there waits for
   * the first request. */
  #canRun(): boolean {
    try {
      return this.epoch !== ''
    } catch {
      return false
    }
  }

  #deliver(core: CoreExports): void {
    const report = this.#numbers(core)
    const [size, expired, reason, first, gapSeq, started, lost] = report as unknown as [number, number, number, number, number, number, number]
    const left = new Uint32Array(core.memory.buffer, this.#left, expired + size)
    for (let i = 0; i < expired; i++) this.#gaps.lost(this.#vacate(left[i]!))
    const gaps = gapSeq === 0 ? [] : this.#gaps.read(report, gapSeq, this.#categories)
    const slots = this.#slots
    const { names, isShared } = this.#hub
    const updates: Types.StatusUpdate[] = []
    const places: Place<Reader>[] = []
    for (let i = 0; i < size; i++) {
      const slot = left[expired + i]!
      const update = slots.updates[slot]!
      update.seq = first + i
      updates.push(update)
      const place = slots.empty(slot)
      if (!isShared) places.push(place)
      names.retain(place, update, slots.until[slot]!)
    }
    this.#seq = size > 0 ? first + size - 1 : gapSeq
    this.#events.overflow(started, lost, this.#now)
    this.#events.loss(gaps)
    this.#hub.publish(updates, places, gaps, REASONS[reason]!)
  }

  /** What the core has reported. Its memory may have been exchanged for a larger one. */
  #numbers(core: CoreExports): Float64Array {
    const { buffer } = core.memory
    if (this.#report.buffer !== buffer) this.#report = new Float64Array(buffer, core.report(), 48)
    return this.#report
  }

  subscribe(selector: Types.Selector, callback: Types.Callback, options?: Types.SubscribeOptions): Types.Undo
  subscribe(selector: Types.Selector, options?: Types.SubscribeOptions): Types.Subscription
  subscribe(selector: Types.Selector, second: Types.Callback | Types.SubscribeOptions = {}, options: Types.SubscribeOptions = {}): Types.Undo | Types.Subscription {
    if (this.#door.final !== undefined) return this.#subscribeToNothing(second)
    return typeof second === 'object' ? this.#hub.iterate(selector, second) : this.#hub.subscribe(selector, second, options)
  }

  #subscribeToNothing(second: unknown): Types.Undo | Types.Subscription {
    if (typeof second !== 'object') return () => {}
    const iterator = this.#hub.iterate('*', { retained: false })
    void iterator.return()
    return iterator
  }

  retained(selector: Types.Selector = '*'): Types.StatusUpdate[] {
    const { conversation, categories } = this.#hub.select(selector)
    return this.#hub.names.values(conversation, categories, this.#read())
  }

  forget(conversation: Name): void {
    this.#hub.names.forget(typeof conversation === 'number' ? String(conversation) : conversation)
  }

  async flush(): Promise<void> {
    if (this.#core === null) {
      if (this.#door.final !== undefined) return
      await this.ready.catch(() => {})
    }
    const core = this.#core
    if (core === null) return
    const isInside = this.#isRunning
    if (!isInside) this.#read()
    core.flush(this.#id, this.#now)
    this.#run(true)
    if (isInside) return new Promise(resolve => this.#afterRun.push(resolve))
    this.#timer.clear()
    this.#wake()
    await this.#hub.settled()
  }

  poll(now?: number): number | null {
    const core = this.#core
    if (core === null) return null
    if (now === undefined) this.#read()
    else this.#now = check.number('now', now, -Number.MAX_VALUE, Number.MAX_VALUE, false)
    this.#run(true)
    const at = core.poll_at(this.#id)
    return at < 0 ? null : at
  }

  configure(given: Parameters<Types.StatusBus['configure']>[0]): void {
    const settings = check.reconfiguration(given, this.#settings, this.#options.capacity)
    const categories = given.categories === undefined ? [] : check.categorySettings(given.categories, this.#categories)
    this.#apply(settings, categories)
    this.#settings = settings
  }

  #apply(settings: check.Checked, categories: readonly check.CheckedCategory[]): void {
    const { queueLimit, batchSize, flushInterval, overflow, leading } = settings
    const core = this.#core
    if (core !== null) {
      if (!this.#isRunning) this.#read()
      const answer = core.configure(this.#id, queueLimit, batchSize, flushInterval, overflow | (leading ? 0 : 4), this.#now)
      if (answer === 0) throw new RangeError(`there is no memory for batches of ${batchSize}: give a smaller batchSize`)
      const left = new Uint32Array(core.memory.buffer, this.#left, answer - 1)
      for (const slot of left) this.#gaps.lost(this.#vacate(slot))
    }
    this.#note(categories)
    for (const { index, priority, ttl } of categories) core?.configure_category(this.#id, index, priority, ttl)
    this.#wake()
  }

  #note(categories: readonly check.CheckedCategory[]): void {
    for (const { index, priority, ttl } of categories) {
      this.#priorities[index] = priority
      this.#ttls[index] = ttl
    }
  }

  ledger(): Types.Ledger {
    const core = this.#core
    if (core === null) return this.#door.ledger()
    core.ledger(this.#id)
    return readLedger(this.#numbers(core))
  }

  on<K extends keyof Types.BusEvents>(event: K, listener: (event: Types.BusEvents[K]) => void): Types.Undo {
    return this.#events.on(event, listener)
  }

  close(options: Types.CloseOptions = {}): Promise<Types.FinalLedger> {
    const { timeout = 5_000 } = options
    check.number('timeout', timeout, 0, 0x7fff_ffff, false)
    if (this.#closing === undefined) {
      let begin: (value: Promise<Types.FinalLedger>) => void = () => {}
      // there before it begins: callbacks may close as well
      this.#closing = new Promise(resolve => (begin = resolve))
      begin(this.#close(timeout))
    }
    return this.#closing
  }

  async #close(timeout: number): Promise<Types.FinalLedger> {
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#isClosed = true
    if (this.#core === null) await this.ready.catch(() => {})
    const core = this.#core
    let unread = 0
    if (core !== null) {
      if (!this.#isRunning) this.#read()
      core.close(this.#id, this.#now)
      this.#run(true)
      if (this.#isRunning) await new Promise<void>(resolve => this.#afterRun.push(resolve))
      const rest = Promise.all([this.#hub.settled(), this.#hub.finish()])
      await (this.#hub.isBusy ? within(rest, timeout) : rest)
      unread = this.#hub.unread()
      this.#door.final = this.ledger()
      this.#core = null
      core.release(this.#id)
      abandoned?.unregister(this)
    }
    this.#timer.clear()
    this.#stopLiving()
    this.#hub.clear()
    return { ...this.ledger(), unread }
  }

  get closed(): boolean {
    return this.#isClosed
  }

  get epoch(): string {
    return (this.#epoch ??= randomEpoch())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Not when the bus is built: at the top of a worker's module there is no randomness. */
function randomEpoch(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map(byte => byte.toString(16).padStart(2, '0')).join('')
}
