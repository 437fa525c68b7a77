import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, site, visit } from './site.mjs'

const MODULE = "<script type=module>import * as statusbus from '/dist/index.js'; globalThis.statusbus = statusbus; globalThis.isReady = true</script>"
let browser
let served
before(async () => {
  served = await site({
    '/': { body: MODULE },
    '/strict': { body: '<script type=module src=/test/browser/strict.js></script>', headers: { 'content-security-policy': "default-src 'none'; script-src 'self'; connect-src 'self'" } },
    '/allowed': { body: '<script type=module src=/test/browser/strict.js></script>', headers: { 'content-security-policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" } },
    // what older browsers say on the page itself, and not in workers
    '/older': { body: '<script>const { Module } = WebAssembly; WebAssembly.Module = function (bytes) { if (bytes.length > 4096) throw new RangeError("larger than 4KB"); return new Module(bytes) }</script><script type=module src=/test/browser/strict.js></script>' },
    '/away': { body: 'away' },
  })
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await served?.close()
})

async function open(t, path = '/') {
  const context = await browser.newContext()
  t.after(() => context.close())
  const { page, errors } = await visit(context, served.url + path)
  await page.waitForFunction(() => globalThis.isReady, undefined, { polling: 20 })
  return { context, page, errors }
}

const replayAll = async where => {
  const { createStatusBus } = await import('/dist/index.js')
  const { replay } = await import('/test/replay.mjs')
  const traces = await (await fetch('/traces.json')).json()
  const replayed = traces.map(({ name, text }) => ({ name, difference: replay(text, createStatusBus) })).filter(({ difference }) => difference !== undefined)
  return { where: typeof document === 'object' ? 'page' : 'worker', count: replayed.length, failed: replayed.filter(({ difference }) => difference !== null) }
}

test('the traces in a page: byte for byte what the host does', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(replayAll)
  assert.ok(result.count >= 49)
  assert.deepEqual([result.where, result.failed, errors], ['page', [], []])
})

test('the traces in a worker', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(source => {
    const code = `(${source})().then(result => postMessage(result), error => postMessage({ error: String(error) }))`
    const base = code.replaceAll("import('/", `import('${location.origin}/`).replaceAll("fetch('/", `fetch('${location.origin}/`)
    const worker = new Worker(URL.createObjectURL(new Blob([base], { type: 'text/javascript' })), { type: 'module' })
    return new Promise(resolve => (worker.onmessage = ({ data }) => resolve(data)))
  }, replayAll.toString())
  assert.ok(result.count >= 49, JSON.stringify(result))
  assert.deepEqual([result.where, result.failed, errors], ['worker', [], []])
})

for (const [path, forbidden] of [['/strict', true], ['/allowed', false]]) {
  test(`a content security policy that ${forbidden ? 'forbids' : 'allows'} WebAssembly: the bus works, what was sent first is kept`, async t => {
    const { page } = await open(t, path)
    const result = await page.evaluate(() => globalThis.result)
    assert.deepEqual(result.texts, ['a', 'b', 'c'])
    assert.deepEqual([result.sent, result.delivered, result.compiles], [3, 3, !forbidden])
    assert.equal(result.failed.length, 0)
  })
}

test('a browser that compiles only small modules at once: what was sent first is kept', async t => {
  const { page } = await open(t, '/older')
  const result = await page.evaluate(async () => {
    const { createStatusBus } = await import('/dist/index.js')
    const later = createStatusBus()
    later.tool('c', 'a')
    return { first: globalThis.result, isReadyAtOnce: later.ledger().sent === 1 && (await later.close()).delivered === 1, translated: performance.getEntriesByType('resource').some(({ name }) => name.includes('translated')) }
  })
  assert.deepEqual([result.first.texts, result.first.delivered, result.first.failed, result.isReadyAtOnce, result.translated], [['a', 'b', 'c'], 3, [], true, false])
})

test('idle there is no timer; a page that is hidden or frozen hands on first', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(async () => {
    const set = window.setTimeout
    let timers = 0
    window.setTimeout = (...args) => (timers++, set(...args))
    const bus = statusbus.createStatusBus({ flushInterval: 60_000 })
    const texts = []
    bus.subscribe('*', batch => texts.push(...batch.updates.map(update => update.text)))
    const turn = () => new Promise(resolve => set(resolve, 20))
    await turn()
    const idle = timers
    bus.tool('c', 'first')
    await turn()
    const steps = [[...texts]]
    const hide = (name, target, state) => {
      if (state) Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
      target.dispatchEvent(new Event(name))
      steps.push([...texts])
    }
    bus.tool('c', 'a')
    hide('visibilitychange', document, 'visible')
    hide('visibilitychange', document, 'hidden')
    bus.tool('c', 'b')
    hide('pagehide', window)
    bus.tool('c', 'd')
    hide('freeze', document)
    const busy = timers
    await turn()
    await bus.close()
    return { idle, steps, isOneTimer: busy <= 3 }
  })
  assert.deepEqual(result, { idle: 0, steps: [['first'], ['first'], ['first', 'a'], ['first', 'a', 'b'], ['first', 'a', 'b', 'd']], isOneTimer: true })
  assert.deepEqual(errors, [])
})

test('leaving the page: the beacon arrives, priority high first', async t => {
  const { page } = await open(t)
  await page.evaluate(() => {
    const bus = statusbus.createStatusBus({ flushInterval: 60_000, leading: false })
    bus.subscribe('*', statusbus.beacon('/v1/status'))
    bus.tool('c', 'on the way')
    bus.info('c', 'done', { priority: 'high' })
  })
  served.posted.length = 0
  await page.goto(`${served.url}/away`)
  for (let i = 0; i < 200 && served.posted.length === 0; i++) await new Promise(resolve => setTimeout(resolve, 10))
  assert.deepEqual(served.posted.map(({ path, type, body }) => [path, type, JSON.parse(body).map(update => update.text)]), [['/v1/status', 'application/json', ['done', 'on the way']]])
})

test('two tabs and a worker share a bus', async t => {
  const { context, page, errors } = await open(t)
  const other = await visit(context, served.url)
  await other.page.waitForFunction(() => globalThis.isReady, undefined, { polling: 20 })
  const start = async () => {
    globalThis.bus = statusbus.createStatusBus()
    globalThis.got = []
    bus.subscribe('*', batch => got.push(...batch.updates.map(update => `${update.text}${update.origin === null ? '' : ' from elsewhere'}`)))
    statusbus.share(bus, 'tabs')
  }
  await page.evaluate(start)
  await other.page.evaluate(start)
  await page.evaluate(() => {
    const code = `import('${location.origin}/dist/index.js').then(({ createStatusBus, share }) => {
      const bus = createStatusBus(); share(bus, 'tabs'); bus.info('c', 'worker says')
    })`
    globalThis.worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), { type: 'module' })
  })
  await page.waitForFunction(() => got.includes('worker says from elsewhere'), undefined, { polling: 20 })
  await other.page.waitForFunction(() => got.includes('worker says from elsewhere'), undefined, { polling: 20 })
  await page.evaluate(() => void Array.from({ length: 300 }, (_, i) => bus.tool('c', String(i))))
  await other.page.waitForFunction(() => got.filter(text => / from/.test(text)).length >= 301, undefined, { polling: 20 })
  const got = await other.page.evaluate(() => globalThis.got.filter(text => /^\d+ from/.test(text)).map(text => parseInt(text, 10)))
  assert.deepEqual(got, Array.from({ length: 300 }, (_, i) => i))
  assert.deepEqual([errors, other.errors], [[], []])
})
