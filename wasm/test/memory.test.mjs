import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFileSync } from 'node:fs'
import * as slim from 'statusbus/slim'
import { balanced, isBalanced } from './support.mjs'

const bytes = readFileSync(new URL('../dist/core.wasm', import.meta.url))

// In virtual time, so that how much is delivered does not depend on the machine.
test('ten million updates: the memory of the module stays as it is', async () => {
  const core = await slim.loadCore(bytes)
  let now = 0
  const bus = slim.createStatusBus({ core, schedule: 'manual', clock: () => now })
  let read = 0
  let missed = 0
  bus.subscribe('*', ({ updates, gaps }) => {
    read += updates.length
    for (const { count } of gaps) missed += count
  })
  const { memory } = core.exports
  const before = memory.buffer.byteLength
  for (let turn = 1; turn <= 2_000; turn++) {
    for (let i = 0; i < 5_000; i++) bus.progress('c', 'text', i % 4 === 0 ? { key: 'k' } : undefined)
    now += 50
    // Every fourth turn: without their keys these are 15,000, more than the queue holds.
    if (turn % 4 === 0) bus.poll()
    if (turn % 100 === 0) balanced(bus)
  }
  const final = await bus.close()
  assert.ok(isBalanced(final))
  assert.equal(final.sent, 10_000_000)
  // Each of the 500 polls finds a full queue of 10,000.
  assert.equal(final.delivered, 5_000_000)
  assert.equal(read, final.delivered)
  assert.ok(final.coalesced > 0 && final.dropped.evicted > 0, JSON.stringify(final))
  assert.equal(missed, final.dropped.total)
  assert.equal(memory.buffer.byteLength, before)
})

test('twenty thousand buses one after the other, and a thousand at once: memory is used again', async () => {
  const core = await slim.loadCore(bytes)
  const size = () => core.exports.memory.buffer.byteLength
  const round = async (count, options) => {
    const buses = Array.from({ length: count }, (_, i) => slim.createStatusBus({ core, schedule: 'manual', ...options(i) }))
    for (const bus of buses) bus.tool('c', 'a')
    for (const ledger of await Promise.all(buses.map(bus => bus.close({ timeout: 0 })))) assert.equal(ledger.delivered, 1)
  }
  await round(1_000, i => ({ queueLimit: 1 + (i % 200) }))
  const after = size()
  for (let i = 0; i < 19; i++) await round(1_000, j => ({ queueLimit: 1 + (j % 200), batchSize: 100 }))
  assert.equal(size(), after)
})

test('several buses share a module and know nothing of each other; the largest fits', async () => {
  const core = await slim.loadCore(bytes)
  const buses = [1, 100, 65_534].map(queueLimit => slim.createStatusBus({ core, schedule: 'manual', queueLimit, batchSize: queueLimit, overflow: 'reject' }))
  const got = buses.map(bus => {
    const texts = []
    bus.subscribe('*', batch => void texts.push(...batch.updates.map(update => update.text)))
    return texts
  })
  for (let i = 0; i < 65_535; i++) buses.forEach((bus, index) => bus.tool('c', `${index}-${i}`))
  assert.deepEqual(buses.map(bus => bus.ledger().queued), [1, 100, 65_534])
  for (const bus of buses) bus.poll()
  assert.deepEqual(got.map(texts => [texts.length, texts.at(-1)]), [[1, '0-0'], [100, '1-99'], [65_534, '2-65533']])
  const finals = await Promise.all(buses.map(bus => bus.close()))
  assert.deepEqual(finals.map(({ sent, delivered, refused }) => [sent, delivered, refused.full]), [[65_535, 1, 65_534], [65_535, 100, 65_435], [65_535, 65_534, 1]])
})

test('a million subscriptions made and undone leave nothing', async () => {
  const bus = slim.createStatusBus({ core: await slim.loadCore(bytes), schedule: 'manual' })
  let called = 0
  const callback = () => void called++
  for (let i = 0; i < 1_000_000; i++) bus.subscribe(`c-${i % 5_000}`, callback, { retained: false })()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 1_000_000; i++) bus.subscribe(i % 2 === 0 ? '*' : { conversation: 'c', categories: ['tool'] }, callback)()
  bus.tool('c', 'a')
  bus.poll()
  assert.equal(called, 0)
  globalThis.gc?.()
  assert.ok(process.memoryUsage().heapUsed - before < 50e6)
})

test('buses that nobody closes are collected', { skip: globalThis.gc === undefined && 'needs --expose-gc' }, async () => {
  const core = await slim.loadCore(bytes)
  const make = () => {
    for (let i = 0; i < 50; i++) slim.createStatusBus({ core }).subscribe('*', () => {})
  }
  make()
  const turn = () => new Promise(resolve => setTimeout(resolve, 5))
  for (let i = 0; i < 10; i++) {
    globalThis.gc()
    await turn()
  }
  const size = core.exports.memory.buffer.byteLength
  make()
  assert.equal(core.exports.memory.buffer.byteLength, size)
})
