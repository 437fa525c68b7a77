// An estimate of the server's clock, and the latency of updates.

/** Number of responses that count, because clocks drift. */
const REMEMBERED = 30;

/**
 * The server's time, estimated from its responses. A response is generated between its request and its
 * arrival, which bounds the offset of the clocks; an update never arrives before it is sent.
 */
export class ServerClock {
  #bounds = [];
  #heard = { least: -Infinity };

  /** A request at `asked` was answered with the time `sentAt`, which arrived at `heard`; in milliseconds. */
  take(asked, sentAt, heard) {
    if (![asked, sentAt, heard].every(Number.isFinite) || heard < asked) return;
    // The server's time is in whole milliseconds.
    this.#heard = { least: sentAt - heard, most: sentAt + 1 - asked };
    this.#bounds.push(this.#heard);
    if (this.#bounds.length > REMEMBERED) this.#bounds.shift();
  }

  /** An update was sent at `sentAt` and arrived at `heard`. */
  hear(sentAt, heard) {
    if (sentAt - heard > this.#heard.least) this.#heard.least = sentAt - heard;
  }

  /** The offset to add to the page's clock. */
  get offset() {
    const least = Math.max(...this.#bounds.map((bound) => bound.least));
    const most = Math.min(...this.#bounds.map((bound) => bound.most));
    // Most clocks agree: 0, if the bounds allow it.
    return least <= 0 && most >= 0 ? 0 : (least + most) / 2;
  }
}

/** Maximum number of stored latencies per second. */
const KEPT = 1024;

/** The latencies of about a second, and their quantiles. */
export class Latencies {
  #kept = [];
  #seen = 0;
  #every = 1;

  /** Adds a latency in milliseconds. Of very many it keeps every second, fourth, eighth … */
  add(latency) {
    if (this.#seen % this.#every === 0) this.#kept.push(Math.max(latency, 0));
    this.#seen += 1;
    if (this.#kept.length > KEPT) {
      this.#kept = this.#kept.filter((_, index) => index % 2 === 0);
      this.#every *= 2;
    }
  }

  /** `{median, high}` since the last call, where high is the 99th percentile; null: no latencies. */
  take() {
    const sorted = this.#kept.sort((one, other) => one - other);
    [this.#kept, this.#seen, this.#every] = [[], 0, 1];
    if (sorted.length === 0) return null;
    const at = (quantile) => sorted[Math.ceil(quantile * sorted.length) - 1];
    return { median: at(0.5), high: at(0.99) };
  }
}
