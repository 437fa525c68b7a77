import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'
import { launch, site, visit } from './site.mjs'

let browser
let served
before(async () => {
  const { outputFiles } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL('react-page.js', import.meta.url))], bundle: true, format: 'esm', write: false, outdir: 'out',
    define: { 'process.env.NODE_ENV': '"development"' }, logLevel: 'error',
  })
  const code = outputFiles[0].text.replaceAll('</script', '<\\/script')
  served = await site({ '/': { body: `<div id=root></div><script type=module>${code}</script>` } })
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await served?.close()
})

async function open(t) {
  const context = await browser.newContext()
  t.after(() => context.close())
  const { page, errors } = await visit(context, `${served.url}/`)
  await page.waitForFunction(() => globalThis.isReady, undefined, { polling: 20 })
  await page.evaluate(() => {
    /** A bus that counts its readers, and what a component shows of it. */
    globalThis.begin = options => {
      const bus = createStatusBus({ flushInterval: 1, ...options })
      const counts = { open: 0, ever: 0, renders: 0 }
      const { subscribe } = bus
      bus.subscribe = (...args) => {
        counts.open++
        counts.ever++
        const undo = subscribe.apply(bus, args)
        let isOpen = true
        return () => {
          if (isOpen) counts.open--
          isOpen = false
          undo()
        }
      }
      const Job = ({ source = bus, selector = 'conv-1', options }) => {
        counts.renders++
        const view = useStatus(source, selector, options)
        globalThis.views = [...(globalThis.views ?? []), view]
        return h('p', null, [view.standing.map(({ text }) => text).join(','), view.latest?.text ?? '-', view.recent.map(({ text }) => text).join(','), view.missed].join('|'))
      }
      return { bus, counts, Job, root: document.getElementById('root') }
    }
    globalThis.shown = () => document.getElementById('root').textContent
    globalThis.settled = () => new Promise(resolve => setTimeout(resolve, 30))
  })
  return { page, errors }
}

test('strict mode: one subscription at a time, each batch shown, none left behind', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(async () => {
    const { bus, counts, Job, root } = begin()
    bus.tool('conv-1', 'before')
    await bus.flush()
    const app = createRoot(root)
    flushSync(() => app.render(h(StrictMode, null, h(Job, { options: { recent: 2 } }))))
    const first = shown()
    await settled()
    bus.progress('conv-1', '41 %', { key: 'x' })
    bus.progress('conv-2', 'other')
    await bus.flush()
    await settled()
    const second = shown()
    bus.progress('conv-1', '42 %', { key: 'x' })
    bus.info('conv-1', 'done')
    await bus.flush()
    await settled()
    const third = shown()
    const open = counts.open
    flushSync(() => app.unmount())
    await settled()
    return { first, second, third, open, left: counts.open, ever: counts.ever }
  })
  assert.deepEqual(result, {
    first: 'before|before||0',
    second: 'before,41 %|41 %|41 %|0',
    third: 'before,42 %,done|done|42 %,done|0',
    open: 1,
    left: 0,
    ever: 2,
  })
  assert.deepEqual(errors, [])
})

test('a selector that is written anew is the same; another one, and another source, begin anew', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(async () => {
    const { bus, counts, Job, root } = begin()
    const other = createStatusBus()
    other.info('conv-1', 'from another bus')
    bus.tool('conv-1', 'tool')
    bus.info('conv-1', 'info')
    bus.info(null, 'system')
    await Promise.all([bus.flush(), other.flush()])
    const app = createRoot(root)
    const show = async props => {
      flushSync(() => app.render(h(Job, props)))
      await settled()
      return shown()
    }
    const told = []
    told.push(await show({ selector: { conversation: 'conv-1', categories: ['tool'] } }))
    const ever = counts.ever
    told.push(await show({ selector: { conversation: 'conv-1', categories: ['tool'] } }))
    const same = counts.ever === ever
    told.push(await show({ selector: { conversation: null } }))
    told.push(await show({ selector: {} }))
    told.push(await show({ selector: 'conv-1', source: other }))
    told.push(await show({ selector: 'conv-1', source: null }))
    const open = counts.open
    app.unmount()
    return { told, same, open }
  })
  assert.deepEqual(result, { told: ['tool|tool||0', 'tool|tool||0', 'system|system||0', 'tool,info,system|system||0', 'from another bus|from another bus||0', '|-||0'], same: true, open: 0 })
  assert.deepEqual(errors, [])
})

test('what was rendered on a server is hydrated without a difference, then shows what stands', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(async () => {
    const { bus, Job, root } = begin()
    bus.tool('conv-1', 'searching')
    await bus.flush()
    const element = h(StrictMode, null, h(Job))
    root.innerHTML = renderToString(element)
    const server = shown()
    const recovered = []
    const app = hydrateRoot(root, element, { onRecoverableError: error => recovered.push(String(error)) })
    await settled()
    await settled()
    const client = shown()
    app.unmount()
    return { server, client, recovered }
  })
  assert.deepEqual(result, { server: '|-||0', client: 'searching|searching||0', recovered: [] })
  assert.deepEqual(errors, [])
})

test('the view is the same object until something changes, gaps are counted, values are bounded', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(async () => {
    const { bus, Job, root } = begin({ queueLimit: 3, overflow: 'drop_newest', batchSize: 3 })
    const app = createRoot(root)
    let again
    const Parent = () => {
      const [, set] = useState(0)
      again = () => flushSync(() => set(n => n + 1))
      return h(Job, { options: { most: 2 } })
    }
    flushSync(() => app.render(h(Parent)))
    await settled()
    globalThis.views = []
    again()
    again()
    const same = new Set(globalThis.views).size
    for (let i = 0; i < 10; i++) bus.info('conv-1', `${i}`, { key: `${i}` })
    await bus.flush()
    await settled()
    const told = shown()
    bus.info('conv-1', 'next', { key: 'next' })
    await bus.flush()
    await settled()
    const after = shown()
    app.unmount()
    return { same, told, after }
  })
  assert.equal(result.same, 1)
  assert.equal(result.told, '1,2|2||7', 'the gap comes by itself')
  assert.equal(result.after, '2,next|next||7')
  assert.deepEqual(errors, [])
})

test('a component that is hidden reads nothing, and shows what stands when it is back', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(async () => {
    const { bus, counts, Job, root } = begin()
    const app = createRoot(root)
    const show = async mode => {
      flushSync(() => app.render(h(Activity, { mode }, h(Job))))
      await settled()
    }
    await show('visible')
    bus.info('conv-1', 'a', { key: 'x' })
    await bus.flush()
    await show('hidden')
    const hidden = counts.open
    bus.info('conv-1', 'b', { key: 'x' })
    await bus.flush()
    await show('visible')
    const back = shown()
    app.unmount()
    return { hidden, back, left: counts.open }
  })
  assert.deepEqual(result, { hidden: 0, back: 'b|b||0', left: 0 })
  assert.deepEqual(errors, [])
})

test('a connection in strict mode: one stream for all who show it, and none when nobody does', async t => {
  const { page, errors } = await open(t)
  const result = await page.evaluate(async () => {
    const streams = []
    const encoder = new TextEncoder()
    const send = (stream, text) => stream.controller.enqueue(encoder.encode(text))
    const connection = connect('https://status.example', {
      fetch: async (url, { signal }) => {
        const stream = { url, signal }
        streams.push(stream)
        const body = new ReadableStream({ start: controller => (stream.controller = controller) })
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
      },
    })
    const { Job, root } = begin()
    const app = createRoot(root)
    const jobs = ids => flushSync(() => app.render(h(StrictMode, null, ids.map(id => h(Job, { key: id, source: connection })))))
    jobs([1, 2])
    await settled()
    const opened = streams.length
    const update = (seq, text) => ({ seq, conversation: 'conv-1', category: 'tool', text, metadata: null, key: 'k', priority: 'normal', at: '2026-01-02T03:04:05Z' })
    send(streams[0], `event: ready\ndata: {"epoch":"00f1e2d3c4b5a697","recovered":false}\n\nevent: status\nid: 00f1e2d3c4b5a697-1\ndata: ${JSON.stringify([update(1, 'one')])}\n\n`)
    await settled()
    const first = shown()
    jobs([2, 3])
    const atOnce = shown()
    await settled()
    send(streams[0], `event: status\nid: 00f1e2d3c4b5a697-2\ndata: ${JSON.stringify([update(2, 'two')])}\n\n`)
    await settled()
    const second = shown()
    const isOpen = !streams[0].signal.aborted
    flushSync(() => app.unmount())
    await settled()
    return { opened, all: streams.length, first, atOnce, second, isOpen, isOver: streams[0].signal.aborted }
  })
  assert.deepEqual(result, {
    opened: 1, all: 1, isOpen: true, isOver: true,
    first: 'one|one||0'.repeat(2), atOnce: 'one|one||0'.repeat(2), second: 'two|two||0'.repeat(2),
  })
  assert.deepEqual(errors, [])
})
