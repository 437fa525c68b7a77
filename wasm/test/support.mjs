import assert from 'node:assert/strict'
import { createStatusBus } from 'statusbus'

export const isBalanced = l => l.sent === l.delivered + l.coalesced + l.expired + l.dropped.total + l.refused.total + l.queued + l.inFlight
export const balanced = bus => {
  const ledger = bus.ledger()
  assert.ok(isBalanced(ledger), JSON.stringify(ledger))
  return ledger
}
export const texts = batch => batch.updates.map(update => update.text)

/** A bus in virtual time that hands on when it is told to. */
export function manual(options = {}) {
  const time = { now: 0 }
  const bus = createStatusBus({ schedule: 'manual', clock: () => time.now, ...options })
  return { bus, time }
}

/** Collects what a subscription gets. */
export function collect(bus, selector = '*', options = {}) {
  const batches = []
  const undo = bus.subscribe(selector, batch => void batches.push(batch), options)
  return { batches, undo, texts: () => batches.flatMap(texts), gaps: () => batches.flatMap(batch => batch.gaps) }
}
