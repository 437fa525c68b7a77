// The state of the connection, as text.

import { setText, set } from './dom.js';
import { span } from './figures.js';

/** How long a successful resume is displayed, in milliseconds. */
const FRESH = 8_000;
/** How long a failed resume is displayed: longer, because updates are missing. */
const FRESH_GAP = 60_000;

/** The text of each kind of beginning, how long it is displayed, and whether updates may be missing. */
const BEGINNINGS = {
  first: ['', 0, false],
  resumed: ['resumed, nothing is missing', FRESH, false],
  restarted: ['not resumed, the server has started anew: values shown are the retained ones', FRESH_GAP, true],
  lost: ['not resumed: values shown are the retained ones', FRESH_GAP, true],
};

export class LinkView {
  #box;
  #words;
  #state = { phase: 'connecting', attempts: 0, wait: 0 };
  #refused = null;
  #beginning = 'first';
  #began = 0;
  #away = null;

  constructor(box) {
    [this.#box, this.#words] = [box, box.querySelector('.words')];
  }

  changed(state, now) {
    this.#state = state;
    if (state.phase === 'live') [this.#away, this.#refused] = [null, null];
    else if (state.phase === 'waiting') this.#away ??= now;
  }

  began(beginning, now) {
    [this.#beginning, this.#began] = [beginning, now];
  }

  /** The server refuses the stream for this reason. */
  refused(words) {
    this.#refused = words;
  }

  /** `[kind, text]` */
  read(now) {
    if (this.#refused !== null) return ['refused', this.#refused];
    if (this.#state.phase === 'connecting') return ['connecting', 'Connecting'];
    if (this.#state.phase === 'waiting') {
      const away = now - (this.#away ?? now);
      const since = away < 1_000 ? '' : ` for ${span(away)}: values shown are the last ones`;
      return ['waiting', `Reconnecting${since}`];
    }
    const [words, fresh, partial] = BEGINNINGS[this.#beginning];
    if (now - this.#began >= fresh) return ['live', 'Live'];
    return [partial ? 'partial' : 'live', `Live · ${words}`];
  }

  paint(now) {
    const [kind, words] = this.read(now);
    set(this.#box, 'data-phase', kind);
    setText(this.#words, words);
  }
}

/** The note in the stream at the beginning of a connection; null: none. */
export function noteOf(beginning) {
  const [words] = BEGINNINGS[beginning];
  return words && `Connected again: ${words}`;
}
