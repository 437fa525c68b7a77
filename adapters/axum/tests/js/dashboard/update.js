// Updates as `wire.js` returns them.

let seq = 0;

/** An update of conversation `make` with these fields. */
export function update(fields = {}) {
  seq += 1;
  return {
    seq,
    conversation: 'make',
    category: 'info',
    text: 'text',
    metadata: null,
    key: null,
    priority: 'normal',
    at: 1_000,
    ...fields,
  };
}
