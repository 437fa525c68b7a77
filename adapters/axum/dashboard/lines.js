// The live stream: the last lines of each category, in bounded memory, so that a flood in one category
// does not displace the others.

/** Maximum number of stored lines of each kind, and of characters in their texts. */
const LINES = 300;
const CHARACTERS = 256 * 1024;
/** Number of kinds: 32 categories, and one for notes about the stream. */
const KINDS = 33;

/**
 * A line of the stream.
 *
 * @typedef {object} Line
 * @property {number} order increases with each line
 * @property {'update'|'gap'|'note'} kind
 * @property {number} at when it was sent, by the server's clock
 * @property {import('./wire.js').Update} [update] if it is an update
 * @property {boolean} [retained] the update is a retained value
 * @property {string} [text] if it is not an update
 */

export class Lines {
  #kinds = new Map();
  #order = 0;

  /** Adds an update, new or retained. */
  update(update, { retained = false } = {}) {
    this.#push(update.category, { kind: 'update', at: update.at, update, retained });
  }

  /** Adds a gap: see `readGap`. */
  gap(gap, at) {
    this.#push(null, { kind: 'gap', at, gap });
  }

  /** Adds a note about the stream. */
  note(text, at) {
    this.#push(null, { kind: 'note', at, text });
  }

  /** The order of the latest line. */
  get newest() {
    return this.#order;
  }

  /**
   * The last lines after `order` that pass `filter`, at most `most`, in order; and the number of lines
   * before them. Notes always pass.
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
      // A bus has at most 32 categories.
      if (this.#kinds.size >= KINDS) this.#kinds.delete(this.#kinds.keys().next().value);
      this.#kinds.set(kind, kept);
    }
    kept.lines.push(line);
    kept.characters += sizeOf(line);
    // Many at a time: removing the first element of an array moves all others.
    if (kept.lines.length >= 2 * LINES || kept.characters > 2 * CHARACTERS) trim(kept);
  }
}

function trim(kept) {
  let first = Math.max(kept.lines.length - LINES, 0);
  let characters = 0;
  for (let at = kept.lines.length - 1; at >= first; at -= 1) {
    characters += sizeOf(kept.lines[at]);
    // The latest line stays, whatever its size.
    if (characters > CHARACTERS && at < kept.lines.length - 1) first = at + 1;
  }
  kept.lines = kept.lines.slice(first);
  kept.characters = kept.lines.reduce((sum, line) => sum + sizeOf(line), 0);
}

function sizeOf({ update }) {
  return update ? update.text.length + 64 : 64;
}
