// A dialog with all fields of an update.

import { element, foreign } from './dom.js';
import { time } from './figures.js';
import { oneLine, visible } from './safe.js';

export class DetailsView {
  #dialog;

  constructor(dialog) {
    this.#dialog = dialog;
    // A click beside the dialog closes it.
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) dialog.close();
    });
  }

  /** @param {import('./wire.js').Update} update */
  open(update) {
    const fields = {
      Time: Number.isFinite(update.at) ? `${new Date(update.at).toLocaleDateString()} ${time(update.at)}` : 'not known',
      Category: update.category,
      Key: update.key,
      Priority: update.priority,
      Position: String(update.seq),
      Metadata: update.metadata && JSON.stringify(update.metadata, null, 2),
    };
    const [title, list] = [this.#dialog.querySelector('h2'), this.#dialog.querySelector('dl')];
    title.textContent = update.conversation === null ? 'Whole system' : oneLine(update.conversation);
    list.replaceChildren(
      ...Object.entries(fields).flatMap(([name, value]) => {
        if (value === null) return [];
        const text = foreign('dd');
        text.textContent = visible(value);
        return [element('dt', '', name), text];
      }),
    );
    this.#dialog.querySelector('pre').textContent = visible(update.text);
    this.#dialog.showModal();
  }
}
