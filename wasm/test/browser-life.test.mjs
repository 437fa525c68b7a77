import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beacon, createStatusBus, share } from 'statusbus'
import { balanced, collect, manual, texts } from './support.mjs'

test('a beacon: at most 64 KiB of UTF-8 each, priority high first, what is not accepted is told', async () => {
  const { bus } = manual({ batchSize: 1_000, limits: { text: 70_000 } })
  const bodies = []
  let room = Infinity
  const lost = []
  const send = (url, body) => {
    assert.equal(url, 'https://example.org/v1/status')
    assert.equal(body.type, 'application/json')
    if (bodies.length >= room) return false
    bodies.push(body)
    return true
  }
  bus.subscribe('*', beacon(new URL('https://example.org/v1/status'), { send, refused: updates => lost.push(...updates) }))
  for (let i = 0; i < 40; i++) bus.tool('c', `${i} ${'ü€😀'.repeat(1_000)}`)
  bus.error('c', 'failed')
  bus.tool('c', 'x'.repeat(66_000))
  await bus.flush()
  assert.ok(bodies.every(body => body.size <= 65_536), `${bodies.map(body => body.size)}`)
  const sent = (await Promise.all(bodies.map(body => body.text()))).flatMap(text => JSON.parse(text))
  assert.equal(sent.length, 41)
  assert.deepEqual(sent[0], { conversation: 'c', category: 'error', text: 'failed', metadata: null, key: null, priority: 'high' })
  assert.deepEqual(sent.slice(1).map(({ text }) => text.split(' ')[0]), Array.from({ length: 40 }, (_, i) => String(i)))
  assert.ok(bodies.length <= Math.ceil((41 * 9_200) / 65_536) + 1, `${bodies.length}`)
  assert.deepEqual(lost.map(({ text }) => text.length), [66_000])
  room = bodies.length
  bus.tool('c', 'no room')
  await bus.flush()
  assert.equal(lost.at(-1).text, 'no room')
  assert.throws(() => beacon('/', { limit: 5 }), { name: 'RangeError', message: 'limit is 5: give it a number from 1024 to 65536' })
  balanced(bus)
})

const until = async condition => {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise(resolve => setTimeout(resolve, 5))
  assert.ok(condition())
}

test('shared buses: each gets everything once, in the order of each sender, and who comes late what stands', async () => {
  const buses = Array.from({ length: 3 }, () => createStatusBus())
  const readers = buses.map(bus => collect(bus))
  const undo = [share(buses[0], 'test'), share(buses[1], 'test')]
  const isKnown = index => readers[index].batches.some(batch => batch.updates.some(update => update.origin !== null))
  for (const bus of buses) bus.info('hello', 'there')
  await until(() => isKnown(0) && isKnown(1))
  for (let i = 0; i < 500; i++) {
    buses[i % 2].progress('c', `${i}`)
    if (i % 50 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await Promise.all(buses.map(bus => bus.flush()))
  const about = index => readers[index].batches.flatMap(batch => batch.updates).filter(update => update.conversation === 'c')
  await until(() => about(0).length >= 500 && about(1).length >= 500)
  for (const index of [0, 1]) {
    const all = about(index)
    assert.equal(all.length, 500)
    for (const sender of [0, 1]) {
      const origin = sender === index ? null : buses[sender].epoch
      assert.deepEqual(all.filter(update => update.origin === origin).map(update => Number(update.text)), Array.from({ length: 250 }, (_, i) => 2 * i + sender))
    }
  }
  buses[0].info('of 0', 'stands')
  buses[1].info('of 1', 'stands')
  await Promise.all(buses.map(bus => bus.flush()))
  undo.push(share(buses[2], 'test'))
  const standing = () => readers[2].batches.flatMap(batch => batch.updates).filter(update => update.text === 'stands').map(update => update.conversation)
  await until(() => standing().length === 2)
  assert.deepEqual(standing().sort(), ['of 0', 'of 1'])
  buses[0].error('c', 'for all')
  await until(() => readers[2].texts().includes('for all'))
  const elsewhere = readers[2].batches.flatMap(batch => batch.updates).find(update => update.text === 'for all')
  assert.deepEqual([elsewhere.origin, elsewhere.priority], [buses[0].epoch, 'high'])
  for (const end of undo) end()
  buses[1].tool('c', 'alone')
  await buses[1].flush()
  assert.equal(about(0).filter(update => update.text === 'alone').length, 0)
  for (const bus of buses) balanced(bus), await bus.close()
  assert.throws(() => share({}, 'test'), TypeError)
})

test('shared buses: what is missed is told, and what stands is asked for again; nonsense is ignored', async () => {
  const bus = createStatusBus()
  const reader = collect(bus)
  const missed = []
  const undo = share(bus, 'gaps', { missed: what => missed.push(what) })
  const other = new BroadcastChannel('statusbus:gaps')
  const seen = []
  other.onmessage = ({ data }) => seen.push(data.kind)
  const update = text => ({ seq: 1, conversation: 'c', category: 'tool', text, metadata: null, key: null, priority: 'normal', at: 5, origin: null })
  for (const nonsense of [null, 7, {}, { from: 7 }, { from: 'x', kind: 'batch', n: 1, updates: [update('before it said hello')] }]) other.postMessage(nonsense)
  other.postMessage({ from: 'x', kind: 'hello' })
  other.postMessage({ from: 'x', kind: 'batch', n: 1, updates: [update('1')] })
  other.postMessage({ from: 'x', kind: 'batch', n: 1, updates: [update('1 again')] })
  other.postMessage({ from: 'x', kind: 'batch', n: 4, updates: [update('4'), null, { category: 'gossip' }] })
  other.postMessage({ from: 'x', kind: 'batch', n: 5, updates: 'none' })
  await until(() => reader.texts().length === 2)
  assert.deepEqual(reader.texts(), ['1', '4'])
  assert.equal(reader.batches[0].updates[0].at, 5)
  assert.deepEqual(missed, [{ from: 'x', batches: 2 }])
  assert.deepEqual(seen.filter(kind => kind === 'hello').length, 1)
  assert.equal(balanced(bus).refused.total, 2)
  undo()
  other.close()
  await bus.close()
})
