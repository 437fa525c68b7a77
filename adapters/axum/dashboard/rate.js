// A rate per second.

const SLICE = 250;
const SLICES = 8;

/** Counts over the last two seconds in slices, so that memory is constant. */
export class Rate {
  #counts = new Uint32Array(SLICES);
  #slice = 0;
  #since = null;

  /** Counts one event at `now`, in milliseconds of a monotonic clock. */
  count(now) {
    this.#since ??= now;
    this.#turn(now);
    this.#counts[this.#slice % SLICES] += 1;
  }

  /** The rate per second at `now`. */
  perSecond(now) {
    if (this.#since === null) return 0;
    this.#turn(now);
    let sum = 0;
    for (const count of this.#counts) sum += count;
    // A new counter covers less than two seconds.
    const span = Math.min(Math.max(now - this.#since, SLICE * 2), SLICE * SLICES);
    return (sum * 1000) / span;
  }

  #turn(now) {
    const slice = Math.floor(now / SLICE);
    const passed = Math.min(Math.max(slice - this.#slice, 0), SLICES);
    for (let back = 0; back < passed; back += 1) this.#counts[(slice - back) % SLICES] = 0;
    this.#slice = Math.max(slice, this.#slice);
  }
}
