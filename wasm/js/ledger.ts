import type { Ledger } from './types.js'
import { DROPS, REFUSALS } from './words.js'

const byReason = (reasons: readonly string[], count: (index: number) => number): Record<string, number> => {
  const counts: Record<string, number> = { total: 0 }
  reasons.forEach((reason, index) => {
    counts[reason] = count(index)
    counts.total! += counts[reason]
  })
  return counts
}

/** The counters as the core reports them. */
export function readLedger(report: ArrayLike<number>): Ledger {
  const at = (index: number): number => report[index]!
  return {
    sent: at(0),
    delivered: at(1),
    coalesced: at(2),
    expired: at(3),
    dropped: byReason(DROPS, index => at(6 + index)) as Ledger['dropped'],
    refused: byReason(REFUSALS, index => at(12 + index)) as Ledger['refused'],
    queued: at(4),
    inFlight: at(5),
  }
}

/** The counters without a core: before it is there, or one refused more after it was released. */
export function closedLedger(sunk: number, door: readonly number[], before?: Ledger, queued = 0): Ledger {
  if (before !== undefined) {
    const { refused } = before
    return { ...before, sent: before.sent + 1, refused: { ...refused, total: refused.total + 1, closed: refused.closed + 1 } }
  }
  const refused = byReason(REFUSALS, index => door[index]!)
  const report = [sunk + queued + refused.total!, 0, 0, 0, queued, 0, 0, 0, 0, 0, 0, sunk, ...door]
  return readLedger(report)
}
