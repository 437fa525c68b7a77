// Schedules drawing: at most once per frame, and each part at a limited rate. Nothing is drawn while the
// page is hidden.

export class Painter {
  #parts = new Map();
  #frame = null;
  #timer = null;
  paused = false;

  /** Adds a part that `paint` draws, at most every `apart` milliseconds. */
  add(name, apart, paint) {
    this.#parts.set(name, { apart, paint, changed: false, last: -Infinity });
  }

  /** Marks a part as changed. */
  changed(name) {
    this.#parts.get(name).changed = true;
    this.#ask();
  }

  /** Marks all parts as changed, to be drawn immediately after an action of the user. */
  all() {
    for (const part of this.#parts.values()) [part.changed, part.last] = [true, -Infinity];
    this.#ask();
  }

  #ask() {
    if (this.paused || this.#frame !== null) return;
    // An empty frame costs power, too: the next one is requested when a part is due.
    const now = performance.now();
    const waits = [...this.#parts.values()]
      .filter(({ changed }) => changed)
      .map(({ last, apart }) => last + apart - now);
    if (waits.length === 0) return;
    const wait = Math.min(...waits);
    clearTimeout(this.#timer);
    if (wait > 4) {
      this.#timer = setTimeout(() => this.#ask(), wait);
      return;
    }
    this.#frame = requestAnimationFrame((at) => this.#draw(at));
  }

  #draw(at) {
    this.#frame = null;
    if (this.paused) return;
    for (const part of this.#parts.values()) {
      if (!part.changed || part.last + part.apart > at + 4) continue;
      [part.changed, part.last] = [false, at];
      part.paint(at);
    }
    this.#ask();
  }
}
