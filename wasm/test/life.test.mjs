import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { readFileSync } from 'node:fs'
import { createStatusBus } from 'statusbus'
import * as slim from 'statusbus/slim'
import { core } from 'statusbus/without-wasm'
import { balanced, collect, texts } from './support.mjs'

// Virtual time: the bus's clock and the timers move together.
let now = 0
const clock = () => now
let armed = 0
const microtasks = async () => {
  for (let i = 0; i < 20; i++) await null
}
async function pass(millis) {
  for (let i = 0; i < millis; i++) {
    now += 1
    mock.timers.tick(1)
    await microtasks()
  }
}
beforeEach(() => {
  now = 0
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  const { setTimeout: set, clearTimeout: clear } = globalThis
  const pending = new Set()
  globalThis.setTimeout = (task, ...rest) => {
    const handle = set(() => {
      pending.delete(handle)
      armed = pending.size
      task()
    }, ...rest)
    pending.add(handle)
    armed = pending.size
    return handle
  }
  globalThis.clearTimeout = handle => {
    pending.delete(handle)
    armed = pending.size
    clear(handle)
  }
  armed = 0
})
afterEach(() => mock.timers.reset())

test('the first goes out at once, what follows after the interval, and when idle there is no timer', async () => {
  const bus = createStatusBus({ clock })
  const { batches } = collect(bus)
  await microtasks()
  assert.equal(armed, 0)
  bus.tool('c', 'a')
  assert.equal(batches.length, 0)
  await microtasks()
  assert.deepEqual(batches.map(texts), [['a']])
  assert.equal(armed, 0)
  await pass(10)
  bus.tool('c', 'b')
  await pass(5)
  bus.tool('c', 'c')
  assert.equal(armed, 1)
  await pass(34)
  assert.equal(batches.length, 1)
  await pass(1)
  assert.deepEqual(batches.map(texts), [['a'], ['b', 'c']])
  assert.equal(armed, 0)
  await pass(1_000)
  assert.equal(batches.length, 2)
  balanced(bus)
})

test('the very first update wakes a bus that nobody has greeted', async () => {
  const bus = createStatusBus({ clock })
  const { texts } = collect(bus, '*', { retained: false })
  bus.tool('c', 'a')
  await microtasks()
  assert.deepEqual(texts(), ['a'])
  const unread = createStatusBus({ clock })
  unread.tool('c', 'a')
  await microtasks()
  assert.equal(balanced(unread).delivered, 1)
})

test('a full batch goes without waiting for the interval, as many as are full', async () => {
  const bus = createStatusBus({ clock, batchSize: 3 })
  const { batches } = collect(bus)
  bus.tool('c', 'first')
  await microtasks()
  for (const text of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) bus.tool('c', text)
  await microtasks()
  assert.deepEqual(batches.map(texts), [['first'], ['a', 'b', 'c'], ['d', 'e', 'f']])
  assert.equal(armed, 1)
  await pass(50)
  assert.deepEqual(batches.slice(3).map(texts), [['g']])
  // and again after that timer
  for (const text of ['a', 'b', 'c']) bus.tool('c', text)
  await microtasks()
  assert.equal(batches.length, 5)
  balanced(bus)
})

test('a long delivery lets others have a turn', async () => {
  const bus = createStatusBus({ clock, batchSize: 1, slice: 4 })
  const took = []
  bus.subscribe('*', () => {
    now += 3
    took.push(now)
  })
  for (let i = 0; i < 5; i++) bus.tool('c', String(i))
  await microtasks()
  assert.equal(took.length, 2)
  mock.timers.tick(0)
  assert.equal(took.length, 5)
  balanced(bus)
})

test('a timer that came late, or died, is made up for by who sends next; what is out of date is not shown', async () => {
  const bus = createStatusBus({ clock })
  const { batches, texts } = collect(bus)
  bus.tool('c', 'first')
  await microtasks()
  bus.progress('c', '10 %', { ttl: 100 })
  bus.progress('c', '1 of 9', { key: 'k' })
  await microtasks()
  assert.equal(armed, 1)
  now = 5_000 // frozen: no timer has fired
  bus.progress('c', '9 of 9', { key: 'k' })
  await microtasks()
  assert.deepEqual(texts(), ['first', '9 of 9'])
  assert.deepEqual(batches[1].gaps[0].reasons, { expired: 1 })
  assert.equal(armed, 0)
  balanced(bus)
})

test('where there are no timers nothing is lost: the next turn, or a flush, hands it on', async () => {
  const { setTimeout } = globalThis
  globalThis.setTimeout = () => {
    throw new Error('not at the top of a module')
  }
  const bus = createStatusBus({ clock: () => now })
  const { texts } = collect(bus)
  bus.tool('c', 'a')
  await microtasks()
  bus.tool('c', 'b')
  await microtasks()
  assert.deepEqual(texts(), ['a'])
  await bus.flush()
  assert.deepEqual(texts(), ['a', 'b'])
  bus.tool('c', 'c')
  await microtasks()
  now = 100
  bus.tool('c', 'd')
  await microtasks()
  assert.deepEqual(texts(), ['a', 'b', 'c', 'd'])
  globalThis.setTimeout = setTimeout
  balanced(bus)
})

test('at the top of a worker there is no randomness: what is sent there waits for the first request', async t => {
  const random = t.mock.method(crypto, 'getRandomValues', () => {
    throw new Error('not at the top of a module')
  })
  const bus = createStatusBus({ clock })
  const { texts } = collect(bus)
  bus.tool('c', 'at the top')
  await microtasks()
  assert.deepEqual(texts(), [])
  random.mock.restore()
  bus.tool('c', 'in a request')
  await microtasks()
  assert.deepEqual(texts(), ['at the top', 'in a request'])
  balanced(bus)
})

test('a clock that stands still: size and flush still make batches', async () => {
  const bus = createStatusBus({ clock: () => 7, batchSize: 2 })
  const { texts } = collect(bus)
  for (const text of ['a', 'b', 'c', 'd', 'e']) bus.tool('c', text)
  await microtasks()
  assert.deepEqual(texts(), ['a', 'b', 'c', 'd', 'e'])
  bus.tool('c', 'f')
  const flushed = bus.flush()
  assert.deepEqual(texts(), ['a', 'b', 'c', 'd', 'e', 'f'])
  await flushed
  balanced(bus)
})

test('overflow that lasts is told once a second', async () => {
  const bus = createStatusBus({ clock, slice: 0, queueLimit: 4, batchSize: 1, overflow: 'drop_oldest' })
  const phases = []
  bus.on('overflow', ({ phase }) => phases.push(phase))
  bus.on('overflow', () => {
    throw new Error('a listener that throws')
  })
  const errors = mock.method(console, 'error', () => {})
  // one leaves, four come: it is never half empty
  bus.subscribe('*', () => {
    if (now < 2_500) for (let i = 0; i < 4; i++) bus.tool('c', `${now}`)
    now += 10
  }, { retained: false })
  for (let i = 0; i < 5; i++) bus.tool('c', 'x')
  for (let turn = 0; turn < 300; turn++) {
    await microtasks()
    mock.timers.tick(0)
  }
  assert.deepEqual(phases, ['started', 'ongoing', 'ongoing'])
  // one that comes and goes is one: its end is reported a second behind the last report
  now += 1_000
  mock.timers.tick(1_000)
  await microtasks()
  assert.deepEqual(phases, ['started', 'ongoing', 'ongoing', 'ended'])
  assert.equal(errors.mock.callCount(), 4)
  errors.mock.restore()
  balanced(bus)
  await bus.close()
})

test('flush waits for what callbacks have promised', async () => {
  const bus = createStatusBus({ clock })
  let finish
  bus.subscribe('*', () => new Promise(resolve => (finish = resolve)))
  bus.tool('c', 'a')
  let done = false
  const flushed = bus.flush().then(() => (done = true))
  await microtasks()
  assert.equal(done, false)
  finish()
  await flushed
  balanced(bus)
})

test('close hands on the rest, refuses what comes after, and answers the ledger', async () => {
  const bus = createStatusBus({ clock })
  const { texts } = collect(bus)
  bus.subscribe('*', () => bus.tool('c', 'while closing'))
  bus.tool('c', 'a')
  const closing = bus.close()
  assert.equal(bus.close(), closing)
  assert.equal(bus.closed, true)
  assert.deepEqual(bus.tool('c', 'b'), { outcome: 'refused', reason: 'closed' })
  const final = await closing
  assert.deepEqual(texts(), ['a'])
  assert.deepEqual([final.sent, final.delivered, final.refused.closed, final.unread], [3, 1, 2, 0])
  assert.deepEqual(bus.tool('c', 'c'), { outcome: 'refused', reason: 'closed' })
  assert.equal(balanced(bus).refused.closed, 3)
  await bus.flush()
  assert.equal(bus.poll(), null)
  assert.equal(armed, 0)
  assert.equal(typeof bus.subscribe('*', () => assert.fail()), 'function')
  for await (const batch of bus.subscribe('*')) assert.fail(batch)
  bus.configure({ batchSize: 5 })
})

test('close waits no longer than it may, and says what was not read', async () => {
  const bus = createStatusBus({ clock })
  const slow = bus.subscribe('*')
  bus.subscribe('*', () => new Promise(() => {}))
  bus.tool('c', 'a')
  bus.tool('c', 'b')
  const closing = bus.close({ timeout: 30 })
  await pass(29)
  let final
  void closing.then(ledger => (final = ledger))
  await microtasks()
  assert.equal(final, undefined)
  await pass(1)
  assert.equal(final.unread, 2)
  assert.deepEqual(await slow.next(), { done: true, value: undefined })
})

test('close from inside a callback', async () => {
  const bus = createStatusBus({ clock, batchSize: 1 })
  let closing
  const got = []
  bus.subscribe('*', batch => {
    got.push(...texts(batch))
    closing ??= bus.close()
  })
  for (const text of ['a', 'b', 'c']) bus.tool('c', text)
  await microtasks()
  assert.equal((await closing).delivered, 3)
  assert.deepEqual(got, ['a', 'b', 'c'])
})

test('close from inside a callback that close has called: once', async () => {
  const bus = createStatusBus({ clock })
  const inside = []
  bus.subscribe('*', () => void inside.push(bus.close()))
  bus.tool('c', 'a')
  const closing = bus.close()
  const next = createStatusBus({ clock })
  const { texts } = collect(next)
  await closing
  assert.deepEqual(inside, [closing])
  next.tool('c', 'still here')
  assert.equal((await next.close()).delivered, 1)
  assert.deepEqual(texts(), ['still here'])
})

test('a signal, and `await using`, close the bus', async () => {
  const aborter = new AbortController()
  const bus = createStatusBus({ clock, signal: aborter.signal })
  aborter.abort()
  assert.equal(bus.closed, true)
  const aborted = createStatusBus({ clock, signal: AbortSignal.abort() })
  assert.equal(aborted.tool('c', 'a').reason, 'closed')
  const other = createStatusBus({ clock })
  await other[Symbol.asyncDispose]()
  assert.equal(other.closed, true)
})

const bytes = readFileSync(new URL('../dist/core.wasm', import.meta.url))

test('the slim entry: what is sent before the core is there is kept, in order, up to the limit', async () => {
  let load
  const bus = slim.createStatusBus({ clock, queueLimit: 3, core: slim.loadCore(new Promise(resolve => (load = resolve))) })
  const { texts } = collect(bus)
  bus.tool('c', 'a')
  assert.equal(bus.tool('a:b', 'wrong').reason, 'invalid')
  bus.progress('c', 'b', { key: 'k' })
  bus.progress('c', 'c', { key: 'k' })
  assert.equal(bus.tool('c', 'too many').reason, 'full')
  assert.deepEqual([balanced(bus).queued, balanced(bus).refused.total], [3, 2])
  load(bytes)
  await bus.ready
  await bus.flush()
  assert.deepEqual([balanced(bus).delivered, balanced(bus).coalesced, balanced(bus).refused.total], [2, 1, 2])
  assert.deepEqual(texts(), ['a', 'c'])
  for (const source of [bytes, new WebAssembly.Module(bytes), new Response(bytes), Promise.resolve(bytes), bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)]) {
    const other = slim.createStatusBus({ core: await slim.loadCore(source) })
    other.tool('c', 'a')
    assert.equal((await other.close()).delivered, 1)
  }
  await assert.rejects(slim.loadCore(new Response('', { status: 404 })), /could not be fetched: 404/)
})

test('categories that were configured before the core was there hold', async () => {
  const bus = slim.createStatusBus({ clock, categories: { deploy: { priority: 'high' } }, core: slim.loadCore(Promise.resolve(bytes)) })
  const { batches } = collect(bus)
  bus.send({ category: 'deploy', text: 'a' })
  bus.configure({ categories: { tool: { priority: 'high', ttl: 5 } } })
  bus.tool('c', 'b')
  await bus.ready
  await bus.flush()
  assert.deepEqual(batches[0].updates.map(({ priority }) => priority), ['high', 'high'])
  bus.tool('c', 'c')
  now += 10
  await bus.flush()
  assert.equal(balanced(bus).expired, 1)
})

test('closed before the core is there: what was sent is still handed on', async () => {
  const bus = slim.createStatusBus({ clock, core: slim.loadCore(Promise.resolve(bytes)) })
  const { texts } = collect(bus)
  bus.tool('c', 'a')
  const final = await bus.close()
  assert.deepEqual([texts(), final.delivered], [['a'], 1])
})

test('a core that cannot be loaded: what was sent is lost, and counted', async () => {
  const bus = slim.createStatusBus({ clock, core: Promise.reject(new Error('offline')) })
  const errors = []
  bus.on('error', ({ error }) => errors.push(error.message))
  bus.tool('c', 'a')
  bus.tool('a:b', 'b')
  await assert.rejects(bus.ready, /offline/)
  await microtasks()
  assert.deepEqual(errors, ['offline'])
  assert.equal(bus.tool('c', 'b').reason, 'closed')
  const { sent, dropped, refused } = balanced(bus)
  assert.deepEqual([sent, dropped.sink, refused.invalid, refused.closed], [3, 1, 1, 1])
  assert.equal((await bus.close()).dropped.sink, 1)
})

test('the core as JavaScript', async () => {
  const bus = slim.createStatusBus({ clock, core: core() })
  const { texts } = collect(bus)
  bus.tool('c', 'a')
  await bus.close()
  assert.deepEqual(texts(), ['a'])
})
