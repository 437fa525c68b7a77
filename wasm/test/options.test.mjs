import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStatusBus } from 'statusbus'
import * as slim from 'statusbus/slim'
import { balanced, collect, manual, texts } from './support.mjs'

test('a wrong option says what was given and what would be right', () => {
  const wrong = [
    [{ queueLimit: 0 }, RangeError, 'queueLimit is 0: give it a whole number from 1 to 65534'],
    [{ queueLimit: 65_535 }, RangeError, 'queueLimit is 65535: give it a whole number from 1 to 65534'],
    [{ queueLimit: 1.5 }, RangeError, 'queueLimit is 1.5: give it a whole number from 1 to 65534'],
    [{ queueLimit: '10' }, TypeError, "queueLimit is '10': give it a whole number from 1 to 65534"],
    [{ batchSize: NaN }, RangeError, 'batchSize is NaN: give it a whole number from 1 to 65534'],
    [{ flushInterval: 0 }, RangeError, 'flushInterval is 0: give it a number from 0.001 to 3600000'],
    [{ flushInterval: Infinity }, RangeError, 'flushInterval is Infinity: give it a number from 0.001 to 3600000'],
    [{ overflow: 'block' }, RangeError, "overflow is 'block': it is one of 'evict', 'drop_newest', 'drop_oldest', 'reject'"],
    [{ leading: 1 }, TypeError, 'leading is 1: give it true or false'],
    [{ queueLimits: 1 }, TypeError, "there is no option 'queueLimits'; there are queueLimit,"],
    [{ queueLimit: 10, capacity: 9 }, RangeError, 'capacity is 9: give it a whole number from 10 to 65534'],
    [{ categories: 'deploy' }, TypeError, "categories is 'deploy': give it an object"],
    [{ categories: ['a,b'] }, RangeError, "a category is called 'a,b': give it 1 to 32 bytes"],
    [{ categories: ['tool'] }, RangeError, "there is a category 'tool' already"],
    [{ categories: Array.from({ length: 26 }, (_, i) => `c${i}`) }, RangeError, "'c25' is one category too many: there are 32 at most"],
    [{ categories: { deploy: { priority: 'urgent' } } }, RangeError, "categories.deploy.priority is 'urgent': it is one of 'low', 'normal', 'high'"],
    [{ categories: { deploy: { ttl: -1 } } }, RangeError, 'categories.deploy.ttl is -1: give it a number from 0'],
    [{ schedule: 'never' }, RangeError, "schedule is 'never': it is one of 'auto', 'manual'"],
    [{ clock: 5 }, TypeError, 'clock is 5: give it a function'],
    [{ epoch: 'xyz' }, RangeError, "epoch is 'xyz': give it 16 hex digits"],
    [{ signal: {} }, TypeError, 'signal is an object: give it the signal of an AbortController'],
    [{ limits: { text: -1 } }, RangeError, 'limits.text is -1: give it a whole number from 0'],
    [{ limits: { texts: 1 } }, TypeError, "there is no option 'texts'; there are text, metadata, key"],
    [{ retain: -1 }, RangeError, 'retain is -1: give it a whole number from 0 to 1000000'],
    [null, TypeError, 'options is null: give it an object'],
  ]
  for (const [options, kind, message] of wrong)
    assert.throws(() => createStatusBus(options), error => error instanceof kind && error.message.startsWith(message), `${JSON.stringify(options)}: ${message}`)
  assert.throws(() => slim.createStatusBus({}), { name: 'TypeError', message: 'core is missing: give it loadCore(…), or its promise' })
})

test('what is wrong in a change changes nothing', () => {
  const { bus } = manual({ queueLimit: 2, leading: false })
  assert.throws(() => bus.configure({ batchSize: 1, queueLimit: 3 }), { name: 'RangeError', message: 'queueLimit is 3: give it a whole number from 1 to 2' })
  assert.throws(() => bus.configure({ batchSize: 1, categories: { gossip: {} } }), /there is no category 'gossip'/)
  bus.tool('c', 'a')
  bus.poll()
  assert.equal(bus.ledger().queued, 1)
})

test('a smaller queue drops what has no room, and tells', () => {
  const { bus, time } = manual({ queueLimit: 4, capacity: 8, batchSize: 100 })
  const { batches } = collect(bus)
  for (const text of ['a', 'b', 'c', 'd']) bus.tool('c', text)
  bus.configure({ queueLimit: 2 })
  assert.equal(balanced(bus).dropped.shrunk, 2)
  bus.configure({ queueLimit: 8, batchSize: 3 })
  for (const text of ['e', 'f', 'g', 'h', 'i', 'j']) assert.equal(bus.tool('c', text).outcome, 'queued')
  time.now = 100
  bus.poll()
  assert.deepEqual(batches.map(texts), [['c', 'd', 'e'], ['f', 'g', 'h'], ['i', 'j']])
  assert.deepEqual(batches[0].gaps[0].reasons, { shrunk: 2 })
  balanced(bus)
})

test('categories of the application, with what holds for them', () => {
  const { bus, time } = manual({ categories: { deploy: { priority: 'high', ttl: 10 }, progress: { ttl: 20 } }, leading: false })
  const { batches, texts } = collect(bus)
  bus.send({ conversation: 'c', category: 'deploy', text: 'a' })
  bus.progress('c', 'b')
  bus.tool('c', 'c')
  time.now = 15
  void bus.flush()
  assert.deepEqual(texts(), ['b', 'c'])
  assert.equal(batches[0].updates[0].priority, 'low')
  bus.configure({ categories: { deploy: { priority: 'low' } } })
  bus.send({ conversation: 'c', category: 'deploy', text: 'd' })
  void bus.flush()
  assert.equal(batches[1].updates[0].priority, 'low')
  assert.equal(balanced(bus).expired, 1)
})
