// The conversations as cards. Cards are kept and only what differs is set, so that a busy board costs
// little and the focus stays where it is.

import { valuesOf } from './board.js';
import { element, foreign, say, set, show } from './dom.js';
import { ago, percent, plural, short } from './figures.js';
import { restOf } from './progress.js';
import { oneLine } from './safe.js';

/** Conversations that are shown at most, and keys of each. */
const CARDS = 40;
const KEYS = 8;
/** After this long without a word it is called quiet, in milliseconds. */
const QUIET = 30_000;

const STATES = {
  active: (standing, now) => {
    const rate = standing.rate.perSecond(now);
    return rate >= 1 ? `● ${short(Math.round(rate))} /s` : '● active';
  },
  quiet: () => '○ quiet',
  done: () => '✓ done',
  failed: () => '✕ failed',
};

export class BoardView {
  #cards = new Map();
  #list;
  #rest;
  #tally;

  constructor({ list, rest, tally }) {
    [this.#list, this.#rest, this.#tally] = [list, rest, tally];
  }

  /**
   * @param {import('./board.js').Board} board
   * @param {import('./filter.js').Filter} filter
   * @param {number} now by the clock of this page
   * @param {number} serverNow by the server's
   */
  paint(board, filter, now, serverNow) {
    const wanted = board.recent((standing) => filter.wantsConversation(standing), now);
    const shown = wanted.slice(0, CARDS);
    const known = new Set(shown.map(({ name }) => name));
    for (const [name, card] of this.#cards) {
      if (known.has(name)) continue;
      card.box.remove();
      this.#cards.delete(name);
    }
    // Each is put behind the one before it; those that are there already are not touched.
    let before = null;
    for (const standing of shown) {
      const card = this.#cards.get(standing.name) ?? this.#make(standing.name);
      const place = before ? before.nextSibling : this.#list.firstChild;
      // Moving an element takes the focus away from it, so others move around it.
      if (card.box !== place && !(place && card.box.contains(document.activeElement))) {
        this.#list.insertBefore(card.box, place);
      }
      fill(card, standing, filter, now, serverNow);
      before = card.box;
    }
    this.#paintSums(board, wanted.length - shown.length, filter);
  }

  #paintSums(board, hidden, filter) {
    const rest = [
      hidden > 0 && `and ${plural(hidden, 'more conversation')}: find them by name`,
      board.forgotten > 0 && `${plural(board.forgotten, 'conversation')} not remembered`,
      board.size > 0 && this.#cards.size === 0 && `no conversation has “${filter.find}”`,
    ].filter(Boolean);
    say(this.#rest, rest.join(' · '));
    show(this.#rest, rest.length > 0);
    const { active, done, failed } = board.tally();
    const sums = [[active, 'active'], [done, 'done'], [failed, 'failed']].filter(([number]) => number > 0);
    const text = sums.map(([number, state]) => `${number} ${state}`).join();
    if (this.#tally.dataset.text === text) return;
    this.#tally.dataset.text = text;
    this.#tally.replaceChildren(
      ...sums.map(([number, state]) => element('span', state, element('b', '', String(number)), ` ${state}`)),
    );
  }

  #make(name) {
    const title = foreign('button', '');
    title.type = 'button';
    title.textContent = name === null ? 'whole system' : oneLine(name);
    title.title = `Only ${title.textContent} in the stream`;
    const card = {
      box: element('li', 'card'),
      title,
      state: element('p', 'state'),
      said: foreign('p', 'said'),
      trouble: element('p', 'trouble'),
      keys: element('ul', 'keys'),
      more: element('p', 'more'),
      rows: new Map(),
    };
    card.box.name = name;
    card.box.append(element('h3', '', title), card.state, card.said, card.trouble, card.keys, card.more);
    this.#cards.set(name, card);
    return card;
  }
}

function fill(card, standing, filter, now, serverNow) {
  const idle = Number.isFinite(standing.at) ? serverNow - standing.at : now - standing.heard;
  const state = standing.state === 'active' && idle > QUIET ? 'quiet' : standing.state;
  const since = state === 'active' ? '' : ` · ${ago(idle)}`;
  set(card.box, 'data-state', state);
  say(card.state, STATES[state](standing, now) + since);
  set(card.title, 'aria-pressed', String(filter.conversation === standing.name));
  say(card.said, oneLine(standing.text));
  set(card.said, 'data-category', standing.category || null);
  show(card.said, standing.text !== '');
  say(card.trouble, standing.errors > 0 ? `✕ ${plural(standing.errors, 'error')}` : '');
  show(card.trouble, standing.errors > 0 && state !== 'failed');
  const values = valuesOf(standing);
  fillKeys(card, values.slice(0, KEYS));
  say(card.more, values.length > KEYS ? `and ${plural(values.length - KEYS, 'more key')}` : '');
  show(card.more, values.length > KEYS);
}

function fillKeys(card, values) {
  const id = ({ category, key }) => `${category}:${key}`;
  const known = new Set(values.map(id));
  for (const [name, { box }] of card.rows) {
    if (known.has(name)) continue;
    box.remove();
    card.rows.delete(name);
  }
  for (const [index, value] of values.entries()) {
    const row = card.rows.get(id(value)) ?? makeRow(card, id(value), value);
    if (card.keys.children[index] !== row.box) card.keys.insertBefore(row.box, card.keys.children[index] ?? null);
    const known = value.fraction !== null;
    set(row.box, 'data-over', value.over === null ? null : 'true');
    say(row.percent, percentOf(value));
    show(row.bar, known);
    if (known && row.bar.value !== value.fraction) row.bar.value = value.fraction;
    say(row.text, oneLine(known ? restOf(value.text, value.key) : value.text));
  }
  show(card.keys, values.length > 0);
}

function percentOf({ fraction, over }) {
  if (over !== null) return fraction === null || fraction === 1 ? '✓ done' : `✓ ${percent(fraction)}`;
  return fraction === null ? '' : percent(fraction);
}

function makeRow(card, id, { key }) {
  const name = foreign('span', 'name');
  name.textContent = oneLine(key);
  const bar = element('progress');
  bar.max = 1;
  bar.setAttribute('aria-label', name.textContent);
  const row = { box: element('li', 'key'), name, bar, percent: element('span', 'percent'), text: foreign('span', 'text') };
  row.box.append(element('p', 'what', name, row.text), row.percent, bar);
  card.rows.set(id, row);
  return row;
}
