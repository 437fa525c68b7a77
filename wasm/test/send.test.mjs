import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balanced, collect, manual, texts } from './support.mjs'

test('the seven ways to say something, and what comes', () => {
  const { bus } = manual({ epoch: '00112233445566ff' })
  const { batches } = collect(bus)
  for (const category of ['engine', 'tool', 'workflow', 'progress', 'error', 'info', 'planning'])
    assert.deepEqual(bus[category]('conv-1', category), { outcome: 'queued', reason: null })
  bus.poll()
  assert.equal(batches.length, 1)
  const [batch] = batches
  assert.deepEqual(batch.updates.map(update => update.category), texts(batch))
  assert.deepEqual(batch.updates.map(update => update.priority), ['normal', 'normal', 'normal', 'low', 'high', 'normal', 'normal'])
  assert.deepEqual(batch.updates.map(update => update.seq), [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual([batch.seq, batch.epoch, batch.reason, batch.gaps], [7, '00112233445566ff', 'interval', []])
  const [first] = batch.updates
  assert.ok(Math.abs(first.at - Date.now()) < 60_000)
  assert.deepEqual({ ...first, at: 0 }, {
    seq: 1, conversation: 'conv-1', category: 'engine', text: 'engine', metadata: null, key: null, priority: 'normal', at: 0, origin: null,
  })
  balanced(bus)
})

test('all that can be said of an update', () => {
  const { bus } = manual()
  const { batches } = collect(bus)
  const metadata = { tokens: 12 }
  bus.send({ conversation: 42, category: 'tool', text: 'a', metadata, key: 'k', priority: 'high', ttl: 10 })
  bus.send({ category: 'info', text: 'b', key: null, priority: undefined })
  bus.tool(null, 'c', { priority: 'low' })
  bus.poll()
  assert.deepEqual(batches[0].updates.map(({ conversation, key, priority }) => [conversation, key, priority]),
    [['42', 'k', 'high'], [null, null, 'normal'], [null, null, 'low']])
  assert.equal(batches[0].updates[0].metadata, metadata)
  balanced(bus)
})

test('what is said with a text is read once: what was checked is what is kept', () => {
  const { bus } = manual({ limits: { key: 4, metadata: 40 } })
  const { batches } = collect(bus)
  const changing = answers => () => answers.length > 1 ? answers.shift() : answers[0]
  const key = changing(['good', 'much too long'])
  const metadata = changing([{ small: true }, 'large'.repeat(100)])
  bus.tool('a', 'one', { get key() { return key() }, get metadata() { return metadata() } })
  // writing JSON calls whoever sends, who says something else meanwhile
  const telling = { toJSON: () => void bus.tool('a', 'within', { key: 'in', priority: 'high' }) ?? 'told' }
  bus.tool('a', 'outside', { key: 'out', metadata: telling })
  bus.poll()
  assert.deepEqual(batches[0].updates.map(({ text, key, priority }) => [text, key, priority]),
    [['one', 'good', 'normal'], ['within', 'in', 'high'], ['outside', 'out', 'normal']])
  assert.deepEqual(batches[0].updates[0].metadata, { small: true })
  balanced(bus)
})

test('what is not of the right form is refused by itself, counted, and never throws', () => {
  const { bus } = manual({ limits: { text: 10, metadata: 20, key: 4 } })
  const { texts } = collect(bus)
  const circular = {}
  circular.self = circular
  const refusals = [
    [{ conversation: 'a:b' }, 'invalid'], [{ conversation: 'a*' }, 'invalid'], [{ conversation: '' }, 'invalid'], [{ conversation: 'system' }, 'invalid'],
    [{ conversation: 'a\u0000' }, 'invalid'], [{ conversation: 'a\u0085' }, 'invalid'], [{ conversation: '\ud800' }, 'invalid'],
    [{ conversation: 'x'.repeat(129) }, 'invalid'], [{ conversation: 'ü'.repeat(65) }, 'invalid'], [{ conversation: {} }, 'invalid'],
    [{ text: 7 }, 'invalid'], [{ text: undefined }, 'invalid'], [{ key: 7 }, 'invalid'], [{ priority: 'urgent' }, 'invalid'],
    [{ ttl: -1 }, 'invalid'], [{ ttl: NaN }, 'invalid'], [{ ttl: '5' }, 'invalid'], [{ metadata: circular }, 'invalid'], [{ metadata: () => {} }, 'invalid'],
    [{ category: 'gossip' }, 'unknown_category'], [{ category: undefined }, 'unknown_category'],
    [{ text: '12345678901' }, 'too_large'], [{ text: 'ääääää' }, 'too_large'], [{ text: '😀😀😀' }, 'too_large'], [{ key: '12345' }, 'too_large'],
    [{ metadata: { text: 'longer than it may be' } }, 'too_large'],
    [{ text: 'äääää' }, 'queued'], [{ text: '😀😀' }, 'queued'], [{ conversation: 'ü'.repeat(64) }, 'queued'], [{ metadata: { a: 1 } }, 'queued'],
  ]
  for (const [change, expected] of refusals) {
    const { outcome, reason } = bus.send({ conversation: 'conv-1', category: 'tool', text: 'ok', ...change })
    assert.equal(reason ?? outcome, expected, JSON.stringify(Object.keys(change)) + String(Object.values(change)[0]?.toString?.()))
  }
  for (const wrong of [undefined, null, 7, 'text']) assert.equal(bus.send(wrong).reason, 'invalid')
  assert.equal(bus.tool('conv-1', 'ok', null).outcome, 'queued')
  assert.equal(bus.tool('conv-1', 'ok', 7).reason, 'invalid')
  const { refused, queued } = balanced(bus)
  assert.deepEqual([refused.invalid, refused.unknown_category, refused.too_large, queued], [24, 2, 5, 5])
  bus.poll()
  assert.equal(texts().length, 5)
})

test('a newer value replaces the queued one in its place, one of a higher priority as well', () => {
  const { bus } = manual()
  const { texts } = collect(bus)
  bus.progress('c', '10 %', { key: 'd' })
  assert.equal(bus.progress('c', '20 %', { key: 'd' }).outcome, 'merged')
  bus.progress('c', 'other topic', { key: 'e' })
  bus.progress('other', '1 %', { key: 'd' })
  assert.equal(bus.progress('c', 'done', { key: 'd', priority: 'high' }).outcome, 'merged')
  bus.poll()
  assert.deepEqual(texts(), ['done', 'other topic', '1 %'])
  assert.equal(balanced(bus).coalesced, 2)
})

test('overflow: what is lost is told where it is missing, by topic and reason, and as events', () => {
  const { bus, time } = manual({ queueLimit: 2, batchSize: 2 })
  const { batches } = collect(bus)
  const events = []
  bus.on('overflow', event => events.push(event))
  bus.on('loss', event => events.push(event))
  bus.progress('c', 'a')
  bus.tool('c', 'b')
  assert.deepEqual(bus.tool('c', 'c'), { outcome: 'displaced', reason: 'evicted' })
  assert.deepEqual(bus.progress('c', 'd'), { outcome: 'dropped', reason: 'outranked' })
  bus.poll()
  assert.deepEqual(batches[0].gaps, [{ seq: 1, count: 2, reasons: { evicted: 1, outranked: 1 }, scope: 'topic', conversation: 'c', category: 'progress' }])
  assert.deepEqual(texts(batches[0]), ['b', 'c'])
  assert.deepEqual(events, [{ phase: 'started', lost: 2 }, { count: 2, reasons: { evicted: 1, outranked: 1 } }])
  bus.tool('c', 'e', { ttl: 5 })
  time.now = 60
  bus.poll()
  assert.deepEqual(batches[1].gaps[0].reasons, { expired: 1 })
  assert.deepEqual(batches[1].updates, [])
  time.now = 1_000
  bus.poll()
  assert.deepEqual(events.at(-1), { phase: 'ended', lost: 2 })
  balanced(bus)
})

test('losses of more topics than are counted apart are of the whole bus, and reach every reader', () => {
  const { bus } = manual({ queueLimit: 1, overflow: 'drop_newest' })
  const one = collect(bus, 'c-1')
  const other = collect(bus, 'elsewhere')
  const all = collect(bus)
  bus.tool('stays', '')
  for (let i = 0; i < 100; i++) bus.tool(`c-${i}`, 'lost')
  bus.poll()
  assert.deepEqual(one.gaps().map(gap => [gap.scope, gap.count]), [['topic', 1], ['bus', 96]])
  assert.deepEqual(other.gaps().map(gap => [gap.scope, gap.count]), [['bus', 96]])
  assert.equal(all.gaps().reduce((sum, gap) => sum + gap.count, 0), 100)
  balanced(bus)
})

test('what is not read any more is not kept: names, keys and payloads', () => {
  const { bus, time } = manual({ retain: 0, queueLimit: 100, batchSize: 100 })
  let read = 0
  bus.subscribe('*', batch => void (read += batch.updates.length))
  for (let i = 0; i < 20_000; i++) {
    bus.progress(`conversation-${i}`, 'x', { key: `key-${i}` })
    if (i % 50 === 49) {
      time.now += 60
      bus.poll()
    }
  }
  assert.equal(read, 20_000)
  assert.deepEqual(bus.retained(), [])
  balanced(bus)
})
