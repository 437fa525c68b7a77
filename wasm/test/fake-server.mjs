import { setImmediate as turn } from 'node:timers/promises'

/** Lets everything happen that needs no time. */
export async function settle() {
  for (let i = 0; i < 10; i++) await turn()
}

export const EPOCH = '00f1e2d3c4b5a697'
export const update = (seq, text, rest = {}) => ({
  seq, conversation: 'conv-1', category: 'tool', text, metadata: null, key: null, priority: 'normal', at: '2026-01-02T03:04:05.678Z', ...rest,
})

/** A server that says what a test has it say; `fetch` reads it. */
export class FakeServer {
  requests = []
  /** Answers instead of a stream, by the number of the request. */
  answers = new Map()

  fetch = async (url, { headers, signal }) => {
    const request = new Request(url, headers, signal)
    this.requests.push(request)
    const answer = this.answers.get(this.requests.length)
    if (answer instanceof Error) throw answer
    return answer?.(request) ?? new Response(request.body, { headers: { 'content-type': 'text/event-stream' } })
  }

  get last() {
    return this.requests.at(-1)
  }
}

class Request {
  #encoder = new TextEncoder()

  constructor(url, headers, signal) {
    this.url = new URL(url)
    this.headers = headers
    this.signal = signal
    this.body = new ReadableStream({
      start: controller => {
        this.controller = controller
        signal.addEventListener('abort', () => controller.error(signal.reason))
      },
    })
  }

  get id() {
    return this.headers.get('last-event-id')
  }

  async send(text) {
    this.controller.enqueue(typeof text === 'string' ? this.#encoder.encode(text) : text)
    await settle()
  }

  ready(recovered = false, epoch = EPOCH, retry = 1_000) {
    return this.send(`retry: ${retry}\nevent: ready\ndata: {"epoch":"${epoch}","recovered":${recovered}}\n\n`)
  }

  status(seq, updates, epoch = EPOCH) {
    return this.send(`event: status\nid: ${epoch}-${seq}\ndata: ${JSON.stringify(updates)}\n\n`)
  }

  gap(seq, gap) {
    return this.send(`event: gap\nid: ${EPOCH}-${seq}\ndata: ${JSON.stringify(gap)}\n\n`)
  }

  async end() {
    this.controller.close()
    await settle()
  }

  async cut(error = new TypeError('network error')) {
    this.controller.error(error)
    await settle()
  }
}
