// The server's clock, seen from here, and how long updates take to get here.

/** Answers that are remembered: the clocks drift apart. */
const REMEMBERED = 30;

/**
 * The time on the server, from what it says. Each answer was given after it was asked for and before
 * it was heard, so it bounds how far apart the clocks are; nothing is heard before it was said.
 */
export class ServerClock {
  #bounds = [];
  #heard = { least: -Infinity };

  /** It was asked at `asked`, said `said`, and that was heard at `heard`; in milliseconds. */
  take(asked, said, heard) {
    if (![asked, said, heard].every(Number.isFinite) || heard < asked) return;
    // It is told in whole milliseconds.
    this.#heard = { least: said - heard, most: said + 1 - asked };
    this.#bounds.push(this.#heard);
    if (this.#bounds.length > REMEMBERED) this.#bounds.shift();
  }

  /** Something was said at `said` and heard at `heard`. */
  hear(said, heard) {
    if (said - heard > this.#heard.least) this.#heard.least = said - heard;
  }

  /** What to add to the time here. */
  get offset() {
    const least = Math.max(...this.#bounds.map((bound) => bound.least));
    const most = Math.min(...this.#bounds.map((bound) => bound.most));
    // Most clocks agree: 0, if nothing speaks against it.
    return least <= 0 && most >= 0 ? 0 : (least + most) / 2;
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
