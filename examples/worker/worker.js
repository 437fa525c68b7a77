// Statuses on the edge: who works posts them in batches, who watches gets them as server-sent events.
//
//   POST /v1/status                          one update, or an array of them
//   GET  /v1/status/{conversation}/events    server-sent events
//   POST /run/{conversation}                 a job of this worker that says what it does
import { createStatusBus } from 'statusbus'

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url)
    const [, conversation] = /^\/v1\/status\/([^/]+)\/events$/.exec(pathname) ?? []
    if (request.method === 'GET' && conversation !== undefined) return room(env, decodeURIComponent(conversation)).fetch(request)
    if (request.method === 'POST' && pathname === '/v1/status') return publish(env, await request.json().catch(() => null))
    const [, job] = /^\/run\/([^/]+)$/.exec(pathname) ?? []
    if (request.method === 'POST' && job !== undefined) {
      // The answer is given at once; the runtime lets go of this request when the bus is closed.
      context.waitUntil(run(env, decodeURIComponent(job)))
      return new Response('started\n', { status: 202 })
    }
    return new Response('not found\n', { status: 404 })
  },
}

const room = (env, conversation) => env.ROOMS.get(env.ROOMS.idFromName(conversation))

/** Each conversation is a room of its own. */
async function publish(env, given) {
  const updates = Array.isArray(given) ? given : [given]
  const byRoom = Map.groupBy(updates, update => String(update?.conversation))
  await Promise.all([...byRoom].map(([conversation, updates]) => room(env, conversation).fetch('http://room/', { method: 'POST', body: JSON.stringify(updates) })))
  return Response.json({ accepted: updates.length }, { status: 202 })
}

/**
 * A job. Its bus lives as long as the request: no timer outlives it, since `close` hands on the rest, and
 * waits for the posts that are under way.
 */
async function run(env, conversation) {
  await using bus = createStatusBus({ batchSize: 500 })
  bus.subscribe('*', ({ updates }) => publish(env, updates))
  bus.engine(conversation, 'started')
  for (let step = 1; step <= 2_000; step++) {
    bus.progress(conversation, `${step / 20} %`, { key: 'run' })
    // the clock of a worker moves with its input and output
    if (step % 200 === 0) await new Promise(resolve => setTimeout(resolve, 20))
  }
  bus.info(conversation, 'done', { priority: 'high' })
}

const encoder = new TextEncoder()
const event = (name, data, id) => encoder.encode(`event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`)

/** A conversation: its bus is shared by all who watch it, also those who come later. */
export class Room {
  #bus = createStatusBus()

  async fetch(request) {
    if (request.method === 'POST') {
      for (const update of await request.json()) this.#bus.send(update)
      // what is due later comes by the timer, which a durable object keeps
      return new Response(null, { status: 202 })
    }
    const { readable, writable } = new TransformStream()
    void this.#watch(writable.getWriter())
    return new Response(readable, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } })
  }

  /** A reader that is slow is never waited for by anybody else: what it cannot take it is told as a gap. */
  async #watch(writer) {
    const bus = this.#bus
    const batches = bus.subscribe('*', { buffer: 1_000 })
    try {
      await writer.write(event('ready', { epoch: bus.epoch, recovered: false }))
      for await (const { gaps, updates, epoch, seq } of batches) {
        for (const { count, reasons, scope } of gaps) await writer.write(event('gap', { count, reasons, scope }))
        const data = updates.map(({ origin, at, ...update }) => ({ ...update, at: new Date(at).toISOString() }))
        if (data.length > 0) await writer.write(event('status', data, `${epoch}-${seq}`))
      }
    } catch {
      // the reader has gone
    } finally {
      await batches.return()
    }
  }
}
