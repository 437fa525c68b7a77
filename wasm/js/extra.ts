import { isLarger } from './text.js'
import type { Extra, RefuseReason } from './types.js'
import { PRIORITIES } from './words.js'

/** Most bytes of what is said with a text. */
export interface ExtraLimits {
  readonly metadataLimit: number
  readonly keyLimit: number
}

/** What `checkExtra` has found last. One object, so that none is made for each update. */
export const found = {
  metadata: null as unknown,
  key: null as string | null,
  /** The index of the priority, -1: that of the category. */
  priority: -1,
  /** Milliseconds, -1: that of the category. */
  ttl: -1,
}

/** Checks what was said with a text: the answer is why it is refused, or `undefined`, and it is in `found`. */
export function checkExtra(extra: Extra, { metadataLimit, keyLimit }: ExtraLimits): RefuseReason | undefined {
  if (typeof extra !== 'object') return 'invalid'
  // each is read once, and written last: reading and writing JSON may call whoever sends, who may send again
  const { metadata = null, key = null, priority = null, ttl = null } = extra
  if (metadata !== null) {
    const wrong = checkMetadata(metadata, metadataLimit)
    if (wrong !== undefined) return wrong
  }
  if (key !== null) {
    if (typeof key !== 'string') return 'invalid'
    if (isLarger(key, keyLimit)) return 'too_large'
  }
  const rank = priority === null ? -1 : PRIORITIES.indexOf(priority)
  if (priority !== null && rank < 0) return 'invalid'
  if (ttl !== null && !(typeof ttl === 'number' && ttl >= 0)) return 'invalid'
  found.metadata = metadata
  found.key = key
  found.priority = rank
  found.ttl = ttl ?? -1
  return undefined
}

function checkMetadata(metadata: unknown, limit: number): RefuseReason | undefined {
  try {
    const json = JSON.stringify(metadata) as string | undefined
    if (json === undefined) return 'invalid'
    return isLarger(json, limit) ? 'too_large' : undefined
  } catch {
    return 'invalid'
  }
}
