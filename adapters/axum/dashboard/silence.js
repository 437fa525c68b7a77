// Detects a dead connection without an error: the bus delivers, and nothing arrives.

/** Maximum time without an event, in milliseconds. */
const LONGEST = 15_000;

export class Silence {
  #heard = 0;
  /** The delivered count in the first health response after the last event. */
  #delivered = null;

  /** Records an event. */
  heard(now) {
    [this.#heard, this.#delivered] = [now, null];
  }

  /** Records the delivered count of the bus. Returns whether events are overdue. */
  isDead(delivered, now) {
    // The counter of another epoch starts again.
    if (this.#delivered === null || delivered < this.#delivered) this.#delivered = delivered;
    return delivered > this.#delivered && now - this.#heard > LONGEST;
  }
}
