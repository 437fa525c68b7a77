// The state of the connection, in words.

import { say, set } from './dom.js';
import { span } from './figures.js';

/** For how long it is said that it went on where it was, in milliseconds. */
const FRESH = 8_000;
/** And for how long that it did not: longer, as what is shown is not all. */
const FRESH_GAP = 60_000;

/** What is said of each way to go on, for how long, and whether anything may be missing. */
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

  /** The server does not want to show anything: why. */
  refused(words) {
    this.#refused = words;
  }

  /** `[kind, words]` */
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
    say(this.#words, words);
  }
}

/** What the stream says where a connection goes on; null: nothing. */
export function noteOf(beginning) {
  const [words] = BEGINNINGS[beginning];
  return words && `Connected again: ${words}`;
}
