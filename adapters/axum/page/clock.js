// The server's clock, seen from here, and how long updates take to get here.

/** Questions that are remembered: the clocks drift apart, and the way there gets faster or slower. */
const REMEMBERED = 30;

/** Guesses the time on the server from when it was asked and what it said. */
export class ServerClock {
  #samples = [];

  /** It was asked at `asked`, said `said`, and that was heard at `heard`; in milliseconds. */
  take(asked, said, heard) {
    if (![asked, said, heard].every(Number.isFinite) || heard < asked) return;
    this.#samples.push({ trip: heard - asked, offset: said - (asked + heard) / 2 });
    if (this.#samples.length > REMEMBERED) this.#samples.shift();
  }

  /** What to add to the time here; 0 until it is known. */
  get offset() {
    // The shorter the way, the less can be wrong: by at most half of it.
    const best = (one, other) => (other.trip <= one.trip ? other : one);
    return this.#samples.length === 0 ? 0 : this.#samples.reduce(best).offset;
  }

  get known() {
    return this.#samples.length > 0;
  }
}

/** Most latencies that are kept of a second. */
const KEPT = 1024;

/** The latencies of a second or so, and their quantiles. */
export class Latencies {
  #kept = [];
  #seen = 0;
  #every = 1;

  /** Takes one in, in milliseconds. Of very many it keeps every second, fourth, eighth … */
  add(latency) {
    if (this.#seen % this.#every === 0) this.#kept.push(Math.max(latency, 0));
    this.#seen += 1;
    if (this.#kept.length > KEPT) {
      this.#kept = this.#kept.filter((_, index) => index % 2 === 0);
      this.#every *= 2;
    }
  }

  /** `{median, high}` of what came since the last call, high being the 99th of 100; null: nothing. */
  take() {
    const sorted = this.#kept.sort((one, other) => one - other);
    [this.#kept, this.#seen, this.#every] = [[], 0, 1];
    if (sorted.length === 0) return null;
    const at = (quantile) => sorted[Math.ceil(quantile * sorted.length) - 1];
    return { median: at(0.5), high: at(0.99) };
  }
}
