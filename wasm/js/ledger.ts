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
    delivered: at(17),
    coalesced: at(16),
    expired: at(9),
    dropped: byReason(DROPS, index => at(3 + index)) as Ledger['dropped'],
    refused: byReason(REFUSALS, index => at(10 + index)) as Ledger['refused'],
    queued: at(1),
    inFlight: at(2),
  }
}

/** The counters of a bus without a core: what waits for it, what was lost because none came, and what was
 * refused by reason. */
export function ledgerWithout(queued: number, lost: number, refused: readonly number[]): Ledger {
  const sent = refused.reduce((sum, count) => sum + count, queued + lost)
  return readLedger([sent, queued, 0, 0, 0, 0, 0, 0, lost, 0, ...refused, 0, 0])
}
