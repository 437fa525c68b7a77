// Bytes as printable text, for a script that carries the core: one character for most bytes, two for the
// rest. It compresses to hardly more than the bytes do: base64 to a third more, since it hides where bytes
// begin, and hex digits to a sixth more. `js/printable.ts` reads it.
import { gzipSync } from 'node:zlib'

/** Characters from '#' to '~' without the backslash: nothing in them is escaped between double quotes. */
const character = index => String.fromCharCode(index + (index < 57 ? 35 : 36))
/** Bytes of a page. A character for each, and two that say that the next one is of another page. */
const PAGE = 89

/** The text of `bytes` if `first` is the first byte of the first page. */
export function written(bytes, first) {
  let text = ''
  for (const byte of bytes) {
    const place = (byte - first + 256) % 256
    const page = Math.floor(place / PAGE)
    text += (page > 0 ? character(PAGE + page - 1) : '') + character(place % PAGE)
  }
  return text
}

/** The text of `bytes` that compresses best, and the first byte of its first page. */
export function printable(bytes) {
  let best
  for (let first = 0; first < 256; first++) {
    const text = written(bytes, first)
    const size = gzipSync(text, { level: 9 }).length
    if (best === undefined || size < best.size) best = { first, text, size }
  }
  return best
}
