import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connect } from 'statusbus/connect'
import { WatchServer } from './watch-server.mjs'

// Against the real server: `watch serve`, started, killed and started again.
let server
const connections = []

before(async () => {
  server = await WatchServer.build()
})
after(async () => {
  for (const connection of connections) await connection.close()
  await server.kill()
})

function open(options = {}) {
  const connection = connect(server.url, { minDelay: 100, ...options })
  connections.push(connection)
  return connection
}

/** The batches of a connection, as they come. */
function reading(connection, selector, options) {
  const iterator = connection.subscribe(selector, options)
  return {
    iterator,
    /** Reads until a text has come; answers all texts. */
    async until(text) {
      const texts = []
      for (;;) {
        const { value, done } = await iterator.next()
        assert.ok(!done, `${text} comes`)
        texts.push(...value.updates.map(update => update.text))
        if (texts.includes(text)) return texts
      }
    },
  }
}

const event = (connection, name, test = () => true) =>
  new Promise(resolve => {
    const undo = connection.on(name, what => {
      if (!test(what)) return
      undo()
      resolve(what)
    })
  })

test('what is published is read, live and by who comes late, one conversation or all', async () => {
  await server.start()
  const connection = open()
  const [one, all, system, tools] = ['conv/1 é', '*', { conversation: null }, { categories: ['tool'] }].map(selector => reading(connection, selector))
  // open when the values that stand, none, have come
  let opened = 0
  await event(connection, 'open', () => ++opened === 4)
  await server.publish([
    { conversation: 'conv/1 é', category: 'tool', text: 'searching', metadata: { hits: [1, 2] }, key: 'k', priority: 'high' },
    { conversation: 'conv-2', category: 'info', text: 'other' },
    { conversation: null, category: 'engine', text: 'system' },
    { conversation: 'conv-2', category: 'tool', text: 'last tool' },
  ])
  assert.deepEqual(await one.until('searching'), ['searching'])
  assert.deepEqual(await all.until('last tool'), ['searching', 'other', 'system', 'last tool'])
  assert.deepEqual(await system.until('system'), ['system'])
  assert.deepEqual(await tools.until('last tool'), ['searching', 'last tool'])
  const { value } = await connection.subscribe('conv/1 é').next()
  assert.equal(value.reason, 'retained')
  const { at, seq, ...rest } = value.updates[0]
  assert.deepEqual(rest, { conversation: 'conv/1 é', category: 'tool', text: 'searching', metadata: { hits: [1, 2] }, key: 'k', priority: 'high', origin: null })
  assert.ok(Math.abs(Date.now() - at) < 60_000 && seq >= 1)
  await connection.close()
  await server.kill()
})

test('a stream that is cut goes on where it was: nothing is missing, nothing comes twice', async () => {
  await server.start()
  const cuts = []
  // a network that cuts the stream in the middle, whenever the test says
  const connection = open({
    fetch: async (url, init) => {
      const answer = await fetch(url, init)
      let cut
      const through = new TransformStream({ start: controller => (cut = () => controller.error(new TypeError('cable pulled out'))) })
      cuts.push(cut)
      return new Response(answer.body.pipeThrough(through), { headers: answer.headers })
    },
  })
  const { until } = reading(connection, '*')
  await event(connection, 'open')
  const seen = []
  for (let round = 0; round < 5; round++) {
    const texts = Array.from({ length: 100 }, (_, i) => `${round}.${i}`)
    await server.publish(texts.map(text => ({ conversation: `conv-${text.length}`, category: 'info', text })))
    if (round % 2 === 0) {
      const recovered = event(connection, 'open')
      cuts.at(-1)()
      assert.equal((await recovered).recovered, true)
    }
    seen.push(...await until(`${round}.99`))
  }
  assert.deepEqual(seen, Array.from({ length: 500 }, (_, i) => `${Math.floor(i / 100)}.${i % 100}`))
  await connection.close()
  await server.kill()
})

test('a server that was killed is read again when it is there, from its values on', async () => {
  await server.start()
  const connection = open()
  const batches = []
  connection.subscribe('*', batch => void batches.push(batch))
  const { until } = reading(connection, '*')
  const first = await event(connection, 'open')
  await server.publish({ conversation: 'conv-1', category: 'info', text: 'before' })
  await until('before')
  const down = event(connection, 'down')
  await server.kill()
  assert.ok((await down).retryIn >= 100)
  await event(connection, 'down', ({ error }) => error instanceof TypeError)
  await server.start()
  await server.publish({ conversation: 'conv-1', category: 'info', text: 'after' })
  const again = await event(connection, 'open')
  assert.equal(again.recovered, false)
  assert.notEqual(again.epoch, first.epoch)
  await until('after')
  assert.equal(batches.findLast(batch => batch.updates.some(({ text }) => text === 'after')).epoch, again.epoch)
  assert.ok(batches.some(batch => batch.reason === 'retained' && batch.epoch === again.epoch))
  // asked to end it says when to come back
  const asked = event(connection, 'down')
  await server.kill('SIGTERM')
  const { error, retryIn } = await asked
  assert.equal(error, null)
  assert.ok(retryIn >= 500 && retryIn < 4_000, String(retryIn))
  await connection.close()
})

test('a token is needed where it is, and a wrong one is not tried again and again', async () => {
  await server.start('--token', 'secret')
  const without = open()
  await assert.rejects(without.subscribe('*').next(), { name: 'ConnectError', status: 401, reason: 'unauthenticated' })
  const connection = open({ headers: { authorization: 'Bearer secret' } })
  const { until } = reading(connection, 'conv-1')
  await event(connection, 'open')
  await server.publish({ conversation: 'conv-1', category: 'info', text: 'hello' }, { authorization: 'Bearer secret' })
  assert.deepEqual(await until('hello'), ['hello'])
  await assert.rejects(connection.subscribe({ categories: ['nonsense'] }).next(), { status: 400, reason: 'unknown_category' })
  await connection.close()
  await without.close()
  await server.kill()
})
