// Makes foreign text safe to read. It is only ever used as `textContent`; this is about characters that
// mislead people.

// Control characters except tab and line feed; line separators; bidirectional embeddings, overrides and
// isolates, which could reorder a line; annotation anchors.
const MISLEADING = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]/g;

/** The text with invisible characters made visible, except tabs and line feeds. */
export function visible(text) {
  return text.replace(/\r\n/g, '\n').replace(MISLEADING, picture);
}

/** The same on one line. */
export function oneLine(text) {
  return visible(text).replace(/\n+$/, '').replace(/\s*\n\s*/g, ' ↵ ').replace(/\t/g, ' ');
}

/**
 * At most `most` characters of a text, and whether that is all of it. The result is a copy, because a
 * substring would keep the whole string in memory.
 */
export function cut(text, most) {
  if (text.length <= most) return { text, whole: true };
  const kept = [];
  let length = 0;
  for (const character of text) {
    length += character.length;
    if (length > most) break;
    kept.push(character);
  }
  return { text: kept.join(''), whole: false };
}

function picture(character) {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '\u2421' : '\ufffd';
}
