// The health of the bus over the last minutes, from what `GET /v1/health` answers once a second.

/** Points of a chart: two minutes. */
const POINTS = 120;

/** Longer than this between two answers, in milliseconds: a chart has a hole there. */
const HOLE = 3_500;

/** @typedef {{at: number, value: ?number}} Point */

export class Health {
  /** @type {Record<'rate'|'queued'|'peak'|'latency'|'lost'|'readers', Point[]>} */
  series = { rate: [], queued: [], peak: [], latency: [], lost: [], readers: [] };
  /** The newest answer; null: there is none. */
  newest = null;
  /** When the first answer was heard, and the newest. */
  since = 0;
  last = 0;
  #before = null;

  /**
   * Takes in an answer, heard at `at`, and what the page has measured of latency since the last
   * one: `{median, high}` or null.
   */
  take(answer, latency, at) {
    const before = this.#before;
    if (!before) this.since = at;
    const span = before && (at - before.at) / 1000;
    // Counters of another run of the bus begin at zero.
    const same = before && before.answer.epoch === answer.epoch && span > 0;
    if (before && at - before.at > HOLE) this.#hole(before.at + 1);
    const perSecond = (counted) =>
      same ? Math.max(counted(answer) - counted(before.answer), 0) / span : null;
    this.#push('rate', at, perSecond(({ ledger }) => ledger.delivered));
    this.#push('lost', at, perSecond(lostOf));
    this.#push('queued', at, answer.queue.queued);
    this.#push('peak', at, answer.queue.peak);
    this.#push('latency', at, latency?.high ?? null);
    this.#push('readers', at, answer.readers);
    this.#before = { answer, at };
    this.newest = answer;
    this.last = at;
  }

  /** How old the newest answer is, if it should have been followed by now; else null. */
  age(now) {
    return this.newest && now - this.last > HOLE ? now - this.last : null;
  }

  /** The newest value of a series, or null. */
  value(name) {
    return this.series[name].at(-1)?.value ?? null;
  }

  /** The largest value of a series, or null. */
  most(name) {
    const values = this.series[name].map(({ value }) => value).filter((value) => value !== null);
    return values.length > 0 ? Math.max(...values) : null;
  }

  #push(name, at, value) {
    const points = this.series[name];
    points.push({ at, value });
    if (points.length > POINTS) points.shift();
  }

  #hole(at) {
    for (const name of Object.keys(this.series)) this.#push(name, at, null);
  }
}

/** Updates that nobody gets, of a health answer. */
export function lostOf({ ledger }) {
  return ledger.dropped.total + ledger.expired + ledger.refused.total;
}

/** Why updates were lost: [[reason, count], …], the largest first. */
export function lossesOf({ ledger }) {
  const reasons = [
    ...Object.entries(ledger.dropped),
    ['expired', ledger.expired],
    ...Object.entries(ledger.refused).map(([reason, number]) => [reason, number]),
  ];
  return reasons
    .filter(([reason, number]) => reason !== 'total' && number > 0)
    .sort(([, one], [, other]) => other - one);
}
