// What a server sends, taken for what it should be: nothing in it is believed before it was looked at.
import type { Gap, Priority, StatusUpdate } from '../types.js'
import { PRIORITIES } from '../words.js'

/** A place in a stream: the run of the bus, and how far in it. */
export interface Position {
  readonly epoch: string
  readonly seq: number
}

/** Reads `{epoch}-{seq}`. */
export function position(id: string): Position | undefined {
  const [, epoch, seq] = /^([0-9a-f]{16})-(\d{1,16})$/.exec(id) ?? []
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string'

function update(given: unknown): StatusUpdate | undefined {
  if (!isObject(given)) return undefined
  const { seq, conversation = null, category, text, metadata = null, key = null, priority, at, origin = null } = given
  const sent = typeof at === 'string' ? Date.parse(at) : NaN
  if (typeof seq !== 'number' || !isTextOrNull(conversation) || typeof category !== 'string' || typeof text !== 'string') return undefined
  if (!isTextOrNull(key) || !isTextOrNull(origin) || !PRIORITIES.includes(priority as Priority) || Number.isNaN(sent)) return undefined
  return { seq, conversation, category, text, metadata, key, priority: priority as Priority, at: sent, origin }
}

/** The updates of a `status` event, and how much of it is none. */
export function updates(data: string): { updates: StatusUpdate[]; invalid: number } {
  const given = parse(data)
  if (!Array.isArray(given)) return { updates: [], invalid: 1 }
  const found = given.map(update).filter(update => update !== undefined)
  return { updates: found, invalid: given.length - found.length }
}

/** The gap of a `gap` event; `conversation` is that of the stream. */
export function gap(data: string, seq: number, conversation: string | null | undefined): Gap {
  const given = parse(data)
  const { count, reasons, scope } = isObject(given) ? given : {}
  const counts = isObject(reasons) ? Object.entries(reasons).filter(([, count]) => typeof count === 'number').slice(0, 16) : []
  return {
    seq,
    count: typeof count === 'number' ? count : 1,
    reasons: Object.fromEntries(counts) as Gap['reasons'],
    scope: scope === 'topic' || scope === 'reader' ? scope : 'bus',
    ...(scope === 'topic' && conversation !== undefined ? { conversation } : {}),
  }
}

/** Where a stream goes on; whether it is where it was. */
export function ready(data: string): { epoch: string; recovered: boolean } | undefined {
  const given = parse(data)
  if (!isObject(given) || typeof given.epoch !== 'string' || !/^[0-9a-f]{16}$/.test(given.epoch)) return undefined
  return { epoch: given.epoch, recovered: given.recovered === true }
}
