// Conversations, topics and keys by number: the core gets integers, so no string crosses the boundary.
import type { StatusUpdate } from './types.js'

/** `system`, the dot segments of URLs, and names with characters that none may have: control characters,
 * halves of surrogate pairs, bidirectional overrides and isolates, ':' and '*'. */
const INVALID_NAME = /^(system|\.\.?)$|[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069:*]/u
const VISIBLE = /[^\s\p{DI}]/u

export const NAME_RULE = "1 to 128 bytes, a visible one among them, without control and bidirectional characters, ':' and '*'; not 'system', '.' or '..'"

/** Whether a text can be the name of a conversation. */
export function isConversation(name: string): boolean {
  return name.length <= 128 && VISIBLE.test(name) && !INVALID_NAME.test(name) &&
    (name.length <= 42 || new TextEncoder().encode(name).length <= 128)
}

/** What an update can replace: a topic, or one key of it. What is retained of it is kept here. */
export class Place<Reader> {
  /** Updates of it that are queued. */
  refs = 0
  retained: StatusUpdate | null = null
  /** Until when, by the bus's clock. */
  until = Infinity
  /** Those of its keys; only a topic has them. */
  keyed: Map<string, Place<Reader>> | null = null

  constructor(
    readonly conversation: Conversation<Reader>,
    /** The index of the category. */
    readonly category: number,
    /** The topic's number. */
    readonly topic: number,
    readonly key: string | null,
    /** The key's number, its own in all topics; zero is none. */
    readonly number: number,
  ) {}
}

export class Conversation<Reader> {
  /** By the index of the category. */
  readonly topics: (Place<Reader> | undefined)[] = []
  /** Who reads it; `null`: nobody reads it alone. */
  readers: Set<Reader> | null = null
  /** Keys that have a retained value, the least recent first. */
  readonly recent = new Set<Place<Reader>>()
  /** Something was sent since it was last looked at. */
  used = true

  constructor(readonly name: string | null) {}

  isQueued(): boolean {
    for (const topic of this.topics) {
      if (topic === undefined) continue
      if (topic.refs > 0) return true
      if (topic.keyed !== null) for (const place of topic.keyed.values()) if (place.refs > 0) return true
    }
    return false
  }
}

/** Most keys of a conversation whose values are retained. */
const KEYS = 64
/** Most characters that are retained in all. */
const CHARACTERS = 16 * 1024 * 1024

/** What a retained value takes, with something for the record itself; metadata counts as large as it may be. */
const sizeOf = (update: StatusUpdate): number => update.text.length + (update.metadata === null ? 100 : 4_196)

/** Everything that has a number. */
export class Names<Reader> {
  readonly #conversations = new Map<string | null, Conversation<Reader>>()
  readonly #readersOf: (name: string | null) => Set<Reader> | undefined
  readonly #retain: number
  #next = 0
  /** Characters that are retained. */
  #size = 0
  /** The conversation that was asked for last: mostly it is asked for again. */
  #last: Conversation<Reader> | undefined

  constructor(retain: number, readersOf: (name: string | null) => Set<Reader> | undefined) {
    this.#retain = retain
    this.#readersOf = readersOf
  }

  /** The conversation of that name; `undefined` if it cannot be one. */
  conversation(name: unknown): Conversation<Reader> | undefined {
    const last = this.#last
    if (last !== undefined && last.name === name) return last
    return this.#lookUp(name)
  }

  #lookUp(given: unknown): Conversation<Reader> | undefined {
    const name = given === undefined ? null : typeof given === 'number' ? String(given) : given
    let known = this.#conversations.get(name as string | null)
    if (known === undefined) {
      if (name !== null && (typeof name !== 'string' || !isConversation(name))) return undefined
      known = new Conversation(name)
      known.readers = this.#readersOf(name) ?? null
      this.#makeRoom()
      this.#conversations.set(name, known)
    }
    known.used = true
    this.#last = known
    return known
  }

  /** The topic, or the key of it. */
  place(conversation: Conversation<Reader>, category: number, key: string | null): Place<Reader> {
    let topic = conversation.topics[category]
    if (topic === undefined) {
      while (conversation.topics.length < category) conversation.topics.push(undefined)
      topic = conversation.topics[category] = new Place(conversation, category, this.#number(), null, 0)
    }
    if (key === null) return topic
    const keyed = (topic.keyed ??= new Map())
    let place = keyed.get(key)
    if (place === undefined) keyed.set(key, (place = new Place(conversation, category, topic.topic, key, this.#number())))
    return place
  }

  // Numbers are not used again before four thousand million others were.
  #number(): number {
    return (this.#next = this.#next >= 0xffff_fffe ? 1 : this.#next + 1)
  }

  /** The value of a place that stands from now on. */
  retain(place: Place<Reader>, update: StatusUpdate, until: number): void {
    if (this.#retain === 0) {
      if (place.refs === 0) this.#drop(place)
      return
    }
    this.#size += sizeOf(update) - (place.retained === null ? 0 : sizeOf(place.retained))
    place.retained = update
    place.until = until
    if (this.#size > CHARACTERS) this.#shrink(place.conversation)
    if (place.key === null) return
    const { recent } = place.conversation
    recent.delete(place)
    recent.add(place)
    if (recent.size > KEYS) {
      for (const oldest of recent) {
        recent.delete(oldest)
        this.#clear(oldest)
        this.#drop(oldest)
        break
      }
    }
  }

  #clear(place: Place<Reader>): void {
    if (place.retained === null) return
    this.#size -= sizeOf(place.retained)
    place.retained = null
  }

  /** Forgets values until there are few enough characters, those of one conversation last. */
  #shrink(last: Conversation<Reader>): void {
    for (const conversation of this.#conversations.values()) {
      if (this.#size <= CHARACTERS) break
      if (conversation !== last) this.forget(conversation.name)
    }
  }

  /** An update of a place has left without being delivered. */
  leave(place: Place<Reader>): void {
    if (place.retained === null) this.#drop(place)
  }

  /** Forgets a key to which nothing refers any more. A topic goes with its conversation. */
  #drop(place: Place<Reader>): void {
    if (place.refs === 0 && place.key !== null) place.conversation.topics[place.category]?.keyed?.delete(place.key)
  }

  /** Forgets what was not used for longest, if there are too many. Each that was used since it was last
   * looked at gets another chance, so that this is no more than a few steps for each newcomer. */
  #makeRoom(): void {
    const most = Math.max(this.#retain, 64)
    let steps = 8
    for (const [name, conversation] of this.#conversations) {
      if (this.#conversations.size < most || steps-- === 0) return
      this.#conversations.delete(name)
      if (conversation.used || conversation.isQueued()) {
        conversation.used = false
        this.#conversations.set(name, conversation)
      } else {
        for (const place of placesOf(conversation)) this.#clear(place)
        if (this.#last === conversation) this.#last = undefined
      }
    }
  }

  /** Forgets what is retained of a conversation. */
  forget(name: string | null): void {
    const conversation = this.#conversations.get(name)
    if (conversation === undefined) return
    for (const place of placesOf(conversation)) this.#clear(place)
    for (const place of conversation.recent) this.#drop(place)
    conversation.recent.clear()
    if (conversation.isQueued()) return
    this.#conversations.delete(name)
    if (this.#last === conversation) this.#last = undefined
  }

  /** Who reads a conversation from now on. */
  readersChanged(name: string | null): void {
    const conversation = this.#conversations.get(name)
    if (conversation !== undefined) conversation.readers = this.#readersOf(name) ?? null
  }

  /** The values that stand, in order; of one conversation, or of all. */
  values(name: string | null | undefined, categories: number, now: number): StatusUpdate[] {
    const found: StatusUpdate[] = []
    const conversations = name === undefined ? this.#conversations.values() : [this.#conversations.get(name)]
    for (const conversation of conversations) {
      if (conversation === undefined) continue
      for (const place of placesOf(conversation)) {
        if (place.until <= now) this.#clear(place)
        if (place.retained !== null && (categories >>> place.category) & 1) found.push(place.retained)
      }
    }
    return found.sort((a, b) => a.seq - b.seq)
  }

  /** How many conversations have a number. */
  get size(): number {
    return this.#conversations.size
  }
}

function* placesOf<Reader>(conversation: Conversation<Reader>): Generator<Place<Reader>> {
  for (const topic of conversation.topics) {
    if (topic === undefined) continue
    yield topic
    if (topic.keyed !== null) yield* topic.keyed.values()
  }
}
