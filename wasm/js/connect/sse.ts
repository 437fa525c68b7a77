/** An event of an event stream. */
export interface ServerEvent {
  readonly name: string
  /** `null`: it was too large, and is not kept. */
  readonly data: string | null
  /** The id of the last event that had one. */
  readonly id: string
}

/** What a piece of a line costs besides its characters. */
const PIECE = 32
const LINE_ENDS = /\r\n?|\n/g

/**
 * Takes an event stream in any pieces and gives its events, as the HTML standard says ("interpreting an
 * event stream"). It holds no more than one event of `most` characters, whatever comes.
 */
export class EventStream {
  readonly #most: number
  readonly #onEvent: (event: ServerEvent) => void
  readonly #onRetry: (milliseconds: number) => void
  /** The line so far. */
  #line = ''
  /** Its beginning, or its end, is not there. */
  #isLineCut = false
  /** Of the line and the event so far. */
  #size = 0
  #isAfterCr = false
  #name = ''
  #data: string | undefined
  #isTooLarge = false
  #id = ''

  constructor(most: number, onEvent: (event: ServerEvent) => void, onRetry: (milliseconds: number) => void) {
    this.#most = most
    this.#onEvent = onEvent
    this.#onRetry = onRetry
  }

  push(text: string): void {
    if (text === '') return
    let at = this.#isAfterCr && text[0] === '\n' ? 1 : 0
    this.#isAfterCr = text.endsWith('\r')
    for (const end of text.matchAll(LINE_ENDS)) {
      if (end.index < at) continue
      this.#hold(text.slice(at, end.index))
      at = end.index + end[0].length
      const line = this.#line
      const isCut = this.#isLineCut
      this.#line = ''
      this.#isLineCut = false
      if (line === '' && !isCut) this.#dispatch()
      else if (!isCut) this.#take(line)
      if (!this.#isTooLarge) this.#size = this.#name.length + (this.#data?.length ?? 0)
    }
    this.#hold(text.slice(at))
  }

  #hold(piece: string): void {
    if (piece === '') return
    this.#size += piece.length + PIECE
    if (this.#size <= this.#most) {
      this.#line += piece
      return
    }
    this.#isLineCut = this.#isTooLarge = true
    this.#line = ''
    this.#data = undefined
  }

  #take(line: string): void {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'data') this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    else if (field === 'event') this.#name = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.#onRetry(Number(value))
  }

  #dispatch(): void {
    const event = { name: this.#name, data: this.#data ?? null, id: this.#id }
    const isOne = this.#data !== undefined || this.#isTooLarge
    this.#name = ''
    this.#data = undefined
    this.#isTooLarge = false
    if (isOne) this.#onEvent(event)
  }
}
