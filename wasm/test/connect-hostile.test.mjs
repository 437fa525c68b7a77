import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { connect } from 'statusbus/connect'
import { EPOCH, FakeServer, settle, update } from './fake-server.mjs'
import { collect } from './support.mjs'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

const connections = []
afterEach(() => Promise.all(connections.splice(0).map(connection => connection.close())))

async function open(options = {}) {
  const server = new FakeServer()
  const connection = connect('https://status.example', { fetch: server.fetch, ...options })
  connections.push(connection)
  const reader = collect(connection)
  await settle()
  return { server, connection, reader }
}

test('a stream may be cut anywhere, and have any line ends, comments and fields that nobody knows', async () => {
  const text = `\uFEFF: hello\nretry: 500\nevent: ready\ndata: {"epoch":"${EPOCH}",\ndata: "recovered":false}\n\n` +
    `event:status\nid:${EPOCH}-2\nnobody: knows\ndata:${JSON.stringify([update(1, 'é€😀'), update(2, 'b')])}\n\n` +
    `event: nobody\ndata: knows\n\n:\n\ndata\n\nid: ${EPOCH}-3\nevent: status\ndata: []\n\n` +
    `event: status\nid: ${EPOCH}-4\ndata: ${JSON.stringify([update(4, 'end')])}\n\nevent: status\ndata: [{"seq":5`
  for (const end of ['\n', '\r', '\r\n']) {
    const bytes = new TextEncoder().encode(text.replaceAll('\n', end))
    for (const size of [1, 2, 3, 7, 64, bytes.length]) {
      const { server, connection, reader } = await open()
      for (let at = 0; at < bytes.length; at += size) server.last.controller.enqueue(bytes.subarray(at, at + size))
      await server.last.end()
      assert.deepEqual(reader.batches.map(({ seq, updates }) => [seq, ...updates.map(({ text }) => text)]), [[2, 'é€😀', 'b'], [3], [4, 'end']], `${JSON.stringify(end)} by ${size}`)
      await connection.close()
    }
  }
})

test('what is no update is left out and told, and the others of its event come', async () => {
  const { server, connection, reader } = await open()
  await server.last.ready()
  await server.last.status(0, [])
  const wrong = [null, 7, 'text', [], {}, update('1', 'a'), update(1, 7), update(1, 'a', { category: 7 }), update(1, 'a', { conversation: {} }),
    update(1, 'a', { key: 7 }), update(1, 'a', { priority: 'urgent' }), update(1, 'a', { at: 'yesterday' }), update(1, 'a', { at: 5 }), update(1, 'a', { origin: [] })]
  await server.last.status(2, [...wrong, update(2, 'good')])
  assert.deepEqual(reader.gaps(), [{ seq: 2, count: wrong.length, reasons: { invalid: wrong.length }, scope: 'reader' }])
  assert.deepEqual(reader.texts(), ['good'])
  await server.last.status(3, 'no list')
  await server.last.send(`event: status\nid: ${EPOCH}-4\ndata: {"seq":\n\n`)
  assert.equal(reader.gaps().length, 3)
  for (const gap of ['[]', 'null', '{"count":"many","reasons":{"full":"x"},"scope":"world"}', '{']) await server.last.send(`event: gap\nid: ${EPOCH}-5\ndata: ${gap}\n\n`)
  assert.deepEqual(reader.gaps().slice(3), Array(4).fill({ seq: 5, count: 1, reasons: {}, scope: 'bus' }))
  await connection.close()
})

test('ids and epochs that are none change nothing', async () => {
  const { server, connection, reader } = await open({ minDelay: 100 })
  await server.last.send('event: ready\ndata: {"epoch":"../../x","recovered":false}\n\nevent: ready\ndata: nonsense\n\n')
  await server.last.send(`id: ${EPOCH}-1\nevent: status\ndata: []\n\n`)
  for (const id of ['x', `${EPOCH}-`, `${EPOCH}-1e9`, `${EPOCH}-1\u00e9`, '1-1', '0'.repeat(100_000), `\0${EPOCH}-7`])
    await server.last.send(`id: ${id}\nevent: status\ndata: ${JSON.stringify([update(1, 'a')])}\n\n`)
  assert.deepEqual(new Set(reader.batches.map(({ seq }) => seq)), new Set([1]))
  const again = new Promise(resolve => connection.on('down', resolve))
  await server.last.end()
  await again
  await connection.close()
})

test('an event that is too large is not kept, is told, and costs no other', async () => {
  const { server, connection, reader } = await open({ maxEvent: 10_000 })
  await server.last.ready()
  await server.last.status(0, [])
  const large = JSON.stringify([update(1, 'x'.repeat(9_950))])
  for (const text of [
    `event: status\nid: ${EPOCH}-1\ndata: ${large}\n\n`,
    `event: status\nid: ${EPOCH}-2\n${'data: x\n'.repeat(6_000)}\n`,
    `event: status\nid: ${EPOCH}-3\ndata: [\n${'x'.repeat(20_000)}\ndata: ]\n\n`,
  ]) await server.last.send(text)
  assert.deepEqual(reader.gaps(), [1, 2, 3].map(seq => ({ seq, count: 1, reasons: { too_large: 1 }, scope: 'reader' })))
  await server.last.send(`${':'.padEnd(9_000, 'c')}\n`.repeat(5))
  await server.last.status(4, [update(4, 'next')])
  assert.deepEqual(reader.texts(), ['next'])
  await connection.close()
})

test('a line without an end holds no more than what is allowed', async () => {
  const { server, connection, reader } = await open({ maxEvent: 1 << 20 })
  await server.last.ready()
  const piece = new TextEncoder().encode('x'.repeat(1 << 16))
  server.last.controller.enqueue(new TextEncoder().encode('event: status\ndata: '))
  gc()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 2_000; i++) {
    server.last.controller.enqueue(piece)
    if (i % 50 === 0) await settle()
  }
  await settle()
  gc()
  const grown = process.memoryUsage().heapUsed - before
  assert.ok(grown < 32 << 20, `${grown} bytes of 128 Mi`)
  await server.last.send('\n\n')
  assert.equal(reader.gaps()[0].reasons.too_large, 1)
  await connection.close()
})

test('values that stand are bounded in number and in characters, the least recent go first', async () => {
  const { server, connection } = await open({ retain: 100 })
  await server.last.ready()
  await server.last.status(1, Array.from({ length: 1_000 }, (_, i) => update(i + 1, `t${i}`, { conversation: `c${i}` })))
  assert.deepEqual(connection.retained().map(({ text }) => text), Array.from({ length: 100 }, (_, i) => `t${900 + i}`))
  await connection.close()
  const large = await open({ maxEvent: 1 << 26 })
  await large.server.last.ready()
  for (let i = 0; i < 20; i++)
    await large.server.last.status(i + 1, [update(i + 1, 'x'.repeat(1 << 20), { conversation: `c${i}`, metadata: i % 2 === 0 ? { m: 'y'.repeat(1 << 20) } : null })])
  const kept = large.connection.retained()
  const characters = kept.reduce((sum, { text, metadata }) => sum + text.length + (metadata?.m.length ?? 0), 0)
  assert.ok(characters <= 16 << 20 && characters > 13 << 20, `${characters}`)
  assert.equal(kept.at(-1).seq, 20)
  await large.connection.close()
})

test('what an iterator does not read is bounded by its size, too', async () => {
  const { server, connection } = await open()
  const iterator = connection.subscribe('*', { buffer: 1_000 })
  await settle()
  await server.last.ready()
  await server.last.status(0, [])
  for (let i = 1; i <= 30; i++) await server.last.status(i, [update(i, 'x'.repeat(1 << 16), { key: 'one' })])
  const { value } = await iterator.next()
  // 15 of 64 Ki would fit
  assert.deepEqual(value.gaps.map(({ count, reasons }) => [count, reasons]), [[30, { lagged: 30 }]])
  assert.equal(value.updates.length, 1)
  await connection.close()
})

test('metadata as deep as a sea is handed on, and not kept', async () => {
  const { server, connection, reader } = await open()
  const downs = []
  connection.on('down', ({ error }) => downs.push(error))
  await server.last.ready()
  await server.last.status(1, [update(1, 'before')])
  const deep = JSON.stringify(update(2, 'deep', { metadata: 0 })).replace('"metadata":0', `"metadata":${'['.repeat(1e6)}${']'.repeat(1e6)}`)
  await server.last.send(`event: status\nid: ${EPOCH}-2\ndata: [${deep}]\n\n`)
  await server.last.status(3, [update(3, 'next', { key: 'k' })])
  assert.deepEqual(downs, [])
  assert.deepEqual(reader.texts().filter(text => text !== 'deep'), ['before', 'next'])
  assert.ok(reader.texts().includes('deep') || reader.gaps()[0].reasons.invalid === 1)
  assert.deepEqual(connection.retained().map(({ text }) => text).filter(text => text !== 'before'), ['next'])
})

test('gaps count by their size, too', async () => {
  const { server, connection } = await open()
  const iterator = connection.subscribe('*', { buffer: 100 })
  await settle()
  await server.last.ready()
  await server.last.status(0, [])
  for (let i = 1; i <= 20; i++) await server.last.gap(i, { count: 2, reasons: { [`${i}${'x'.repeat(1 << 14)}`]: 2 }, scope: 'bus' })
  const { value } = await iterator.next()
  assert.deepEqual(value.gaps, [{ seq: 0, count: 40, reasons: { lagged: 40 }, scope: 'reader' }], 'what was missing stays counted')
})

test('a refusal without an end is not read to its end', async () => {
  let pulled = 0
  const body = new ReadableStream({ pull: controller => (pulled++, controller.enqueue(new Uint8Array(1 << 16))) })
  const connection = connect('https://status.example', { fetch: async () => new Response(body, { status: 403 }) })
  const down = new Promise(resolve => connection.on('down', resolve))
  connection.subscribe('*', () => {})
  assert.equal((await down).retryIn, null)
  assert.ok(pulled < 5)
  await connection.close()
})

test('a million readers come and go', async () => {
  const { server, connection, reader } = await open()
  await server.last.ready()
  await server.last.status(0, [])
  gc()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 1_000_000; i++) connection.subscribe('*', () => {})()
  await settle()
  gc()
  assert.ok(process.memoryUsage().heapUsed - before < 32 << 20)
  await server.last.status(1, [update(1, 'still')])
  assert.deepEqual(reader.texts(), ['still'])
  await connection.close()
})
