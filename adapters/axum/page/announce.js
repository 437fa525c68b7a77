// What a screen reader is told: rarely, and only what somebody who does not look should know.

import { plural } from './figures.js';

/** The least time between two announcements, in milliseconds. */
const APART = 5_000;

export class Announcer {
  #last = -Infinity;
  #link = null;
  #ended = { done: [], failed: [] };
  #counts = { done: 0, failed: 0 };

  /** The state of the connection: the newest counts. */
  link(text) {
    this.#link = text;
  }

  /** A conversation has come to its end. */
  ended(name, state) {
    this.#counts[state] += 1;
    if (this.#ended[state].length < 3) this.#ended[state].push(name ?? 'system');
  }

  /** What is to be said at `now`, if it is time and there is anything. */
  take(now) {
    if (now - this.#last < APART) return null;
    const said = [this.#link, this.#endedAs('failed'), this.#endedAs('done')].filter(Boolean);
    if (said.length === 0) return null;
    this.#last = now;
    this.#link = null;
    this.#ended = { done: [], failed: [] };
    this.#counts = { done: 0, failed: 0 };
    return `${said.join('. ')}.`;
  }

  #endedAs(state) {
    const [names, number] = [this.#ended[state], this.#counts[state]];
    if (number === 0) return null;
    if (number > names.length) return `${plural(number, 'conversation')} ${state}`;
    return `${names.join(', ')} ${state}`;
  }
}
