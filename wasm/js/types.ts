/** The seven categories that every bus has. */
export type BuiltInCategory = 'engine' | 'tool' | 'workflow' | 'progress' | 'error' | 'info' | 'planning'

/** The name of a category: a built-in one, or one of the application's own ({@link Options.categories}). */
export type Category = BuiltInCategory | (string & {})

/**
 * How much an update matters when the queue is full: `low` < `normal` < `high`. By default `progress`
 * updates are `low`, `error` updates `high`, all others `normal`.
 */
export type Priority = 'low' | 'normal' | 'high'

/**
 * What happens when an update comes and the queue is full. `evict` (default): what has expired goes first,
 * then the oldest of the lowest priority. `drop_newest`, `drop_oldest`: those. `reject`: the update is
 * refused.
 */
export type Overflow = 'evict' | 'drop_newest' | 'drop_oldest' | 'reject'

/** Why an update that was taken in, or could have been, was dropped. */
export type DropReason = 'newest' | 'oldest' | 'evicted' | 'outranked' | 'shrunk' | 'sink'

/** Why an update was not taken in. */
export type RefuseReason = 'full' | 'closed' | 'invalid' | 'unknown_category' | 'too_large' | 'unauthorized'

/** Why readers will never see an update that was taken in. */
export type LossReason = DropReason | 'expired'

/** What may be said besides the text. */
export interface Extra {
  /** Anything that JSON can hold, at most 4 KiB as JSON. It is kept by reference: do not change it later. */
  metadata?: unknown
  /** Names a thing that has one current value ("download-3"): a newer update of the same conversation,
   * category and key replaces the queued one. At most 128 bytes. */
  key?: string | null | undefined
  /** How much it matters; default: as its category says. */
  priority?: Priority | null | undefined
  /** For how many milliseconds it is worth delivering; default: as its category says, or for ever. */
  ttl?: number | null | undefined
}

/** An update as it is sent. */
export interface Sending extends Extra {
  /** What it is about: a chat, a job, a device. 1 to 128 bytes, a visible character among them,
   * without control characters, bidirectional overrides and isolates, `:` and `*`; not `system`, `.` or `..`.
   * `null` or left out: the whole system. A number is taken for its digits. */
  conversation?: string | number | null | undefined
  /** What kind of thing it says. */
  category: Category
  /** What it says; at most 16 KiB. Text, never markup. */
  text: string
}

/** An update as it is received. Do not change it: others read the same object. */
export interface StatusUpdate {
  /** Its position: positions of a stream only grow, with holes where other conversations' are. */
  readonly seq: number
  /** What it is about; `null`: the whole system. */
  readonly conversation: string | null
  /** What kind of thing it says. */
  readonly category: Category
  /** What it says. */
  readonly text: string
  /** What was given as metadata, else `null`. */
  readonly metadata: unknown
  /** Its key, else `null`. */
  readonly key: string | null
  /** How much it matters. */
  readonly priority: Priority
  /** When it was sent: milliseconds since 1970 by the sender's wall clock. */
  readonly at: number
  /** Who sent it, if it came over a bridge from somewhere else; `null`: it was sent here. */
  readonly origin: string | null
}

/** A record in the stream, where the missing updates would have been: how many, and why. */
export interface Gap {
  /** The position of this record; 0 if it is this reader's alone. */
  readonly seq: number
  /** How many updates are missing. */
  readonly count: number
  /** How many for which reason. */
  readonly reasons: Readonly<Partial<Record<LossReason | RefuseReason | 'lagged', number>>>
  /** `topic`: of this conversation and category. `bus`: of any; it is news for every reader. `reader`:
   * this reader was too slow, and now gets the values that stand. */
  readonly scope: 'topic' | 'bus' | 'reader'
  /** Whose updates are missing, if the scope is `topic`; `null`: the whole system's. */
  readonly conversation?: string | null
  /** Of which category, if the scope is `topic`. */
  readonly category?: Category
}

/**
 * Why a batch came: it was `full`, the flush `interval` was over, somebody asked for a `flush`, or the bus
 * was told to `close`. `retained`: the values that stand, for who comes late or was too slow. `received`: a
 * server has sent it, and does not say why.
 */
export type BatchReason = 'full' | 'interval' | 'flush' | 'close' | 'retained' | 'received'

/** Updates handed on together, in order. Do not change it: others read the same. */
export interface Batch {
  /** What is missing in front of these updates; mostly empty. */
  readonly gaps: readonly Gap[]
  /** The updates, at most {@link Settings.batchSize} (retained values: as many as there are). Empty if
   * there is nothing but a gap. */
  readonly updates: readonly StatusUpdate[]
  /** Why it came. */
  readonly reason: BatchReason
  /** The position that the stream has reached with it. */
  readonly seq: number
  /** Which run of the bus the positions belong to: 16 hex digits. */
  readonly epoch: string
}

/**
 * What a subscription is for. A conversation by its name; `'*'`: everything; or an object:
 * `conversation` (left out: everything, `null`: the whole system), and `categories` (left out: all).
 */
export type Selector =
  | string
  | { readonly conversation?: string | number | null | undefined; readonly categories?: readonly Category[] | undefined }

/** How to subscribe. */
export interface SubscribeOptions {
  /** Whether the values that stand come first, as a batch of their own. Default `true`. */
  retained?: boolean | undefined
  /** Ends the subscription when it is aborted. */
  signal?: AbortSignal | undefined
  /** For iterators: how many updates may wait to be read before the reader is told that it lagged. 1 to
   * 1,000,000, default 10,000. */
  buffer?: number | undefined
}

/** What is called with each batch. A promise that it returns is waited for by `flush` and `close`, and by
 * nothing else. */
export type Callback = (batch: Batch) => void | PromiseLike<unknown>

/** Ends a subscription. Calling it again does nothing. */
export type Undo = () => void

/** Batches to be read by `for await`. It ends with the bus, with `return()` (as `break` does), or with the
 * signal that was given. */
export interface Subscription extends AsyncIterableIterator<Batch, undefined, undefined> {
  return(): Promise<IteratorResult<Batch, undefined>>
  [Symbol.asyncDispose](): Promise<void>
}

/** What holds for updates of a category that do not say otherwise. */
export interface CategorySettings {
  /** Default `normal` (`progress`: `low`, `error`: `high`). */
  priority?: Priority | undefined
  /** Milliseconds; `null` or left out: they do not expire. */
  ttl?: number | null | undefined
}

/** What can be changed while the bus runs. */
export interface Settings {
  /** Most updates that may wait: 1 to 65,534, default 10,000. */
  queueLimit?: number | undefined
  /** Most updates in a batch: 1 to 65,534, default 100. */
  batchSize?: number | undefined
  /** The longest any update waits in the queue, in milliseconds: 0.001 to 3,600,000, default 50. It is no
   * tick: an idle bus has no timer. */
  flushInterval?: number | undefined
  /** What happens when the queue is full. Default `evict`. */
  overflow?: Overflow | undefined
  /** Whether the first update after idling goes out at once. Default `true`; `false`: it waits for the
   * flush interval like every other. */
  leading?: boolean | undefined
}

/** How a bus is built. */
export interface Options extends Settings {
  /** The application's own categories, at most 25: names of 1 to 32 bytes without control characters, `:`,
   * `*` and `,`. As an object also what holds for each, built-in ones included. */
  categories?: readonly string[] | Readonly<Record<string, CategorySettings>> | undefined
  /** What {@link Settings.queueLimit} may become later: that many slots of 52 bytes are set aside.
   * Default: the queue limit. */
  capacity?: number | undefined
  /** Largest sizes in bytes of UTF-8; what is larger is refused. Default: text 16,384, metadata (as JSON)
   * 4,096, key 128. */
  limits?: { text?: number | undefined; metadata?: number | undefined; key?: number | undefined } | undefined
  /** Of how many conversations the last values are kept, at most 64 keys each and 16 Mi characters
   * in all, for who comes late; the least recent are forgotten first. 0 to 1,000,000, default 1,000. */
  retain?: number | undefined
  /** `auto` (default): batches come by themselves. `manual`: only when `poll` or `flush` is called. */
  schedule?: 'auto' | 'manual' | undefined
  /** How long batches are handed on in one go, in milliseconds, before the page gets a turn. Default 4. */
  slice?: number | undefined
  /** Whether everything is handed on when the page is hidden, left or frozen. Default `true`. */
  flushOnHide?: boolean | undefined
  /** The clock: milliseconds since an arbitrary start, for tests. Default `performance.now`. */
  clock?: (() => number) | undefined
  /** Names the run of the bus: 16 hex digits. Default: random. */
  epoch?: string | undefined
  /** Closes the bus when it is aborted. */
  signal?: AbortSignal | undefined
}

/** What became of an update that was sent. */
export interface Outcome {
  /** `queued`: it waits. `merged`: it waits, in place of an older value. `displaced`: it waits, and another
   * had to leave for it. `expired`, `dropped`, `refused`: it does not. */
  readonly outcome: 'queued' | 'merged' | 'displaced' | 'expired' | 'dropped' | 'refused'
  /** Why, where there is a reason. */
  readonly reason: LossReason | RefuseReason | null
}

/**
 * What became of everything that was sent. At all times
 * `sent = delivered + coalesced + expired + dropped.total + refused.total + queued + inFlight`.
 */
export interface Ledger {
  /** Attempts to send, whatever became of them. */
  readonly sent: number
  /** Handed to the readers; counted once, however many there are. */
  readonly delivered: number
  /** Replaced, while queued, by a newer value. */
  readonly coalesced: number
  /** Found to have outlived their time-to-live. */
  readonly expired: number
  /** Dropped, in all and by reason. */
  readonly dropped: Readonly<Record<DropReason | 'total', number>>
  /** Refused, in all and by reason. */
  readonly refused: Readonly<Record<RefuseReason | 'total', number>>
  /** Waiting in the queue. */
  readonly queued: number
  /** Being handed on now. */
  readonly inFlight: number
}

/** What is left when a bus is closed. */
export interface FinalLedger extends Ledger {
  /** Updates that iterators had not read when the time was over; outside of the ledger's sum. */
  readonly unread: number
}

/** What a bus tells of itself. */
export interface BusEvents {
  /** Updates are being lost to a full queue; told when it starts, at most once a second while it lasts, and
   * when it has ended, with how many were lost since it started. */
  overflow: { readonly phase: 'started' | 'ongoing' | 'ended'; readonly lost: number }
  /** Updates were dropped or have expired: told once for all since the batch before. */
  loss: { readonly count: number; readonly reasons: Gap['reasons'] }
  /** A callback has thrown, or the promise that it returned was rejected. Without a listener the error is
   * reported as uncaught ones are (`reportError`), or written to the console. */
  error: { readonly error: unknown }
}

/** How to close. */
export interface CloseOptions {
  /** How long to wait for callbacks' promises and for iterators, in milliseconds. Default 5,000. */
  timeout?: number | undefined
}

/** A status bus. See {@link createStatusBus}. */
export interface StatusBus extends AsyncDisposable {
  /** The engine itself: a model is loaded, a worker has started. */
  engine(conversation: string | number | null, text: string, extra?: Extra): Outcome
  /** A tool call: it starts, it returns. */
  tool(conversation: string | number | null, text: string, extra?: Extra): Outcome
  /** A step of a workflow. */
  workflow(conversation: string | number | null, text: string, extra?: Extra): Outcome
  /** How far something has come; matters least. */
  progress(conversation: string | number | null, text: string, extra?: Extra): Outcome
  /** Something failed; matters most. */
  error(conversation: string | number | null, text: string, extra?: Extra): Outcome
  /** Anything else worth saying. */
  info(conversation: string | number | null, text: string, extra?: Extra): Outcome
  /** What will be done next. */
  planning(conversation: string | number | null, text: string, extra?: Extra): Outcome
  /** Sends an update. It never throws, blocks or calls anybody; what it answers may be ignored. */
  send(update: Sending): Outcome
  /** Has `callback` called with each batch that has something for the selector. Whatever it does (throw,
   * send, unsubscribe, close), nobody else notices. Answers how to end it. */
  subscribe(selector: Selector, callback: Callback, options?: SubscribeOptions): Undo
  /** The same, to be read by `for await`. Reading starts now. A reader that is too slow is told so by a gap
   * and goes on with the values that stand. */
  subscribe(selector: Selector, options?: SubscribeOptions): Subscription
  /** The last values of each conversation, category and key, in order. */
  retained(selector?: Selector): StatusUpdate[]
  /** Forgets what is retained of a conversation. */
  forget(conversation: string | number | null): void
  /** Hands on everything sent before the call, before it returns (except when called from inside a
   * callback: then when that has returned). The promise waits for those that callbacks have returned; on
   * the edge give it to `waitUntil`. */
  flush(): Promise<void>
  /** Hands on what is due, for who schedules by hand; `now` is a reading of the bus's clock. Answers when
   * to call again at the latest, in the same clock; `null`: when something was sent. */
  poll(now?: number): number | null
  /** Changes some settings, for now and what comes. Updates that find no room any more are dropped
   * (`shrunk`). Throws a `TypeError` or `RangeError` that says what is wrong, and then changes nothing. */
  configure(settings: Settings & { categories?: Readonly<Record<string, CategorySettings>> | undefined }): void
  /** The counters. */
  ledger(): Ledger
  /** Has `listener` told what the bus tells of itself. Answers how to end it. */
  on<K extends keyof BusEvents>(event: K, listener: (event: BusEvents[K]) => void): Undo
  /** Refuses new updates, hands on the rest and waits for who still reads. Calling it again answers the
   * same. */
  close(options?: CloseOptions): Promise<FinalLedger>
  /** Whether it refuses new updates. */
  readonly closed: boolean
  /** Names the run of the bus: 16 hex digits. */
  readonly epoch: string
  /** Resolved once the WebAssembly runs. Nothing has to wait for it: what is sent before is kept. */
  readonly ready: Promise<void>
}
