// What stands: each conversation with its state and the current value of each of its keys, in bounded
// memory, however many there are and however long the page is open.

import { fractionOf } from './progress.js';
import { Rate } from './rate.js';
import { cut } from './safe.js';

/** Conversations that are remembered, and keys of each. */
const CONVERSATIONS = 500;
const KEYS = 24;
/** Characters that are kept of a text: the stream has the rest. */
const TEXT = 400;
/** For how long a value that has come to its end is still shown, in milliseconds. */
const LINGER = 5_000;
/** Whoever said something in this time is at work, and keeps its place, in milliseconds. */
const AT_WORK = 10_000;

/**
 * A conversation as it stands.
 *
 * @typedef {object} Standing
 * @property {?string} name null: the whole system
 * @property {'active'|'done'|'failed'} state
 * @property {string} text what it said last, other than by a key
 * @property {string} category
 * @property {number} order grows with each conversation that comes or begins anew
 * @property {number} heard when it was last heard of, by the clock of this page
 * @property {number} at when that was sent, by the server's clock
 * @property {number} errors updates of category `error` that were not the end
 * @property {Rate} rate
 * @property {Map<string, Value>} values by category and key, the most recent last
 */

/**
 * The current value of a key.
 *
 * @typedef {object} Value
 * @property {string} category
 * @property {string} key
 * @property {string} text
 * @property {?number} fraction 0 to 1
 * @property {number} order
 * @property {?number} over when it was heard that it has come to its end
 */

export class Board {
  /** Ended conversations: [[name, state], …] since they were last taken. */
  #ended = [];
  /** By name, the least recently heard of first. @type {Map<?string, Standing>} */
  #standing = new Map();
  #order = 0;
  /** Conversations that had to go for others. */
  forgotten = 0;

  /**
   * Takes an update in, heard at `now`. Values that stand already (`retained`) are no news: they
   * count for no rate, and nobody has just come to an end.
   *
   * @param {import('./wire.js').Update} update
   */
  take(update, now, { retained = false } = {}) {
    const standing = this.#of(update.conversation);
    standing.at = update.at;
    standing.heard = now;
    if (!retained) standing.rate.count(now);
    // A key that is over is not the end of the conversation.
    const over = update.priority === 'terminal' && update.key === null;
    if (!over) this.#reopen(standing);
    if (update.category === 'error' && update.priority !== 'terminal') standing.errors += 1;
    if (update.key !== null) {
      this.#set(standing, update, now, retained);
      return;
    }
    standing.text = cut(update.text, TEXT).text;
    standing.category = update.category;
    if (!over) return;
    standing.state = update.category === 'error' ? 'failed' : 'done';
    // What has not come to its end by now never will.
    standing.values.clear();
    if (!retained && this.#ended.length < CONVERSATIONS) {
      this.#ended.push([standing.name, standing.state]);
    }
  }

  /** Forgets values that came to their end some time ago. Answers whether there were any. */
  settle(now) {
    let changed = false;
    for (const { values } of this.#standing.values()) {
      for (const [id, { over }] of values) {
        if (over !== null && now > over + LINGER) changed = values.delete(id);
      }
    }
    return changed;
  }

  /** Forgets everything. */
  clear() {
    this.#standing.clear();
    this.#ended = [];
    this.forgotten = 0;
  }

  get size() {
    return this.#standing.size;
  }

  /** How many of each state: `{active, done, failed}`. */
  tally() {
    const tally = { active: 0, done: 0, failed: 0 };
    for (const { state } of this.#standing.values()) tally[state] += 1;
    return tally;
  }

  /** Conversations that ended since the last call. */
  takeEnded() {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  /**
   * Those that pass `wanted`, the most recent first. Those at work count as equally recent and stand
   * in the order in which they began, the newest first: else they would change places all the time.
   *
   * @param {(standing: Standing) => boolean} wanted
   * @returns {Standing[]}
   */
  recent(wanted, now) {
    const rank = ({ heard }) => (now - heard < AT_WORK ? Infinity : heard);
    return [...this.#standing.values()]
      .filter(wanted)
      .sort((one, other) => compare(rank(other), rank(one)) || other.order - one.order);
  }

  /** @returns {Standing} */
  #of(name) {
    const known = this.#standing.get(name);
    const standing = known ?? {
      name,
      state: 'active',
      text: '',
      category: '',
      order: this.#next(),
      heard: 0,
      at: NaN,
      errors: 0,
      rate: new Rate(),
      values: new Map(),
    };
    // A map is in the order of insertion: so its first is the one to forget.
    if (known) this.#standing.delete(name);
    this.#standing.set(name, standing);
    if (this.#standing.size > CONVERSATIONS) {
      this.#standing.delete(this.#standing.keys().next().value);
      this.forgotten += 1;
    }
    return standing;
  }

  #reopen(standing) {
    if (standing.state === 'active') return;
    standing.state = 'active';
    standing.errors = 0;
    standing.order = this.#next();
  }

  #set(standing, update, now, retained) {
    const { category, key } = update;
    const { values } = standing;
    const id = `${category}:${key}`;
    const known = values.get(id);
    const fraction = fractionOf(update);
    const ends = update.priority === 'terminal' || fraction === 1;
    const text = cut(update.text, TEXT).text;
    // A value that had come to its end before this page looked need not linger.
    const over = ends ? (known?.over ?? (retained ? now - LINGER : now)) : null;
    if (known) values.delete(id);
    values.set(id, { category, key, text, fraction, over, order: known?.order ?? this.#next() });
    if (values.size > KEYS) values.delete(values.keys().next().value);
  }

  #next() {
    this.#order += 1;
    return this.#order;
  }
}

/** The values of a conversation in the order in which they came, those that go on first. */
export function valuesOf(standing) {
  const ended = ({ over }) => Number(over !== null);
  return [...standing.values.values()].sort(
    (one, other) => ended(one) - ended(other) || one.order - other.order,
  );
}

function compare(one, other) {
  return one === other ? 0 : one - other;
}
