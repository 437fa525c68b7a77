// Requests the health of the bus once a second, while the page is visible.

const EVERY = 1_000;
/** Timeout of a request, in milliseconds. */
const PATIENCE = 4_000;

export class Poller {
  #ask;
  #timer = null;
  #asking = false;

  /** @param {(signal: AbortSignal) => Promise<void>} ask */
  constructor(ask) {
    this.#ask = ask;
    document.addEventListener('visibilitychange', () => this.#look());
    this.#look();
  }

  #look() {
    clearTimeout(this.#timer);
    if (!document.hidden) this.#poll();
  }

  async #poll() {
    // The page may become visible again while a request is pending.
    if (this.#asking) return;
    this.#asking = true;
    const began = performance.now();
    try {
      await this.#ask(AbortSignal.timeout(PATIENCE));
    } finally {
      this.#asking = false;
    }
    if (document.hidden) return;
    const wait = Math.max(EVERY - (performance.now() - began), 100);
    this.#timer = setTimeout(() => this.#poll(), wait);
  }
}
