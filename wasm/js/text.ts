/** Bytes of a text in UTF-8, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    bytes += unit < 0x800 ? 1 : 2
    // a pair of surrogates is 4 bytes, and one alone is replaced by 3
    if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(i + 1)
      if (next >= 0xdc00 && next < 0xe000) i++
    }
  }
  return bytes
}

/** Whether a text has more bytes than `limit`. Counts only where its length does not tell. */
export function isLarger(text: string, limit: number): boolean {
  return text.length * 3 > limit && (text.length > limit || utf8Length(text) > limit)
}
