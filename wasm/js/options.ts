// What can be configured, checked before anything happens: each error says what was given and what would
// be right.
import { utf8Length } from './text.js'
import type { CategorySettings, Options, Priority, Settings } from './types.js'
import { CATEGORIES, OVERFLOWS, PRIORITIES } from './words.js'

const MOST = 65_534
const SETTINGS = ['queueLimit', 'batchSize', 'flushInterval', 'overflow', 'leading']
const OPTIONS = [...SETTINGS, 'categories', 'capacity', 'limits', 'retain', 'schedule', 'slice', 'flushOnHide', 'clock', 'epoch', 'signal', 'core']

/** What the core is configured with. */
export interface Checked {
  queueLimit: number
  batchSize: number
  flushInterval: number
  overflow: number
  leading: boolean
}

/** What holds for a category, by its index. */
export interface CheckedCategory {
  index: number
  priority: number
  ttl: number
}

export const DEFAULTS: Checked = { queueLimit: 10_000, batchSize: 100, flushInterval: 50, overflow: 0, leading: true }

const shown = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : typeof value === 'object' && value !== null ? 'an object' : String(value))

export const absent = (what: string, name: unknown, names: readonly string[]): string => `there is no ${what} '${String(name)}'; there are ${names.join(', ')}`

export function known(given: object, names: readonly string[]): void {
  for (const name of Object.keys(given)) if (!names.includes(name)) throw new TypeError(absent('option', name, names))
}

/** The place of a category that the bus has. */
export function categoryIndex(name: string, names: readonly string[]): number {
  const index = names.indexOf(name)
  if (index < 0) throw new RangeError(absent('category', name, names))
  return index
}

export function number(name: string, value: unknown, least: number, most: number, whole = true): number {
  const form = `${whole ? 'a whole number' : 'a number'} from ${least} to ${most}`
  if (typeof value !== 'number') throw new TypeError(`${name} is ${shown(value)}: give it ${form}`)
  if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) throw new RangeError(`${name} is ${value}: give it ${form}`)
  return value
}

function oneOf<T extends string>(name: string, value: unknown, words: readonly T[]): number {
  const index = words.indexOf(value as T)
  if (index >= 0) return index
  const message = `${name} is ${shown(value)}: it is one of ${words.map(shown).join(', ')}`
  throw typeof value === 'string' ? new RangeError(message) : new TypeError(message)
}

export function flag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} is ${shown(value)}: give it true or false`)
  return value
}

export function object(name: string, value: unknown): object {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} is ${shown(value)}: give it an object`)
  return value
}

export function signal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined
  if (typeof (value as AbortSignal | null)?.addEventListener !== 'function') throw new TypeError(`signal is ${shown(value)}: give it the signal of an AbortController`)
  return value as AbortSignal
}

/** The settings with those of `given` changed. */
export function settings(given: Settings, before: Checked, capacity = MOST): Checked {
  const { queueLimit = before.queueLimit, batchSize = before.batchSize, flushInterval = before.flushInterval } = given
  const { overflow = OVERFLOWS[before.overflow], leading = before.leading } = given
  return {
    queueLimit: number('queueLimit', queueLimit, 1, capacity),
    batchSize: number('batchSize', batchSize, 1, MOST),
    flushInterval: number('flushInterval', flushInterval, 0.001, 3_600_000, false),
    overflow: oneOf('overflow', overflow, OVERFLOWS),
    leading: flag('leading', leading),
  }
}

export function reconfiguration(given: object, before: Checked, capacity: number): Checked {
  known(object('configure', given), [...SETTINGS, 'categories'])
  return settings(given, before, capacity)
}

/** The priority of a built-in category, by its index; all others are normal. */
const usualPriority = (index: number): Priority => (index === 3 ? 'low' : index === 4 ? 'high' : 'normal')

/** What holds for a category of which nothing else was said. */
export const usualCategory = (index: number): CheckedCategory => ({ index, priority: PRIORITIES.indexOf(usualPriority(index)), ttl: -1 })

function category(name: string, given: unknown, index: number): CheckedCategory {
  known(object(name, given), ['priority', 'ttl'])
  const { priority = usualPriority(index), ttl } = given as CategorySettings
  return {
    index,
    priority: oneOf(`${name}.priority`, priority, PRIORITIES),
    ttl: ttl === undefined || ttl === null ? -1 : number(`${name}.ttl`, ttl, 0, Number.MAX_SAFE_INTEGER, false),
  }
}

/** What holds for categories that the bus has. */
export function categorySettings(given: unknown, names: readonly string[]): CheckedCategory[] {
  return Object.entries(object('categories', given)).map(([name, settings]) =>
    category(`categories.${name}`, settings, categoryIndex(name, names)))
}

const INVALID_CATEGORY = /[\p{Cc}\p{Cs}:*,]/u

/** The names of all categories, and what holds for those of which something was said. */
export function categories(given: unknown): { names: string[]; settings: CheckedCategory[] } {
  const names = [...CATEGORIES]
  if (given === undefined) return { names, settings: [] }
  const isList = Array.isArray(given)
  for (const name of isList ? given : Object.keys(object('categories', given))) {
    if (typeof name !== 'string') throw new TypeError(`a category is ${shown(name)}: give it a name`)
    if (names.includes(name)) {
      if (isList) throw new RangeError(`there is a category '${name}' already`)
      continue
    }
    if (name === '' || INVALID_CATEGORY.test(name) || utf8Length(name) > 32)
      throw new RangeError(`a category is called ${shown(name)}: give it 1 to 32 bytes without control characters, ':', '*' and ','`)
    if (names.length === 32) throw new RangeError(`${shown(name)} is one category too many: there are 32 at most, the 7 built-in ones among them`)
    names.push(name)
  }
  return { names, settings: isList ? [] : categorySettings(given, names) }
}

/** Everything that a bus is built with. */
export function options(given: Options) {
  known(object('options', given), OPTIONS)
  const checked = settings(given, DEFAULTS)
  const { capacity = checked.queueLimit, limits = {}, retain = 1_000, schedule = 'auto', slice = 4, flushOnHide = true, clock, epoch } = given
  known(object('limits', limits), ['text', 'metadata', 'key'])
  const { text = 16_384, metadata = 4_096, key = 128 } = limits
  const limit = (name: string, value: unknown): number => number(`limits.${name}`, value, 0, 1 << 26)
  if (clock !== undefined && typeof clock !== 'function') throw new TypeError(`clock is ${shown(clock)}: give it a function that answers milliseconds`)
  if (epoch !== undefined && !/^[0-9a-f]{16}$/.test(String(epoch))) throw new RangeError(`epoch is ${shown(epoch)}: give it 16 hex digits`)
  return {
    ...checked,
    capacity: number('capacity', capacity, checked.queueLimit, MOST),
    categories: categories(given.categories),
    textLimit: limit('text', text),
    metadataLimit: limit('metadata', metadata),
    keyLimit: limit('key', key),
    retain: number('retain', retain, 0, 1_000_000),
    isManual: oneOf('schedule', schedule, ['auto', 'manual']) === 1,
    slice: number('slice', slice, 0, 3_600_000, false),
    flushOnHide: flag('flushOnHide', flushOnHide),
    clock,
    epoch,
    signal: signal(given.signal),
  }
}
