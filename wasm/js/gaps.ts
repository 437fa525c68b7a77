import type { Place } from './names.js'
import type { Gap } from './types.js'
import { LOSSES } from './words.js'

/** Topics that are told apart; the core counts the others as of the whole bus. A few more are known here
 * than it needs. */
const MOST = 8

/** Whose updates were lost since the last gap, and the gap as the core reports it. */
export class Gaps<Reader> {
  readonly #lost = new Map<number, Place<Reader>>()

  /** An update of this place was dropped or has expired. */
  lost(place: Place<Reader>): void {
    if (this.#lost.size < MOST) this.#lost.set(place.topic, place)
  }

  /** The gap that stands in front of a batch: one record for each topic, and one for the rest. */
  read(report: ArrayLike<number>, seq: number, categories: readonly string[]): Gap[] {
    let at = 7
    const topics = report[at++]!
    const gaps: Gap[] = []
    for (let i = 0; i <= topics; i++) {
      const place = i < topics ? this.#lost.get(report[at++]!) : undefined
      const reasons: Record<string, number> = {}
      let count = 0
      for (const reason of LOSSES) {
        const some = report[at++]!
        if (some === 0) continue
        reasons[reason] = some
        count += some
      }
      if (count === 0) continue
      if (place === undefined) gaps.push({ seq, count, reasons, scope: 'bus' })
      else gaps.push({ seq, count, reasons, scope: 'topic', conversation: place.conversation.name, category: categories[place.category]! })
    }
    this.#lost.clear()
    return gaps
  }
}
