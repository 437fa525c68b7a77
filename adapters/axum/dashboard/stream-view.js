// The live stream as lines, the latest at the bottom. Line elements are reused, so that a flood creates
// no garbage, and lines that are too fast to read are counted instead of drawn.

import { element, foreign, setText, set, show } from './dom.js';
import { because, count, plural, time } from './figures.js';
import { cut, oneLine } from './safe.js';

/** Maximum number of displayed lines, and of lines that are added at once. */
const LINES = 300;
const AT_ONCE = 60;
/** Maximum length of a displayed text: more than fits on a line. */
const TEXT = 600;

const SCOPES = {
  topic: 'of one topic',
  bus: 'of the whole bus',
  reader: 'that this page was too slow for',
};

export class StreamView {
  #box;
  #list;
  #follow;
  #rows = [];
  #shown = 0;
  /** Whether the user has scrolled up or focused a line. */
  held = false;

  /** @param {(line: import('./lines.js').Line) => void} open shows all fields of an update */
  constructor({ box, follow, open, changed }) {
    [this.#box, this.#list, this.#follow] = [box, box.firstElementChild, follow];
    const hold = () => {
      const held = box.scrollTop < -8 || this.#list.contains(document.activeElement);
      if (held === this.held) return;
      this.held = held;
      changed();
    };
    box.addEventListener('scroll', hold, { passive: true });
    box.addEventListener('focusin', hold);
    // The next focused element is known in the next task.
    box.addEventListener('focusout', () => setTimeout(hold));
    box.addEventListener('keydown', (event) => this.#key(event));
    box.addEventListener('click', (event) => {
      const line = event.target.closest('li')?.line;
      if (line?.kind === 'update') open(line);
    });
    follow.addEventListener('click', () => this.goOn());
  }

  /** Continues with the latest line. */
  goOn() {
    if (this.#list.contains(document.activeElement)) this.#box.focus();
    this.#box.scrollTop = 0;
  }

  /** Draws everything again after a change of the filter. */
  clear() {
    this.#shown = 0;
    for (const row of this.#rows) row.remove();
    this.#rows = [];
  }

  /**
   * @param {import('./lines.js').Lines} lines
   * @param {import('./filter.js').Filter} filter
   */
  paint(lines, filter) {
    const fresh = this.#shown === 0;
    if (this.held && !fresh) {
      const { lines: waiting, left } = lines.since(this.#shown, filter, AT_ONCE);
      const number = waiting.length + left;
      setText(this.#follow, number > 0 ? `↓ ${plural(number, 'new line')}` : '↓ go on');
      show(this.#follow, true);
      return;
    }
    show(this.#follow, false);
    const { lines: added, left } = lines.since(this.#shown, filter, fresh ? LINES : AT_ONCE);
    this.#shown = lines.newest;
    if (added.length === 0) return;
    // Lines from before the first drawing are not counted as hidden.
    if (left > 0 && !fresh) added.unshift({ kind: 'left', at: NaN, text: `${plural(left, 'line')} went by too fast to be shown` });
    const rows = document.createDocumentFragment();
    for (const line of added) {
      const row = this.#rows.length >= LINES ? this.#rows.shift() : makeRow();
      fill(row, line);
      this.#rows.push(row);
      rows.append(row);
    }
    this.#list.append(rows);
  }

  #key(event) {
    const rows = this.#rows.filter((row) => row.line.kind === 'update');
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const to = {
      ArrowUp: at < 0 ? rows.length - 1 : Math.max(at - 1, 0),
      ArrowDown: at < 0 ? rows.length - 1 : Math.min(at + 1, rows.length - 1),
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (event.key === 'Escape' && at >= 0) {
      this.goOn();
    } else if (to !== undefined && rows[to]) {
      event.preventDefault();
      rows[to].firstElementChild.focus();
    }
  }
}

function makeRow() {
  const row = element('li');
  const button = element('button', 'line');
  button.type = 'button';
  // The stream is one tab stop; the arrow keys move between lines.
  button.tabIndex = -1;
  const parts = {
    time: element('span', 'time'),
    category: element('span', 'category'),
    who: foreign('span', 'who'),
    text: foreign('span', 'text'),
  };
  button.append(...Object.values(parts));
  row.append(button);
  row.parts = parts;
  return row;
}

/** @param {import('./lines.js').Line} line */
function fill(row, line) {
  const [button, { time: when, category, who, text }] = [row.firstElementChild, row.parts];
  const { kind, update } = line;
  row.line = line;
  set(button, 'data-kind', kind);
  set(button, 'data-category', update?.category ?? null);
  set(button, 'data-priority', update?.priority ?? null);
  set(button, 'data-retained', line.retained ? 'true' : null);
  set(button, 'title', line.retained ? 'It stood already when the page looked' : null);
  button.disabled = kind !== 'update';
  setText(when, kind === 'left' ? '' : time(line.at));
  show(category, kind === 'update');
  show(who, kind === 'update');
  if (kind !== 'update') {
    setText(text, kind === 'gap' ? wordsOf(line.gap) : line.text);
    return;
  }
  setText(category, oneLine(update.category));
  setText(who, update.conversation === null ? 'whole system' : oneLine(update.conversation));
  setText(text, textOf(update));
}

function textOf({ key, text }) {
  const shown = cut(text, TEXT);
  const line = oneLine(shown.text).trimStart() + (shown.whole ? '' : '…');
  // The key is omitted if the text begins with it.
  return key === null || line.startsWith(oneLine(key)) ? line : `${oneLine(key)}: ${line}`;
}

function wordsOf({ count: number, reasons, scope }) {
  const why = because(reasons);
  const what = `⚠ ${count(number)} ${number === 1 ? 'update is' : 'updates are'} missing here`;
  return `${what}, ${SCOPES[scope] ?? scope}${why && `: ${why}`}`;
}
