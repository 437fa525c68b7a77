// Announcements for screen readers: rare, and limited to connection changes and ends.

import { plural } from './figures.js';

/** Minimum time between two announcements, in milliseconds. */
const APART = 5_000;

export class Announcer {
  #last = -Infinity;
  #link = null;
  #ended = { done: [], failed: [] };
  #counts = { done: 0, failed: 0 };

  /** The state of the connection. Only the latest is announced. */
  link(text) {
    this.#link = text;
  }

  /** A conversation has ended. */
  ended(name, state) {
    this.#counts[state] += 1;
    if (this.#ended[state].length < 3) this.#ended[state].push(name ?? 'system');
  }

  /** The announcement that is due at `now`, if any. */
  take(now) {
    if (now - this.#last < APART) return null;
    const parts = [this.#link, this.#endedAs('failed'), this.#endedAs('done')].filter(Boolean);
    if (parts.length === 0) return null;
    this.#last = now;
    this.#link = null;
    this.#ended = { done: [], failed: [] };
    this.#counts = { done: 0, failed: 0 };
    return `${parts.join('. ')}.`;
  }

  #endedAs(state) {
    const [names, number] = [this.#ended[state], this.#counts[state]];
    if (number === 0) return null;
    if (number > names.length) return `${plural(number, 'conversation')} ${state}`;
    return `${names.join(', ')} ${state}`;
  }
}
