// The conversations as cards. Cards are reused and only differences are applied, so that a busy board is
// cheap and keeps the focus.

import { valuesOf } from './board.js';
import { element, foreign, setText, set, show } from './dom.js';
import { ago, percent, plural, short } from './figures.js';
import { restOf } from './progress.js';
import { oneLine } from './safe.js';

/** Maximum number of displayed conversations, and of keys of each. */
const CARDS = 40;
const KEYS = 8;
/** A conversation without updates for this time is labelled quiet, in milliseconds. */
const QUIET = 30_000;

const STATES = {
  active: (entry, now) => {
    const rate = entry.rate.perSecond(now);
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
   * @param {number} now the page's clock
   * @param {number} serverNow the server's clock
   */
  paint(board, filter, now, serverNow) {
    const wanted = board.recent((entry) => filter.wantsConversation(entry), now);
    const shown = wanted.slice(0, CARDS);
    const known = new Set(shown.map(({ name }) => name));
    for (const [name, card] of this.#cards) {
      if (known.has(name)) continue;
      card.box.remove();
      this.#cards.delete(name);
    }
    // Each card is placed after the previous one. Cards in place are not touched.
    let before = null;
    for (const entry of shown) {
      const card = this.#cards.get(entry.name) ?? this.#make(entry.name);
      const place = before ? before.nextSibling : this.#list.firstChild;
      // Moving an element removes the focus from it, so the others move around it.
      if (card.box !== place && !(place && card.box.contains(document.activeElement))) {
        this.#list.insertBefore(card.box, place);
      }
      fill(card, entry, filter, now, serverNow);
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
    setText(this.#rest, rest.join(' · '));
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

function fill(card, entry, filter, now, serverNow) {
  const idle = Number.isFinite(entry.at) ? serverNow - entry.at : now - entry.heard;
  const state = entry.state === 'active' && idle > QUIET ? 'quiet' : entry.state;
  const since = state === 'active' ? '' : ` · ${ago(idle)}`;
  set(card.box, 'data-state', state);
  setText(card.state, STATES[state](entry, now) + since);
  set(card.title, 'aria-pressed', String(filter.conversation === entry.name));
  setText(card.said, oneLine(entry.text));
  set(card.said, 'data-category', entry.category || null);
  show(card.said, entry.text !== '');
  setText(card.trouble, entry.errors > 0 ? `✕ ${plural(entry.errors, 'error')}` : '');
  show(card.trouble, entry.errors > 0 && state !== 'failed');
  const values = valuesOf(entry);
  fillKeys(card, values.slice(0, KEYS));
  setText(card.more, values.length > KEYS ? `and ${plural(values.length - KEYS, 'more key')}` : '');
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
    setText(row.percent, percentOf(value));
    show(row.bar, known);
    if (known && row.bar.value !== value.fraction) row.bar.value = value.fraction;
    setText(row.text, oneLine(known ? restOf(value.text, value.key) : value.text));
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
