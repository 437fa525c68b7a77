// Text from strangers, made harmless for whoever reads it. It only ever becomes `textContent`; this is
// about what a person would be misled by.

// Control characters but tab and line feed; separators of lines; embeddings, overrides and isolates
// of direction, which could make a line say something else; anchors of annotations.
const MISLEADING = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]/g;

/** The text with what cannot be seen made visible. Tabs and line feeds stay. */
export function visible(text) {
  return text.replace(/\r\n/g, '\n').replace(MISLEADING, picture);
}

/** The same on one line. */
export function oneLine(text) {
  return visible(text).replace(/\n+$/, '').replace(/\s*\n\s*/g, ' ↵ ').replace(/\t/g, ' ');
}

/**
 * At most `most` characters of a text, and whether that is all of it. What is cut off is let go of:
 * a part of a string would keep the whole of it in memory.
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
