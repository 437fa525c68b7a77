import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balanced, isBalanced, manual } from './support.mjs'

/** Numbers that look random and are the same every time. */
function random(seed) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return { below: most => Math.floor(next() * most), one: list => list[Math.floor(next() * list.length)] }
}

const CATEGORIES = ['engine', 'tool', 'workflow', 'progress', 'error', 'info', 'planning', 'deploy']

test('whatever is done in whatever order: every update is handed on once and in order, or told as missing', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const { below, one } = random(seed)
    const { bus, time } = manual({ queueLimit: 1 + below(12), capacity: 12, batchSize: 1 + below(8), retain: one([0, 3, 100]), categories: ['deploy'], overflow: one(['evict', 'drop_newest', 'drop_oldest', 'reject']), leading: one([true, false]) })
    let delivered = 0
    let missing = 0
    let seq = 0
    const mirrored = { 'c-0': [[], []], 'c-1': [[], []] }
    const undo = []
    bus.subscribe('*', ({ updates, gaps }) => {
      assert.ok(isBalanced(bus.ledger()))
      for (const gap of gaps) missing += gap.count
      if (gaps.length > 0) assert.equal(gaps[0].seq, ++seq, `seed ${seed}`)
      for (const update of updates) {
        assert.equal(update.seq, ++seq, `seed ${seed}`)
        delivered++
        mirrored[update.conversation]?.[0].push(update.seq)
      }
      if (below(10) === 0) bus.tool('inside', 'x', { key: 'k' })
      if (below(20) === 0) bus.configure({ batchSize: 1 + below(8) })
      if (below(20) === 0) void bus.flush()
    }, { retained: false })
    for (const name of Object.keys(mirrored)) bus.subscribe(name, ({ updates }) => mirrored[name][1].push(...updates.map(update => update.seq)), { retained: false })
    for (let step = 0; step < 400; step++) {
      const operation = below(20)
      if (operation < 13) {
        bus.send({
          conversation: one(['c-0', 'c-1', `c-${below(400)}`, null]), category: one(CATEGORIES), text: `${step}`,
          key: one([null, null, 'a', `k-${below(100)}`]), priority: one([null, null, 'low', 'normal', 'high']), ttl: one([null, null, null, below(120)]),
        })
      } else if (operation < 15) time.now += below(70)
      else if (operation === 15) bus.poll()
      else if (operation === 16) void bus.flush()
      else if (operation === 17) bus.configure({ queueLimit: 1 + below(12), overflow: one(['evict', 'drop_newest', 'drop_oldest', 'reject']), flushInterval: 1 + below(80) })
      else if (operation === 18) undo.push(bus.subscribe(one(['*', 'c-0', 'c-5']), () => {}))
      else if (undo.length > 0) undo.splice(below(undo.length), 1)[0]()
      balanced(bus)
    }
    const final = await bus.close()
    assert.ok(isBalanced(final))
    assert.deepEqual([final.queued, final.inFlight], [0, 0])
    assert.equal(final.delivered, delivered, `seed ${seed}`)
    assert.equal(final.dropped.total + final.expired, missing, `seed ${seed}`)
    for (const [all, own] of Object.values(mirrored)) assert.deepEqual(own, all)
  }
})
