import { ledgerWithout } from './ledger.js'
import type { Ledger } from './types.js'
import { REFUSALS } from './words.js'

/** An update by its slot, with what the core is told of it. */
export interface Waiting {
  readonly slot: number
  readonly kind: number
  readonly ttl: number
}

/** What is sent and counted where there is no core: before it is there, and after it was given back. */
export class Door {
  #waiting: Waiting[] = []
  readonly #refused: number[] = REFUSALS.map(() => 0)
  /** Set when everything is over: what the core has counted, or that everything is lost. */
  final: Ledger | undefined

  keep(waiting: Waiting): void {
    this.#waiting.push(waiting)
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.length
  }

  /** Counts what is refused, for the reason at that place in the list. */
  refuse(reason: number): void {
    if (this.final === undefined) this.#refused[reason]!++
    else {
      // nothing else can happen any more
      const { sent, refused } = this.final
      this.final = { ...this.final, sent: sent + 1, refused: { ...refused, total: refused.total + 1, closed: refused.closed + 1 } }
    }
  }

  /** The core is there: it gets everything that was refused, and what has waited. */
  open(refuse: (reason: number) => void): Waiting[] {
    this.#refused.forEach((count, reason) => {
      for (; count > 0; count--) refuse(reason)
    })
    return this.#waiting.splice(0)
  }

  /** There will be no core: what has waited is lost. */
  abandon(): void {
    this.final = ledgerWithout(0, this.#waiting.splice(0).length, this.#refused)
  }

  ledger(): Ledger {
    return this.final ?? ledgerWithout(this.#waiting.length, 0, this.#refused)
  }
}
