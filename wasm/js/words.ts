// The lists of the core, in its order: it speaks of their places.
import type { BatchReason, DropReason, LossReason, Outcome, Overflow, Priority, RefuseReason } from './types.js'

export const CATEGORIES: readonly string[] = ['engine', 'tool', 'workflow', 'progress', 'error', 'info', 'planning']
export const PRIORITIES: readonly Priority[] = ['low', 'normal', 'high']
export const OVERFLOWS: readonly Overflow[] = ['evict', 'drop_newest', 'drop_oldest', 'reject']
export const DROPS: readonly DropReason[] = ['newest', 'oldest', 'evicted', 'outranked', 'shrunk', 'sink']
export const REFUSALS: readonly RefuseReason[] = ['full', 'closed', 'invalid', 'unknown_category', 'too_large', 'unauthorized']
export const LOSSES: readonly LossReason[] = ['expired', ...DROPS]
export const REASONS: readonly BatchReason[] = ['full', 'interval', 'flush', 'close']

const outcomes = (outcome: Outcome['outcome'], reasons: readonly Outcome['reason'][]): Outcome[] =>
  reasons.map(reason => Object.freeze({ outcome, reason }))

/** What `send` of the core answers, by the bits of its number that name the outcome: see `packed.rs`. One
 * object each, so that nothing is made for an answer. */
export const OUTCOMES: readonly Outcome[] = [
  ...outcomes('dropped', DROPS),
  ...outcomes('expired', ['expired']),
  ...outcomes('refused', REFUSALS),
  ...Array<Outcome>(115),
  ...outcomes('displaced', [...DROPS, 'expired']),
  ...Array<Outcome>(6),
  ...outcomes('merged', [null]),
  ...outcomes('queued', [null]),
]
/** The index of an update that is queued without another having left. */
export const NOTHING_LEFT = 14
export const QUEUED_CODE = 128 | NOTHING_LEFT
export const QUEUED = OUTCOMES[QUEUED_CODE]!
export const refused = (reason: RefuseReason): Outcome => OUTCOMES[7 + REFUSALS.indexOf(reason)]!
