// Updates as `wire.js` gives them.

let seq = 0;

/** An update of conversation `make` that says what `fields` say. */
export function update(fields = {}) {
  seq += 1;
  return {
    seq,
    conversation: 'make',
    category: 'info',
    text: 'text',
    metadata: null,
    key: null,
    priority: 'state',
    at: 1_000,
    ...fields,
  };
}
