import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from 'statusbus/connect'

// Against the real server: `watch serve`, started, killed and started again.
const root = fileURLToPath(new URL('../..', import.meta.url))
const watch = `${process.env.CARGO_TARGET_DIR ?? `${root}/target`}/debug/watch`
let port
const running = []
const connections = []

before(async () => {
  execFileSync('cargo', ['build', '--quiet', '--locked', '-p', 'watch'], { cwd: root, stdio: 'inherit' })
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  port = free.address().port
  free.close()
  await once(free, 'close')
})
after(async () => {
  for (const connection of connections) await connection.close()
  for (const server of running) server.kill('SIGKILL')
})

async function serve(...options) {
  const server = spawn(watch, ['serve', '--plain', '--listen', `127.0.0.1:${port}`, ...options], { stdio: ['ignore', 'ignore', 'pipe'] })
  running.push(server)
  for await (const line of createInterface({ input: server.stderr })) if (line.includes('serving at')) break
  return server
}

async function kill(server, signal = 'SIGKILL') {
  const ended = once(server, 'exit')
  server.kill(signal)
  await ended
}

function open(options = {}) {
  const connection = connect(`http://127.0.0.1:${port}`, { minDelay: 100, ...options })
  connections.push(connection)
  return connection
}

async function publish(updates, headers = {}) {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/status`, { method: 'POST', body: JSON.stringify(updates), headers })
  assert.equal(answer.status, 202)
  assert.deepEqual((await answer.json()).refused, [])
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
  const server = await serve()
  const connection = open()
  const [one, all, system, tools] = ['conv/1 é', '*', { conversation: null }, { categories: ['tool'] }].map(selector => reading(connection, selector))
  // open when the values that stand, none, have come
  let opened = 0
  await event(connection, 'open', () => ++opened === 4)
  await publish([
    { conversation: 'conv/1 é', category: 'tool', text: 'searching', metadata: { hits: [1, 2] }, key: 'k', priority: 'terminal' },
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
  assert.deepEqual(rest, { conversation: 'conv/1 é', category: 'tool', text: 'searching', metadata: { hits: [1, 2] }, key: 'k', priority: 'terminal', origin: null })
  assert.ok(Math.abs(Date.now() - at) < 60_000 && seq >= 1)
  await connection.close()
  await kill(server)
})

test('a stream that is cut goes on where it was: nothing is missing, nothing comes twice', async () => {
  const server = await serve()
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
    await publish(texts.map(text => ({ conversation: `conv-${text.length}`, category: 'info', text })))
    if (round % 2 === 0) {
      const recovered = event(connection, 'open')
      cuts.at(-1)()
      assert.equal((await recovered).recovered, true)
    }
    seen.push(...await until(`${round}.99`))
  }
  assert.deepEqual(seen, Array.from({ length: 500 }, (_, i) => `${Math.floor(i / 100)}.${i % 100}`))
  await connection.close()
  await kill(server)
})

test('a server that was killed is read again when it is there, from its values on', async () => {
  let server = await serve()
  const connection = open()
  const batches = []
  connection.subscribe('*', batch => void batches.push(batch))
  const { until } = reading(connection, '*')
  const first = await event(connection, 'open')
  await publish({ conversation: 'conv-1', category: 'info', text: 'before' })
  await until('before')
  const down = event(connection, 'down')
  await kill(server)
  assert.ok((await down).retryIn >= 100)
  await event(connection, 'down', ({ error }) => error instanceof TypeError)
  server = await serve()
  await publish({ conversation: 'conv-1', category: 'info', text: 'after' })
  const again = await event(connection, 'open')
  assert.equal(again.recovered, false)
  assert.notEqual(again.epoch, first.epoch)
  await until('after')
  assert.equal(batches.findLast(batch => batch.updates.some(({ text }) => text === 'after')).epoch, again.epoch)
  assert.ok(batches.some(batch => batch.reason === 'retained' && batch.epoch === again.epoch))
  // asked to end it says when to come back
  const asked = event(connection, 'down')
  await kill(server, 'SIGTERM')
  const { error, retryIn } = await asked
  assert.equal(error, null)
  assert.ok(retryIn >= 500 && retryIn < 4_000, String(retryIn))
  await connection.close()
})

test('a token is needed where it is, and a wrong one is not tried again and again', async () => {
  const server = await serve('--token', 'secret')
  const without = open()
  await assert.rejects(without.subscribe('*').next(), { name: 'ConnectError', status: 401, reason: 'unauthenticated' })
  const connection = open({ headers: { authorization: 'Bearer secret' } })
  const { until } = reading(connection, 'conv-1')
  await event(connection, 'open')
  await publish({ conversation: 'conv-1', category: 'info', text: 'hello' }, { authorization: 'Bearer secret' })
  assert.deepEqual(await until('hello'), ['hello'])
  await assert.rejects(connection.subscribe({ categories: ['nonsense'] }).next(), { status: 400, reason: 'unknown_category' })
  await connection.close()
  await without.close()
  await kill(server)
})
