// The health of the bus over the last minutes, from the responses of `GET /v1/health` once a second.

/** Points of a chart: two minutes. */
const POINTS = 120;

/** A longer time between two responses is a hole in the charts, in milliseconds. */
const HOLE = 3_500;

/** @typedef {{at: number, value: ?number}} Point */

export class Health {
  /** @type {Record<'rate'|'queued'|'peak'|'latency'|'lost'|'readers', Point[]>} */
  series = { rate: [], queued: [], peak: [], latency: [], lost: [], readers: [] };
  /** The latest response; null: none yet. */
  newest = null;
  /** Arrival of the first and of the latest response. */
  since = 0;
  last = 0;
  #before = null;

  /**
   * Adds a response that arrived at `at`, and the latencies since the last one: `{median, high}` or
   * null.
   */
  take(answer, latency, at) {
    const before = this.#before;
    if (!before) this.since = at;
    const span = before && (at - before.at) / 1000;
    // Counters of another epoch start at zero.
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

  /** The age of the latest response if the next one is overdue, else null. */
  age(now) {
    return this.newest && now - this.last > HOLE ? now - this.last : null;
  }

  /** The latest value of a series, or null. */
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

/** The number of lost updates in a health response. */
export function lostOf({ ledger }) {
  return ledger.dropped.total + ledger.expired + ledger.refused.total;
}

/** Lost updates by reason: [[reason, count], …], largest first. */
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
