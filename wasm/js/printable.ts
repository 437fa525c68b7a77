/** The bytes that `build/printable.mjs` has written as text: characters from '#' to '~' without the
 * backslash, 89 for the bytes from `first` on, and two that say that the next one is of another page of 89. */
export function bytesOf(text: string, first: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = []
  let page = first
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const index = code - (code > 92 ? 36 : 35)
    if (index < 89) {
      bytes.push(index + page)
      page = first
    } else page = first + 89 * (index - 88)
  }
  return Uint8Array.from(bytes)
}
