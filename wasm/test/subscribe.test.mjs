import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balanced, collect, manual, texts } from './support.mjs'

test('a selector chooses conversation and categories; order holds for each reader', () => {
  const { bus } = manual()
  const readers = {
    all: collect(bus, '*'), one: collect(bus, 'c-1'), tools: collect(bus, { categories: ['tool'] }),
    oneTool: collect(bus, { conversation: 'c-1', categories: ['tool', 'error'] }), system: collect(bus, { conversation: null }), none: collect(bus, { categories: [] }),
  }
  bus.tool('c-1', 'a')
  bus.tool('c-2', 'b')
  bus.info('c-1', 'c')
  bus.error(null, 'd')
  bus.error('c-1', 'e')
  bus.poll()
  const got = Object.fromEntries(Object.entries(readers).map(([name, reader]) => [name, reader.texts().join('')]))
  assert.deepEqual(got, { all: 'abcde', one: 'ace', tools: 'ab', oneTool: 'ae', system: 'd', none: '' })
  assert.equal(readers.none.batches.length, 0)
  assert.equal(balanced(bus).delivered, 5)
})

test('what cannot be selected says why', () => {
  const { bus } = manual()
  assert.throws(() => bus.subscribe('a:b', () => {}), { name: 'RangeError', message: /there can be no conversation 'a:b'/ })
  assert.throws(() => bus.subscribe('system', () => {}), /the whole system is null/)
  assert.throws(() => bus.subscribe({ categories: ['gossip'] }, () => {}), /there is no category 'gossip'/)
  assert.throws(() => bus.subscribe(7, () => {}), TypeError)
  assert.throws(() => bus.subscribe('*', 7), TypeError)
  assert.throws(() => bus.subscribe('*', () => {}, { retained: 1 }), TypeError)
  assert.throws(() => bus.subscribe('*', { buffer: 0 }), RangeError)
  assert.throws(() => bus.on('gossip', () => {}), RangeError)
})

test('who comes late gets the values that stand, once, in order', () => {
  const { bus, time } = manual()
  bus.progress('c', '10 %', { key: 'd' })
  bus.poll()
  time.now = 100
  bus.progress('c', '20 %', { key: 'd' })
  bus.tool('c', 'searching', { ttl: 50 })
  bus.tool('x', 'elsewhere')
  bus.poll()
  const late = collect(bus, 'c')
  const without = collect(bus, 'c', { retained: false })
  bus.poll()
  bus.poll()
  assert.deepEqual(late.batches.map(batch => [batch.reason, texts(batch)]), [['retained', ['20 %', 'searching']]])
  assert.deepEqual(without.batches, [])
  assert.deepEqual(bus.retained('c').map(update => update.text), ['20 %', 'searching'])
  time.now = 160
  assert.deepEqual(bus.retained().map(update => update.text), ['20 %', 'elsewhere'])
  bus.forget('c')
  assert.deepEqual(bus.retained().map(update => update.text), ['elsewhere'])
  bus.tool('c', 'again')
  time.now = 300
  bus.poll()
  assert.deepEqual(bus.retained('c').map(update => update.text), ['again'])
})

test('the values of the least recent conversations and keys are forgotten first', () => {
  const { bus, time } = manual({ retain: 100 })
  for (let i = 0; i < 5_000; i++) {
    bus.tool(`c-${i}`, String(i))
    bus.progress('keys', String(i), { key: `k-${i}` })
    if (i % 20 === 0) {
      time.now += 60
      bus.poll()
    }
  }
  void bus.flush()
  const kept = bus.retained()
  assert.deepEqual(bus.retained('keys').map(update => update.text), Array.from({ length: 64 }, (_, i) => String(4_936 + i)))
  assert.ok(kept.length < 64 + 400, `${kept.length}`)
  assert.equal(kept.at(-2).text, '4999')
})

test('what is retained is bounded in characters too', () => {
  const { bus, time } = manual()
  const text = 'x'.repeat(16_000)
  for (let i = 0; i < 3_000; i++) {
    bus.tool(`c-${i % 900}`, text)
    bus.info(`c-${i % 900}`, text)
    if (i % 10 === 0) bus.poll(time.now += 60)
  }
  void bus.flush()
  const kept = bus.retained()
  const size = kept.reduce((sum, update) => sum + update.text.length, 0)
  assert.ok(size > 12e6 && size <= 16 * 1024 * 1024, `${size}`)
  assert.equal(kept.at(-1).seq, balanced(bus).delivered)
})

test('callbacks that throw, reject, send, subscribe, unsubscribe, flush, configure: nobody else notices', async () => {
  const { bus } = manual({ batchSize: 2 })
  const errors = []
  bus.on('error', ({ error }) => errors.push(error))
  const order = []
  bus.subscribe('*', () => {
    throw 'thrown'
  })
  bus.subscribe('*', async () => {
    throw 'rejected'
  })
  const undo = bus.subscribe('*', batch => {
    order.push(...texts(batch))
    if (batch.updates[0].text !== 'a') return
    undoLater()
    bus.tool('c', 'sent inside')
    bus.subscribe('*', inner => order.push(...texts(inner).map(text => `inner ${text}`)), { retained: false })
    bus.configure({ batchSize: 1 })
    assert.equal(bus.ledger().inFlight, 2)
    void bus.flush()
  })
  const undoLater = bus.subscribe('*', () => order.push('never'))
  bus.tool('c', 'a')
  bus.tool('c', 'b')
  bus.tool('c', 'c')
  bus.poll()
  assert.deepEqual(order, ['a', 'b', 'c', 'inner c', 'sent inside', 'inner sent inside'])
  undo()
  undo()
  await bus.flush()
  assert.deepEqual(errors.sort(), ['rejected', 'rejected', 'rejected', 'thrown', 'thrown', 'thrown'])
  const ledger = balanced(bus)
  assert.deepEqual([ledger.delivered, ledger.inFlight], [4, 0])
})

test('a batch is delivered once, however often a callback configures the bus', async () => {
  const { bus } = manual({ batchSize: 2, queueLimit: 3, overflow: 'drop_newest' })
  const gaps = []
  bus.subscribe('*', batch => {
    gaps.push(...batch.gaps)
    bus.configure({ batchSize: 5 })
    bus.configure({ batchSize: 6 })
    bus.configure({ batchSize: 2 })
  })
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 5; n++) bus.tool('c', `${n}`)
    await bus.flush()
  }
  const ledger = balanced(bus)
  assert.deepEqual([ledger.delivered, ledger.inFlight, ledger.dropped.newest], [9, 0, 6])
  assert.equal(gaps.length, 3)
})

test('without a listener an error is reported as uncaught ones are', t => {
  const reported = []
  globalThis.reportError = error => reported.push(error)
  t.after(() => delete globalThis.reportError)
  const { bus } = manual()
  bus.subscribe('*', () => {
    throw 'thrown'
  })
  bus.tool('c', 'a')
  bus.poll()
  assert.deepEqual(reported, ['thrown'])
})

test('a signal ends a subscription', () => {
  const { bus, time } = manual()
  const aborter = new AbortController()
  const { texts } = collect(bus, '*', { signal: aborter.signal })
  const never = collect(bus, '*', { signal: AbortSignal.abort() })
  bus.tool('c', 'a')
  bus.poll()
  aborter.abort()
  bus.tool('c', 'b')
  time.now = 100
  bus.poll()
  assert.deepEqual([texts(), never.texts()], [['a'], []])
})

test('for await: batches in order, ends with break, with the signal and with the bus', async () => {
  const { bus, time } = manual()
  const tell = text => {
    bus.tool('c', text)
    time.now += 60
    bus.poll()
  }
  const broken = bus.subscribe('c')
  const whole = bus.subscribe('c')
  const aborter = new AbortController()
  const aborted = bus.subscribe('c', { signal: aborter.signal })
  tell('a')
  tell('b')
  for await (const batch of broken) {
    assert.deepEqual(texts(batch), ['a'])
    break
  }
  assert.deepEqual(await broken.next(), { done: true, value: undefined })
  const waiting = bus.subscribe('c', { retained: false }).next()
  tell('c')
  assert.deepEqual(texts((await waiting).value), ['c'])
  aborter.abort()
  assert.deepEqual(await aborted.next(), { done: true, value: undefined })
  const closing = bus.close()
  const read = []
  for await (const batch of whole) read.push(...texts(batch))
  assert.deepEqual(read, ['a', 'b', 'c'])
  assert.equal((await closing).unread, 0)
})

test('a reader that is too slow is told how much it missed, and goes on with the values that stand', async () => {
  const { bus, time } = manual()
  const slow = bus.subscribe('c', { buffer: 5 })
  for (let i = 0; i < 20; i++) {
    bus.progress('c', String(i), { key: 'k' })
    time.now += 60
    bus.poll()
  }
  const { value } = await slow.next()
  assert.deepEqual(value.gaps, [{ seq: 0, count: 20, reasons: { lagged: 20 }, scope: 'reader' }])
  assert.deepEqual([value.reason, texts(value)], ['retained', ['19']])
  bus.progress('c', 'on', { key: 'k' })
  time.now += 60
  bus.poll()
  assert.deepEqual(texts((await slow.next()).value), ['on'])
  balanced(bus)
})
