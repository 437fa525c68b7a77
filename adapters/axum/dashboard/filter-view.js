// The filter: a button for each category, one for a selected conversation, and a search field.

import { element, setText, set, show } from './dom.js';
import { oneLine } from './safe.js';

export class FilterView {
  #box;
  #only;
  #find;
  #buttons = new Map();

  /**
   * @param {() => import('./filter.js').Filter} filter the current filter
   * @param {() => void} changed called after a change by the user
   */
  constructor({ box, only, find, filter, changed }) {
    [this.#box, this.#only, this.#find] = [box, only, find];
    box.addEventListener('click', (event) => {
      const category = event.target.closest('button')?.dataset.category;
      if (category === undefined) return;
      filter().toggle(category, [...this.#buttons.keys()]);
      changed();
    });
    only.addEventListener('click', () => {
      filter().conversation = undefined;
      changed();
    });
    find.addEventListener('input', () => {
      filter().find = find.value.trim();
      changed();
    });
  }

  /** Sets the categories of the bus, in order. */
  order(categories) {
    if (categories.every((category, index) => this.#box.children[index]?.dataset.category === category)) return;
    for (const category of categories) this.know(category);
    this.#box.prepend(...categories.map((category) => this.#buttons.get(category)).filter(Boolean));
  }

  /** Adds a category. */
  know(category) {
    if (this.#buttons.has(category) || this.#buttons.size >= 40) return;
    const button = element('button', 'chip', oneLine(category));
    button.type = 'button';
    button.dataset.category = category;
    this.#buttons.set(category, button);
    this.#box.append(button);
  }

  paint(filter) {
    for (const [category, button] of this.#buttons) {
      set(button, 'aria-pressed', String(filter.hasCategory(category)));
    }
    const { conversation } = filter;
    show(this.#only, conversation !== undefined);
    const name = conversation === null ? 'whole system' : oneLine(conversation ?? '');
    setText(this.#only, `only ${name} ✕`);
    set(this.#only, 'aria-label', `Only ${name} is shown. Show all conversations`);
    if (document.activeElement !== this.#find) this.#find.value = filter.find;
  }
}
