import { useMemo, useSyncExternalStore } from 'react'
import { number } from './options.js'
import type { Batch, Callback, Selector, StatusUpdate, SubscribeOptions, Undo } from './types.js'

/** What statuses can be read from: a bus, or a connection to a server. */
export interface StatusSource {
  subscribe(selector: Selector, callback: Callback, options?: SubscribeOptions): Undo
  retained(selector?: Selector): StatusUpdate[]
}

/** How statuses are shown. */
export interface UseStatusOptions {
  /** How many of the last updates {@link StatusView.recent} has: 0 to 10,000, default 0. */
  recent?: number | undefined
  /** How many values {@link StatusView.standing} has at most; the least recent are left out. 1 to 10,000,
   * default 1,000. */
  most?: number | undefined
}

/** What is to be shown. It is the same object until something changes; do not change it. */
export interface StatusView {
  /** The current value of each conversation, category and key, the most recent last. */
  readonly standing: readonly StatusUpdate[]
  /** The update that came last, if one has. */
  readonly latest: StatusUpdate | null
  /** The last updates as they came, values that stood before not among them. */
  readonly recent: readonly StatusUpdate[]
  /** Updates that are known to be missing. */
  readonly missed: number
}

const NOTHING: StatusView = Object.freeze({ standing: [], latest: null, recent: [], missed: 0 })
const NONE = (): StatusView => NOTHING

/** What stands of one selection, for React. It subscribes only while a component is mounted. */
class Store {
  readonly #source: StatusSource
  readonly #selector: Selector
  readonly #recent: number
  readonly #most: number
  readonly #changed = new Set<() => void>()
  #standing = new Map<string, StatusUpdate>()
  #view: StatusView | undefined
  #undo: Undo | undefined

  constructor(source: StatusSource, selector: Selector, recent: number, most: number) {
    this.#source = source
    this.#selector = selector
    this.#recent = number('recent', recent, 0, 10_000)
    this.#most = number('most', most, 1, 10_000)
  }

  readonly subscribe = (changed: () => void): Undo => {
    this.#changed.add(changed)
    this.#undo ??= this.#source.subscribe(this.#selector, batch => this.#take(batch))
    return () => {
      this.#changed.delete(changed)
      if (this.#changed.size > 0) return
      this.#undo?.()
      this.#undo = undefined
    }
  }

  /** What stands before anything has come is what the source knows. */
  readonly view = (): StatusView => {
    if (this.#view === undefined) {
      const known = this.#source.retained(this.#selector)
      this.#stand(known, true)
      this.#view = known.length === 0 ? NOTHING : this.#shown(NOTHING, known, [], 0)
    }
    return this.#view
  }

  #take({ updates, gaps, reason }: Batch): void {
    const before = this.view()
    const missing = gaps.reduce((sum, gap) => sum + gap.count, 0)
    const isWhole = reason === 'retained'
    this.#stand(updates, isWhole)
    this.#view = this.#shown(before, updates, isWhole ? [] : updates, missing)
    for (const changed of [...this.#changed]) changed()
  }

  #stand(updates: readonly StatusUpdate[], isWhole: boolean): void {
    if (isWhole) this.#standing = new Map()
    for (const update of updates) {
      const { conversation, category, key } = update
      const place = `${conversation ?? ''}\n${category}\n${key === null ? '' : `=${key}`}`
      this.#standing.delete(place)
      this.#standing.set(place, update)
    }
    for (const oldest of this.#standing.keys()) {
      if (this.#standing.size <= this.#most) break
      this.#standing.delete(oldest)
    }
  }

  #shown(before: StatusView, updates: readonly StatusUpdate[], said: readonly StatusUpdate[], missing: number): StatusView {
    const recent = this.#recent === 0 || said.length === 0 ? before.recent : [...before.recent, ...said].slice(-this.#recent)
    return { standing: [...this.#standing.values()], latest: updates.at(-1) ?? before.latest, recent, missed: before.missed + missing }
  }
}

/**
 * What a bus or a server says about a selection, for a component to show. It renders anew with each batch,
 * and subscribes only while it is mounted. On a server, and until the page is hydrated, there is nothing.
 *
 * ```jsx
 * import { useStatus } from 'statusbus/react'
 *
 * function Job({ bus, id }) {
 *   const { standing, latest } = useStatus(bus, id)
 *   return <p>{latest?.text ?? 'waiting'}</p>
 * }
 * ```
 *
 * @param source A bus or a connection; `null`: there is none yet.
 * @param selector As for `subscribe`. It may be written anew with each render.
 */
export function useStatus(source: StatusSource | null | undefined, selector: Selector, options: UseStatusOptions = {}): StatusView {
  const { recent = 0, most = 1_000 } = options
  // as text, so that a selector that is written anew with each render is the same
  const key = JSON.stringify(selector)
  const store = useMemo(() => (source == null ? undefined : new Store(source, JSON.parse(key) as Selector, recent, most)), [source, key, recent, most])
  return useSyncExternalStore(store?.subscribe ?? never, store?.view ?? NONE, NONE)
}

const never = (): Undo => () => {}
