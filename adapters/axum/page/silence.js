// A connection that is dead without anybody having said so: the bus delivers, and nothing comes.

/** For how long nothing may come, in milliseconds. */
const LONGEST = 15_000;

export class Silence {
  #heard = 0;
  /** What the bus had delivered when it was first asked since. */
  #delivered = null;

  /** Something has come. */
  heard(now) {
    [this.#heard, this.#delivered] = [now, null];
  }

  /** The bus has delivered so many updates. Answers whether some of them should have come by now. */
  isDead(delivered, now) {
    // A counter of another run begins anew.
    if (this.#delivered === null || delivered < this.#delivered) this.#delivered = delivered;
    return delivered > this.#delivered && now - this.#heard > LONGEST;
  }
}
