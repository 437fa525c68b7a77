import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as ask } from 'node:http'
import { after, before, test } from 'node:test'
import { WatchServer } from '../watch-server.mjs'
import { launch, site, visit } from './site.mjs'

let browser
let served
let server
/** In front of both, as one origin, with a cable that can be pulled out. */
let front
const cables = new Set()
before(async () => {
  server = await WatchServer.build()
  served = await site({
    '/': {
      body: "<script type=module>import * as statusbus from '/dist/connect.js'; globalThis.statusbus = statusbus; globalThis.isReady = true</script>",
      headers: { 'content-security-policy': "default-src 'none'; script-src 'self' 'unsafe-inline'; connect-src 'self'" },
    },
  })
  front = createServer((request, response) => {
    const origin = new URL(request.url.startsWith('/v1') ? server.url : served.url)
    const onward = ask({ host: origin.hostname, port: origin.port, path: request.url, method: request.method, headers: { ...request.headers, host: origin.host } }, answer => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
      answer.on('close', () => response.destroy())
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
    if (request.url.includes('/events')) {
      cables.add(response)
      response.on('close', () => cables.delete(response))
    }
  }).listen(0, '127.0.0.1')
  await once(front, 'listening')
  browser = await launch()
})
after(async () => {
  await browser?.close()
  front?.close().closeAllConnections()
  await served?.close()
  await server?.kill()
})

test('a page reads a server, across a cable that is pulled out and a server that is killed', async t => {
  await server.start()
  const context = await browser.newContext()
  t.after(() => context.close())
  const { page, errors } = await visit(context, `http://127.0.0.1:${front.address().port}/`)
  await page.waitForFunction(() => globalThis.isReady, undefined, { polling: 20 })
  const shows = text => page.waitForFunction(text => globalThis.texts.includes(text), text, { polling: 20 })
  await page.evaluate(async () => {
    // relative, as a page would
    globalThis.connection = statusbus.connect('/', { minDelay: 100 })
    globalThis.texts = []
    globalThis.told = []
    connection.on('open', ({ recovered }) => told.push(recovered))
    const undo = connection.subscribe('conv-1', batch => texts.push(...batch.updates.map(({ text }) => text)))
    connection.subscribe('conv-2', () => {})()
    globalThis.undo = undo
    await new Promise(resolve => connection.on('open', resolve))
  })
  await server.publish({ conversation: 'conv-1', category: 'tool', text: 'one' })
  await shows('one')
  assert.equal(cables.size, 1, 'what nobody reads is not asked for')
  for (const cable of cables) cable.destroy()
  await server.publish({ conversation: 'conv-1', category: 'tool', text: 'two' })
  await shows('two')
  await server.kill()
  await server.start()
  await server.publish({ conversation: 'conv-1', category: 'tool', text: 'three' })
  await shows('three')
  const { texts, told } = await page.evaluate(() => ({ texts, told }))
  assert.deepEqual(texts, ['one', 'two', 'three'])
  assert.deepEqual(told, [false, true, false])
  await page.evaluate(() => undo())
  const [cable] = cables
  if (cable !== undefined) await once(cable, 'close')
  assert.equal(cables.size, 0)
  await page.evaluate(() => connection.close())
  // that the server was away is what this is about
  assert.deepEqual(errors.filter(error => !error.startsWith('Failed to load resource')), [])
})

test('a page that goes away leaves no stream behind', async t => {
  await server.kill()
  await server.start()
  const context = await browser.newContext()
  t.after(() => context.close())
  const { page } = await visit(context, `http://127.0.0.1:${front.address().port}/`)
  await page.waitForFunction(() => globalThis.isReady, undefined, { polling: 20 })
  await page.evaluate(async () => {
    const connection = statusbus.connect(location.origin)
    connection.subscribe('*', () => {})
    await new Promise(resolve => connection.on('open', resolve))
  })
  const [cable] = cables
  assert.ok(cable)
  await Promise.all([once(cable, 'close'), page.goto('about:blank')])
  assert.equal(cables.size, 0)
})
