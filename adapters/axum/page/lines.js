// The live stream: the last lines of each category, in bounded memory, so that a flood in one does not
// wash away the others.

/** Lines that are kept of each kind, and characters of their texts. */
const LINES = 300;
const CHARACTERS = 256 * 1024;
/** Kinds that are kept apart: 32 categories, and one for what is about the stream. */
const KINDS = 33;

/**
 * A line of the stream.
 *
 * @typedef {object} Line
 * @property {number} order grows with each line
 * @property {'update'|'gap'|'note'} kind
 * @property {number} at when it was said, by the server's clock
 * @property {import('./wire.js').Update} [update] if it is one
 * @property {boolean} [retained] the update stood already when the page looked
 * @property {string} [text] if it is none
 */

export class Lines {
  #kinds = new Map();
  #order = 0;

  /** An update, as it was said or as it still stands. */
  update(update, { retained = false } = {}) {
    this.#push(update.category, { kind: 'update', at: update.at, update, retained });
  }

  /** Updates are missing here: see `readGap`. */
  gap(gap, at) {
    this.#push(null, { kind: 'gap', at, gap });
  }

  /** Something about the stream itself. */
  note(text, at) {
    this.#push(null, { kind: 'note', at, text });
  }

  /** The order of the newest line. */
  get newest() {
    return this.#order;
  }

  /**
   * The last lines behind `order` that `filter` wants, at most `most`, in order; and how many there
   * were before them. What is about the stream itself is always wanted.
   *
   * @param {import('./filter.js').Filter} filter
   * @returns {{lines: Line[], left: number}}
   */
  since(order, filter, most) {
    const lines = [];
    for (const [category, { lines: kept }] of this.#kinds) {
      if (category !== null && !filter.hasCategory(category)) continue;
      for (let at = kept.length - 1; at >= 0 && kept[at].order > order; at -= 1) {
        if (kept[at].kind !== 'update' || filter.wants(kept[at].update)) lines.push(kept[at]);
      }
    }
    lines.sort((one, other) => one.order - other.order);
    const left = Math.max(lines.length - most, 0);
    return { lines: lines.slice(left), left };
  }

  #push(kind, line) {
    this.#order += 1;
    line.order = this.#order;
    const known = this.#kinds.get(kind);
    const kept = known ?? { lines: [], characters: 0 };
    if (!known) {
      // Categories are a closed set: more of them than the bus can have is no bus of ours.
      if (this.#kinds.size >= KINDS) this.#kinds.delete(this.#kinds.keys().next().value);
      this.#kinds.set(kind, kept);
    }
    kept.lines.push(line);
    kept.characters += sizeOf(line);
    // In one go of many: taking the first off an array one by one moves all others each time.
    if (kept.lines.length >= 2 * LINES || kept.characters > 2 * CHARACTERS) trim(kept);
  }
}

function trim(kept) {
  let first = Math.max(kept.lines.length - LINES, 0);
  let characters = 0;
  for (let at = kept.lines.length - 1; at >= first; at -= 1) {
    characters += sizeOf(kept.lines[at]);
    // The newest stays, whatever its size.
    if (characters > CHARACTERS && at < kept.lines.length - 1) first = at + 1;
  }
  kept.lines = kept.lines.slice(first);
  kept.characters = kept.lines.reduce((sum, line) => sum + sizeOf(line), 0);
}

function sizeOf({ update }) {
  return update ? update.text.length + 64 : 64;
}
