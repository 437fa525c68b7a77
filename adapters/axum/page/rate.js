// How many come in a second.

const SLICE = 250;
const SLICES = 8;

/** Counts over the last two seconds, in slices, so that it takes no memory for each. */
export class Rate {
  #counts = new Uint32Array(SLICES);
  #slice = 0;
  #since = null;

  /** Counts one at `now`, in milliseconds of a clock that only goes forward. */
  count(now) {
    this.#since ??= now;
    this.#turn(now);
    this.#counts[this.#slice % SLICES] += 1;
  }

  /** How many a second, at `now`. */
  perSecond(now) {
    if (this.#since === null) return 0;
    this.#turn(now);
    let sum = 0;
    for (const count of this.#counts) sum += count;
    // What has just begun has not had two seconds.
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
