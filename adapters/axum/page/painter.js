// When what is drawn: once for each frame at most, whatever has changed since, and each part no more
// often than it is worth. Nothing is drawn while the page is hidden.

export class Painter {
  #parts = new Map();
  #frame = null;
  #timer = null;
  paused = false;

  /** A part that is drawn by `paint`, at most every `apart` milliseconds. */
  add(name, apart, paint) {
    this.#parts.set(name, { apart, paint, changed: false, last: -Infinity });
  }

  /** A part has changed. */
  changed(name) {
    this.#parts.get(name).changed = true;
    this.#ask();
  }

  /** All has changed, and is to be drawn now: a person has asked for it. */
  all() {
    for (const part of this.#parts.values()) [part.changed, part.last] = [true, -Infinity];
    this.#ask();
  }

  #ask() {
    if (this.paused || this.#frame !== null) return;
    // A frame costs power also where nothing is drawn in it: the next one is when a part is due.
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
