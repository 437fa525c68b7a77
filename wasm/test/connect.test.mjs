import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { connect } from 'statusbus/connect'
import { EPOCH, FakeServer, settle, update } from './fake-server.mjs'
import { collect, texts } from './support.mjs'

let server
let told
const connections = []
beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  mock.method(Math, 'random', () => 0)
  server = new FakeServer()
  told = []
})
afterEach(() => {
  for (const connection of connections.splice(0)) void connection.close()
  mock.timers.reset()
  mock.restoreAll()
})

/** A connection to the fake server; what it tells is in `told`. */
function open(options = {}) {
  const connection = connect('https://status.example/base/?tenant=7', { fetch: server.fetch, ...options })
  connections.push(connection)
  connection.on('open', ({ epoch, recovered }) => told.push(['open', epoch, recovered]))
  connection.on('down', ({ error, retryIn }) => told.push(['down', error?.message ?? null, retryIn]))
  return connection
}

const pass = async milliseconds => {
  mock.timers.tick(milliseconds)
  await settle()
}

test('a selection is read where the server has it, and one that is read already is not read twice', async () => {
  const connection = open({ headers: { authorization: 'Bearer secret' } })
  const all = [
    ['*', '/base/v1/events', null],
    ['conv/1 é', '/base/v1/status/conv%2F1%20%C3%A9/events', null],
    [{ conversation: 42 }, '/base/v1/status/42/events', null],
    [{ conversation: null }, '/base/v1/system/events', null],
    [{ categories: ['tool', 'engine', 'tool'] }, '/base/v1/events', 'engine,tool'],
  ]
  for (const [selector] of all) connection.subscribe(selector, () => {})
  connection.subscribe({ categories: ['engine', 'tool'] }, () => {})
  connection.subscribe({}, () => {})
  await settle()
  assert.deepEqual(server.requests.map(({ url }) => [url.pathname, url.searchParams.get('categories')]), all.map(([, path, categories]) => [path, categories]))
  for (const { url, headers, id } of server.requests) {
    assert.equal(url.searchParams.get('tenant'), '7')
    assert.equal(headers.get('authorization'), 'Bearer secret')
    assert.equal(headers.get('accept'), 'text/event-stream')
    assert.equal(id, null)
  }
  await connection.close()
})

test('the values that stand come first, then what is said, as from a bus', async () => {
  const connection = open()
  const { batches } = collect(connection, 'conv-1')
  await settle()
  await server.last.ready()
  await server.last.status(41, [update(7, 'searching'), update(9, '40 %', { category: 'progress', key: 'download', priority: 'low', metadata: { n: 1 } })])
  await server.last.status(43, [update(43, 'found', { at: '2026-01-02T03:04:05Z' })])
  assert.deepEqual(told, [['open', EPOCH, false]])
  assert.deepEqual(batches.map(({ reason, seq, epoch, gaps }) => [reason, seq, epoch, gaps]), [['retained', 41, EPOCH, []], ['received', 43, EPOCH, []]])
  assert.deepEqual(batches[0].updates[1], {
    seq: 9, conversation: 'conv-1', category: 'progress', text: '40 %', metadata: { n: 1 }, key: 'download', priority: 'low',
    at: Date.UTC(2026, 0, 2, 3, 4, 5, 678), origin: null,
  })
  assert.equal(batches[1].updates[0].at, Date.UTC(2026, 0, 2, 3, 4, 5))
  assert.deepEqual(texts({ updates: connection.retained('conv-1') }), ['40 %', 'found'])
  await connection.close()
})

test('one stream can be enough for all readers, each of which gets its part', async () => {
  const connection = open({ streams: 'one' })
  const selectors = ['*', 'conv-1', { conversation: null }, { categories: ['info'] }, { conversation: 'conv-2', categories: ['info', 'error'] }]
  const readers = selectors.map(selector => collect(connection, selector))
  const slow = connection.subscribe('conv-1', { buffer: 1 })
  await settle()
  assert.deepEqual(server.requests.map(({ url }) => url.pathname), ['/base/v1/events'])
  await server.last.ready()
  await server.last.status(2, [update(1, 'a'), update(2, 'system', { conversation: null })])
  await server.last.status(5, [update(3, 'b', { conversation: 'conv-2' }), update(4, 'c', { conversation: 'conv-2', category: 'info' }), update(5, 'd')])
  await server.last.gap(6, { count: 3, reasons: { evicted: 3 }, scope: 'bus' })
  assert.deepEqual(readers.map(reader => reader.texts().join()), ['a,system,b,c,d', 'a,d', 'system', 'c', 'c'])
  assert.deepEqual(readers.map(reader => reader.gaps().length), [1, 1, 1, 1, 1])
  const { value } = await slow.next()
  assert.deepEqual([value.gaps[0].count, ...value.updates.map(({ text }) => text)], [5, 'd'], 'those that were missing before among them')
  assert.deepEqual(selectors.map(selector => connection.retained(selector).map(({ text }) => text).join()), ['system,b,c,d', 'd', 'system', 'c', 'c'])
  const late = collect(connection, 'conv-2')
  await settle()
  assert.deepEqual(late.batches.map(({ reason, updates }) => [reason, updates.length]), [['retained', 2]])
  await server.last.end()
  await pass(1_000)
  await server.last.ready()
  await server.last.status(9, [])
  assert.deepEqual(readers.map(reader => reader.batches.at(-1).reason), Array(5).fill('retained'))
  await connection.close()
})

test('nothing comes where nothing stands, and a reader may want only what is said from now on', async () => {
  const connection = open()
  const [one, late] = [collect(connection), collect(connection, '*', { retained: false })]
  await settle()
  await server.last.ready()
  await server.last.status(0, [])
  assert.deepEqual([one.batches, late.batches], [[], []])
  await server.last.status(1, [update(1, 'a')])
  const [next, nextLate] = [collect(connection), collect(connection, '*', { retained: false })]
  await settle()
  assert.deepEqual([next.texts(), nextLate.texts()], [['a'], []])
  await server.last.status(2, [update(2, 'b', { conversation: 'conv-2' })])
  for (const [reader, said] of [[one, ['a', 'b']], [late, ['a', 'b']], [next, ['a', 'b']], [nextLate, ['b']]]) assert.deepEqual(reader.texts(), said)
  await connection.close()
})

test('who wants no values that stand gets those that say where a cut stream goes on', async () => {
  const connection = open()
  const late = collect(connection, '*', { retained: false })
  await settle()
  await server.last.ready()
  await server.last.status(1, [update(1, 'a')])
  await server.last.end()
  await pass(1_000)
  await server.last.ready(false)
  await server.last.status(5, [])
  assert.deepEqual(late.batches.map(({ reason, updates }) => [reason, updates]), [['retained', []]])
  assert.deepEqual(connection.retained(), [])
  await connection.close()
})

test('a stream that is cut goes on where it was', async () => {
  const connection = open()
  const { batches } = collect(connection)
  await settle()
  await server.last.ready()
  await server.last.status(3, [update(3, 'a')])
  // half an event is none: it comes again
  await server.last.send(`event: status\nid: ${EPOCH}-4\ndata: [{"seq":4`)
  await server.last.cut()
  assert.deepEqual(told.slice(1), [['down', 'network error', 1_000]])
  assert.equal(server.requests.length, 1)
  await pass(999)
  assert.equal(server.requests.length, 1)
  await pass(1)
  assert.equal(server.last.id, `${EPOCH}-3`)
  await server.last.ready(true)
  await server.last.status(4, [update(4, 'b')])
  assert.deepEqual(told.at(-1), ['open', EPOCH, true])
  assert.deepEqual(batches.map(batch => [batch.reason, ...texts(batch)]), [['retained', 'a'], ['received', 'b']])
  assert.deepEqual(texts({ updates: connection.retained() }), ['b'])
  await connection.close()
})

test('where it cannot go on, the values that stand are told, and no others are kept', async () => {
  const connection = open()
  const { batches } = collect(connection)
  await settle()
  await server.last.ready()
  await server.last.status(3, [update(1, 'a', { key: 'x' }), update(3, 'b', { key: 'y' })])
  await server.last.end()
  await pass(1_000)
  await server.last.ready(false, '1111111111111111')
  await server.last.status(1, [update(1, 'new', { key: 'y' })], '1111111111111111')
  assert.deepEqual(batches.map(batch => [batch.epoch, batch.reason, ...texts(batch)]), [[EPOCH, 'retained', 'a', 'b'], ['1111111111111111', 'retained', 'new']])
  assert.deepEqual(texts({ updates: connection.retained() }), ['new'])
  assert.equal(batches[1].seq, 1)
  await connection.close()
})

test('gaps are told where they are, and who was too slow for the server gets what stands', async () => {
  const connection = open()
  const { batches } = collect(connection, 'conv-1')
  await settle()
  await server.last.ready()
  await server.last.status(1, [update(1, 'a')])
  await server.last.gap(2, { count: 3, reasons: { evicted: 2, expired: 1 }, scope: 'topic' })
  await server.last.status(3, [update(3, 'b')])
  await server.last.gap(9, { count: 6, reasons: { lagged: 6 }, scope: 'reader' })
  await server.last.status(9, [update(8, 'c')])
  await server.last.status(10, [update(10, 'd')])
  assert.deepEqual(batches.map(({ reason, gaps, updates }) => [reason, gaps.map(({ scope, count, seq }) => [scope, count, seq]), texts({ updates })]), [
    ['retained', [], ['a']],
    ['received', [['topic', 3, 2]], []],
    ['received', [], ['b']],
    ['received', [['reader', 6, 9]], []],
    ['retained', [], ['c']],
    ['received', [], ['d']],
  ])
  assert.deepEqual(batches[1].gaps[0], { seq: 2, count: 3, reasons: { evicted: 2, expired: 1 }, scope: 'topic', conversation: 'conv-1' })
  assert.deepEqual(connection.retained('conv-1').map(({ text }) => text), ['d'])
  await connection.close()
})

test('each time that nothing comes the pause is twice as long, up to half as much again by chance', async () => {
  const connection = open({ minDelay: 200, maxDelay: 1_500 })
  collect(connection)
  await settle()
  await server.last.ready(false, EPOCH, 300)
  await server.last.status(0, [])
  await server.last.end()
  Math.random.mock.mockImplementation(() => 0.999)
  for (let request = 2; request <= 6; request++) server.answers.set(request, new TypeError('refused'))
  for (const wait of [300, 900, 1_799, 2_249, 2_249, 2_249]) await pass(wait)
  assert.deepEqual(told.map(([what, , retryIn]) => [what, retryIn]), [['open', false], ['down', 300], ['down', 900], ['down', 1_799], ['down', 2_249], ['down', 2_249], ['down', 2_249]])
  // accepted and closed at once, with nothing said, is no success
  await server.last.end()
  assert.deepEqual(told.at(-1), ['down', null, 2_249])
  await pass(2_249)
  await server.last.ready(true, EPOCH, 300)
  await server.last.status(1, [update(1, 'a')])
  Math.random.mock.mockImplementation(() => 0)
  await server.last.end()
  assert.deepEqual(told.at(-1), ['down', null, 300], 'it was there')
  await connection.close()
})

test('what the server asks for is honoured, within reason', async () => {
  const connection = open()
  collect(connection)
  await settle()
  for (const [retry, pause] of [[0, 1_000], [2_500, 2_500], [60_000, 60_000], [99_999_999_999_999, 300_000]]) {
    await server.last.ready(false, EPOCH, retry)
    await server.last.status(0, [])
    await server.last.end()
    assert.deepEqual(told.at(-1), ['down', null, pause])
    await pass(pause)
  }
  await server.last.ready()
  await server.last.status(0, [])
  server.answers.set(server.requests.length + 1, () => new Response('', { status: 503, headers: { 'retry-after': '7' } }))
  await server.last.end()
  await pass(1_000)
  assert.deepEqual(told.at(-1).slice(2), [7_000])
  await connection.close()
})

test('what does not change by asking again is not asked again', async () => {
  const problem = (status, body) => () => new Response(status === 204 ? null : body, { status, headers: { 'content-type': 'application/json' } })
  const told401 = '{"reason":"unauthorized","detail":"bring a token"}'
  for (const [status, body, message] of [
    [401, told401, /answers 401: bring a token$/],
    [404, 'not found', /answers 404$/],
    [403, '{"reason":"origin"}', /answers 403$/],
    [204, '', /answers 204$/],
  ]) {
    server = new FakeServer()
    told = []
    server.answers.set(1, problem(status, body))
    const connection = open()
    const { batches } = collect(connection)
    const iterator = connection.subscribe('*')
    await settle()
    assert.deepEqual(told.map(([what, , retryIn]) => [what, retryIn]), [['down', null]])
    assert.match(told[0][1], message)
    await assert.rejects(iterator.next(), { name: 'ConnectError', status, ...(status === 401 ? { reason: 'unauthorized' } : {}) })
    assert.deepEqual(await iterator.next(), { done: true, value: undefined })
    await pass(1_000_000)
    assert.equal(server.requests.length, 1)
    assert.deepEqual(batches, [])
    // whoever asks from now on is another matter
    connection.subscribe('*', () => {})
    await settle()
    assert.equal(server.requests.length, 2)
    await connection.close()
  }
})

test('what may be otherwise the next time is asked again', async () => {
  for (const answer of [
    () => new Response('busy', { status: 503 }),
    () => new Response('slow down', { status: 429 }),
    () => new Response('<!doctype html>', { status: 200, headers: { 'content-type': 'text/html' } }),
    new TypeError('refused'),
  ]) {
    server = new FakeServer()
    server.answers.set(1, answer)
    const connection = open()
    const { texts } = collect(connection)
    await settle()
    await pass(1_000)
    assert.equal(server.requests.length, 2)
    await server.last.ready()
    await server.last.status(1, [update(1, 'there')])
    assert.deepEqual(texts(), ['there'])
    await connection.close()
  }
})

test('headers from a function are asked for anew, and then a refusal may be of an old token', async () => {
  const tokens = ['old', 'new']
  const connection = open({ headers: async () => [['authorization', `Bearer ${tokens.shift()}`]] })
  server.answers.set(1, ({ headers }) => headers.get('authorization') === 'Bearer old' ? new Response('', { status: 401 }) : undefined)
  collect(connection)
  await settle()
  await pass(1_000)
  assert.equal(server.last.headers.get('authorization'), 'Bearer new')
  await server.last.ready()
  assert.deepEqual(told.at(-1), ['open', EPOCH, false])
  await connection.close()
})

test('a stream without a sign of life counts as cut', async () => {
  const connection = open({ silence: 20_000 })
  collect(connection)
  await settle()
  await server.last.ready()
  await server.last.status(5, [])
  for (let i = 0; i < 5; i++) {
    await pass(15_000)
    await server.last.send(':\n\n')
  }
  assert.deepEqual(told, [['open', EPOCH, false]])
  await pass(40_000)
  assert.match(told.at(-1)[1], /is silent$/)
  assert.ok(server.requests[0].signal.aborted)
  await pass(1_000)
  assert.equal(server.last.id, `${EPOCH}-5`)
  await connection.close()
})

test('an answer that never comes counts as cut', async () => {
  const connection = open({ silence: 5_000, fetch: (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))) })
  collect(connection)
  await settle()
  await pass(10_000)
  assert.match(told[0][1], /is silent$/)
  await connection.close()
})

test('the stream ends with its last reader, and not when one comes in the same breath', async () => {
  const connection = open()
  const first = connection.subscribe('*', () => {})
  first()
  const second = connection.subscribe('*', () => {})
  await settle()
  assert.equal(server.requests.length, 1)
  await server.last.ready()
  second()
  const third = connection.subscribe('*', () => {})
  await settle()
  assert.equal(server.last.signal.aborted, false)
  third()
  third()
  await settle()
  assert.equal(server.last.signal.aborted, true)
  await pass(1_000_000)
  assert.equal(server.requests.length, 1)
  const never = connection.subscribe('*', () => {})
  never()
  await settle()
  assert.equal(server.requests.length, 1, 'nobody is there to read')
  await connection.close()
})

test('a callback that throws, subscribes, leaves or closes harms nobody', async () => {
  const connection = open()
  const errors = []
  connection.on('error', ({ error }) => errors.push(error.message))
  connection.subscribe('*', () => {
    throw new Error('thrown')
  })
  connection.subscribe('*', async () => {
    throw new Error('rejected')
  })
  const leaver = connection.subscribe('*', () => leaver())
  let inner
  const outer = connection.subscribe('*', () => {
    inner ??= collect(connection)
  })
  const { texts } = collect(connection)
  await settle()
  await server.last.ready()
  await server.last.status(1, [update(1, 'a')])
  assert.deepEqual(errors, ['thrown', 'rejected'])
  outer()
  connection.subscribe('*', batch => batch.updates.some(({ text }) => text === 'b') && void connection.close())
  await settle()
  await server.last.status(2, [update(2, 'b'), update(3, 'c')])
  assert.deepEqual(texts(), ['a', 'b', 'c'])
  assert.deepEqual(inner.texts(), ['a', 'b', 'c'])
  assert.ok(connection.closed)
  await pass(1_000_000)
  assert.equal(server.requests.length, 1)
})

test('iterators read to the end, lag with a gap and what stands, and end with their signal', async () => {
  const connection = open()
  const whole = connection.subscribe('*')
  const slow = connection.subscribe('*', { buffer: 2 })
  const abort = new AbortController()
  const aborted = connection.subscribe('*', { signal: abort.signal })
  await settle()
  await server.last.ready()
  await server.last.status(1, [update(1, 'a', { key: 'x' })])
  await server.last.status(3, [update(2, 'b', { key: 'x' }), update(3, 'c', { key: 'y' })])
  assert.deepEqual(texts((await aborted.next()).value), ['a'])
  abort.abort()
  assert.equal((await aborted.next()).value?.updates.length, 2, 'what has come')
  assert.equal((await aborted.next()).done, true)
  const { value } = await slow.next()
  assert.deepEqual([value.reason, value.gaps, texts(value)], ['retained', [{ seq: 0, count: 3, reasons: { lagged: 3 }, scope: 'reader' }], ['b', 'c']])
  await connection.close()
  const read = []
  for await (const batch of whole) read.push(...texts(batch))
  assert.deepEqual(read, ['a', 'b', 'c'])
  assert.equal((await slow.next()).done, true)
})

test('a connection ends with its signal, its scope and by itself', async () => {
  const abort = new AbortController()
  const connection = open({ signal: abort.signal })
  connection.subscribe('*', () => {})
  await settle()
  abort.abort()
  assert.ok(connection.closed)
  assert.ok(server.last.signal.aborted)
  const after = connection.subscribe('*')
  assert.equal((await after.next()).done, true)
  connection.subscribe('*', () => assert.fail('it is closed'))()
  await settle()
  assert.equal(server.requests.length, 1)
  const scoped = open()
  await scoped[Symbol.asyncDispose]()
  assert.ok(scoped.closed)
  assert.ok(open({ signal: AbortSignal.abort() }).closed)
})

test('when the network is there again nobody waits for a timer', async () => {
  const target = new EventTarget()
  globalThis.addEventListener = target.addEventListener.bind(target)
  globalThis.removeEventListener = target.removeEventListener.bind(target)
  try {
    server.answers.set(1, new TypeError('offline'))
    const connection = open()
    collect(connection)
    await settle()
    assert.equal(server.requests.length, 1)
    target.dispatchEvent(new Event('online'))
    await settle()
    assert.equal(server.requests.length, 2)
    await connection.close()
    target.dispatchEvent(new Event('online'))
  } finally {
    delete globalThis.addEventListener
    delete globalThis.removeEventListener
  }
})

test('what cannot be meant is told at once', () => {
  const wrong = [
    [() => connect('/status'), TypeError, /URL/],
    [() => connect('https://a.example', { retries: 3 }), TypeError, /there is no option 'retries'/],
    [() => connect('https://a.example', null), TypeError, /options is null/],
    [() => connect('https://a.example', { minDelay: 5 }), RangeError, /minDelay is 5: give it a number from 100 to 300000/],
    [() => connect('https://a.example', { maxEvent: 'large' }), TypeError, /maxEvent is 'large'/],
    [() => connect('https://a.example', { headers: { 'no header': 'x' } }), TypeError, /header/i],
    [() => connect('https://a.example', { streams: 'two' }), RangeError, /streams is 'two': it is one of 'each', 'one'/],
    [() => connect('https://a.example', { fetch: 7 }), TypeError, /fetch/],
    [() => open().subscribe('a:b', () => {}), RangeError, /there can be no conversation 'a:b'/],
    [() => open().subscribe('system', () => {}), RangeError, /the whole system is null/],
    [() => open().subscribe(7, () => {}), TypeError, /a selector is 7/],
    [() => open().subscribe({ categories: [] }, () => {}), TypeError, /categories/],
    [() => open().subscribe('*', 7), TypeError, /the callback/],
    [() => open().subscribe('*', { buffer: 0 }), RangeError, /buffer/],
    [() => open().on('closed', () => {}), RangeError, /there is no event 'closed'/],
  ]
  for (const [call, type, message] of wrong) assert.throws(call, error => error instanceof type && message.test(error.message), String(message))
  assert.equal(server.requests.length, 0)
})
