// The filter of the user. It is stored in the address (`#categories=tool,error&find=conv-1`), so that a
// link sets up a wall display.

export class Filter {
  /** Displayed categories; null: all. @type {?Set<string>} */
  categories = null;
  /** Text that conversation, key or text must contain. */
  find = '';
  /** The only displayed conversation; undefined: all; null: the system. */
  conversation = undefined;

  /** Parses the fragment of an address. Unknown parts are ignored. */
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

  /** The fragment of this filter; empty if everything is displayed. */
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

  /** Shows or hides a category, among all known ones. */
  toggle(category, all) {
    const shown = new Set(this.categories ?? all);
    if (!shown.delete(category)) shown.add(category);
    this.categories = all.every((one) => shown.has(one)) ? null : shown;
  }

  /** Whether the stream displays an update. */
  wants({ conversation, category, key, text }) {
    return (
      this.hasCategory(category) &&
      (this.conversation === undefined || this.conversation === conversation) &&
      this.#finds([conversation, key, text])
    );
  }

  /** Whether the board displays a conversation. Categories apply to the stream only. */
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
