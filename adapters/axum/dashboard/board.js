// The board: each conversation with its state and the current value of each key, in bounded memory.

import { fractionOf } from './progress.js';
import { Rate } from './rate.js';
import { cut } from './safe.js';

/** Maximum number of stored conversations, and of keys of each. */
const CONVERSATIONS = 500;
const KEYS = 24;
/** Maximum length of a stored text. The stream has the rest. */
const TEXT = 400;
/** How long an ended value is still displayed, in milliseconds. */
const LINGER = 5_000;
/** A conversation with an update in this time counts as active and keeps its order, in milliseconds. */
const AT_WORK = 10_000;

/**
 * The state of a conversation.
 *
 * @typedef {object} Entry
 * @property {?string} name null: the system
 * @property {'active'|'done'|'failed'} state
 * @property {string} text of the last update without a key
 * @property {string} category
 * @property {number} order increases with each conversation that starts or restarts
 * @property {number} heard time of its last update, by the page's clock
 * @property {number} at when that update was sent, by the server's clock
 * @property {number} errors number of updates in category `error` that did not end it
 * @property {Rate} rate
 * @property {Map<string, Value>} values by category and key, latest last
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
 * @property {?number} over time of its end, by the page's clock
 */

export class Board {
  /** Conversations that ended since the last call of `takeEnded`: [[name, state], …]. */
  #ended = [];
  /** By name, least recently updated first. @type {Map<?string, Entry>} */
  #entries = new Map();
  #order = 0;
  /** Number of conversations that were evicted. */
  forgotten = 0;

  /**
   * Applies an update that arrived at `now`. Retained values are no news: they count neither for the
   * rate nor as ends.
   *
   * @param {import('./wire.js').Update} update
   */
  take(update, now, { retained = false } = {}) {
    const entry = this.#of(update.conversation);
    entry.at = update.at;
    entry.heard = now;
    if (!retained) entry.rate.count(now);
    // The end of a key does not end the conversation.
    const over = update.priority === 'high' && update.key === null;
    if (!over) this.#reopen(entry);
    if (update.category === 'error' && update.priority !== 'high') entry.errors += 1;
    if (update.key !== null) {
      this.#set(entry, update, now, retained);
      return;
    }
    entry.text = cut(update.text, TEXT).text;
    entry.category = update.category;
    if (!over) return;
    entry.state = update.category === 'error' ? 'failed' : 'done';
    // Values without an end will get none.
    entry.values.clear();
    if (!retained && this.#ended.length < CONVERSATIONS) {
      this.#ended.push([entry.name, entry.state]);
    }
  }

  /** Removes values that ended some time ago. Returns whether there were any. */
  settle(now) {
    let changed = false;
    for (const { values } of this.#entries.values()) {
      for (const [id, { over }] of values) {
        if (over !== null && now > over + LINGER) changed = values.delete(id);
      }
    }
    return changed;
  }

  /** Removes everything. */
  clear() {
    this.#entries.clear();
    this.#ended = [];
    this.forgotten = 0;
  }

  get size() {
    return this.#entries.size;
  }

  /** Number of conversations by state: `{active, done, failed}`. */
  tally() {
    const tally = { active: 0, done: 0, failed: 0 };
    for (const { state } of this.#entries.values()) tally[state] += 1;
    return tally;
  }

  /** Conversations that ended since the last call. */
  takeEnded() {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  /**
   * The conversations that pass `wanted`, most recent first. Active ones count as equally recent and are
   * ordered by their start, newest first, so that their order is stable.
   *
   * @param {(entry: Entry) => boolean} wanted
   * @returns {Entry[]}
   */
  recent(wanted, now) {
    const rank = ({ heard }) => (now - heard < AT_WORK ? Infinity : heard);
    return [...this.#entries.values()]
      .filter(wanted)
      .sort((one, other) => compare(rank(other), rank(one)) || other.order - one.order);
  }

  /** @returns {Entry} */
  #of(name) {
    const known = this.#entries.get(name);
    const entry = known ?? {
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
    // Maps are in insertion order, so the first is the least recent.
    if (known) this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#entries.size > CONVERSATIONS) {
      this.#entries.delete(this.#entries.keys().next().value);
      this.forgotten += 1;
    }
    return entry;
  }

  #reopen(entry) {
    if (entry.state === 'active') return;
    entry.state = 'active';
    entry.errors = 0;
    entry.order = this.#next();
  }

  #set(entry, update, now, retained) {
    const { category, key } = update;
    const { values } = entry;
    const id = `${category}:${key}`;
    const known = values.get(id);
    const fraction = fractionOf(update);
    const ends = update.priority === 'high' || fraction === 1;
    const text = cut(update.text, TEXT).text;
    // A value that ended before the page was opened is not displayed longer.
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

/** The values of a conversation in order of arrival, active ones first. */
export function valuesOf(entry) {
  const ended = ({ over }) => Number(over !== null);
  return [...entry.values.values()].sort(
    (one, other) => ended(one) - ended(other) || one.order - other.order,
  );
}

function compare(one, other) {
  return one === other ? 0 : one - other;
}
