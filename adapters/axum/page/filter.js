// What the reader wants to see. It lives in the address (`#categories=tool,error&find=conv-1`), so that
// a wall can be set up by a link.

export class Filter {
  /** Categories that are shown; null: all. @type {?Set<string>} */
  categories = null;
  /** What conversation, key or text have to contain. */
  find = '';
  /** The only conversation that is shown; undefined: all; null: the whole system. */
  conversation = undefined;

  /** Reads the part of an address behind `#`. What it does not understand it leaves out. */
  static fromHash(hash) {
    const filter = new Filter();
    const fields = new URLSearchParams(hash.replace(/^#/, ''));
    const categories = fields.get('categories');
    if (categories !== null) filter.categories = new Set(categories.split(',').filter(Boolean));
    filter.find = fields.get('find') ?? '';
    if (fields.has('conversation')) filter.conversation = fields.get('conversation');
    if (fields.has('system')) filter.conversation = null;
    return filter;
  }

  /** The part of an address that says the same; empty if everything is shown. */
  toHash() {
    const fields = new URLSearchParams();
    if (this.categories) fields.set('categories', [...this.categories].join(','));
    if (this.find) fields.set('find', this.find);
    if (this.conversation === null) fields.set('system', '');
    else if (this.conversation !== undefined) fields.set('conversation', this.conversation);
    const text = fields.toString();
    return text && `#${text}`;
  }

  get isEmpty() {
    return this.categories === null && !this.find && this.conversation === undefined;
  }

  hasCategory(category) {
    return this.categories === null || this.categories.has(category);
  }

  /** Shows a category or hides it, of all that there are. */
  toggle(category, all) {
    const shown = new Set(this.categories ?? all);
    if (!shown.delete(category)) shown.add(category);
    this.categories = all.every((one) => shown.has(one)) ? null : shown;
  }

  /** Whether the stream shows an update. */
  wants({ conversation, category, key, text }) {
    return (
      this.hasCategory(category) &&
      (this.conversation === undefined || this.conversation === conversation) &&
      this.#finds([conversation, key, text])
    );
  }

  /** Whether the board shows a conversation. Categories are a matter of the stream. */
  wantsConversation({ name, text, values }) {
    if (!this.find) return true;
    if (this.#finds([name ?? 'system', text])) return true;
    for (const { key } of values.values()) if (this.#finds([key])) return true;
    return false;
  }

  #finds(texts) {
    if (!this.find) return true;
    const wanted = this.find.toLowerCase();
    return texts.some((text) => text?.toLowerCase().includes(wanted));
  }
}
