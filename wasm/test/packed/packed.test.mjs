// The package as a stranger gets it: packed, installed into fresh projects of each kind, built with their
// tools, and run.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { launch, TRACES, visit } from '../browser/site.mjs'

const run = promisify(execFile)
const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = name => join(here, 'node_modules/.bin', name)
let work
let tarball
let browser

before(async () => {
  if (!existsSync(bin('vite'))) await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here })
  work = mkdtempSync(join(tmpdir(), 'statusbus-packed-'))
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', work], { cwd: root })
  tarball = join(work, /"filename": "([^"]+)"/.exec(stdout)[1])
  mkdirSync(join(work, 'fresh'))
  writeFileSync(join(work, 'fresh/package.json'), '{ "private": true, "type": "module" }')
  await run('npm', ['install', '--no-audit', '--no-fund', '--offline', tarball], { cwd: join(work, 'fresh') })
  browser = await launch()
})
after(async () => {
  await browser?.close()
  rmSync(work, { recursive: true, force: true })
})

const USE = `
const bus = createStatusBus()
const texts = []
bus.subscribe('conv-42', batch => void texts.push(...batch.updates.map(update => update.text)))
bus.tool('conv-42', 'searching')
bus.progress('conv-42', '41 %', { key: 'download-3' })
bus.progress('conv-42', '42 %', { key: 'download-3' })
const ledger = bus.close()
`
const MODULE = `import { createStatusBus } from 'statusbus'\n${USE}`
const PRINT = `${MODULE}\nconst { delivered, coalesced } = await ledger\nconsole.log(JSON.stringify({ texts, delivered, coalesced }))\n`
const SHOW = `${MODULE}\nledger.then(({ delivered, coalesced }) => (globalThis.result = { texts, delivered, coalesced }))\n`
const RESULT = { texts: ['searching', '42 %'], delivered: 2, coalesced: 1 }

/** A fresh project with these files. */
function project(files) {
  const folder = mkdtempSync(join(work, 'project-'))
  cpSync(join(work, 'fresh'), folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

const printed = async (program, args, cwd) => JSON.parse((await run(program, args, { cwd, env: { ...process.env, NO_COLOR: '1' } })).stdout)

/** A server of files. Answers where it is. */
async function serveFolder(t, folder) {
  const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.html': 'text/html', '.wasm': 'application/wasm' }
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const file = join(folder, pathname === '/' ? 'index.html' : pathname)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain' }).end(readFileSync(file))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${server.address().port}`
}

/** What a page in this folder shows. */
async function shown(t, folder) {
  const url = await serveFolder(t, folder)
  const context = await browser.newContext()
  t.after(() => context.close())
  const { page, errors } = await visit(context, `${url}/`)
  await page.waitForFunction(() => globalThis.result !== undefined, undefined, { polling: 20 }).catch(error => assert.fail(`${error} ${errors}`))
  assert.deepEqual(errors, [])
  return page.evaluate(() => globalThis.result)
}

test('Node, import', async () => assert.deepEqual(await printed('node', ['use.mjs'], project({ 'use.mjs': PRINT })), RESULT))

test('the ten lines of the README do what they say', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, code] = /```js\n(import \{ createStatusBus \} from 'statusbus'[^]*?)```/.exec(readme)
  const [, expected] = /\/\/ (\d+ \d+ \d+)\n$/.exec(code)
  const { stdout } = await run('node', ['use.mjs'], { cwd: project({ 'use.mjs': code }) })
  assert.deepEqual(stdout.trim().split('\n'), ['searching', '42 %', 'done', expected])
})

test('Node, require', async () => {
  const code = `const { createStatusBus } = require('statusbus')\n${USE}\nledger.then(({ delivered, coalesced }) => console.log(JSON.stringify({ texts, delivered, coalesced })))`
  assert.deepEqual(await printed('node', ['use.cjs'], project({ 'use.cjs': code })), RESULT)
})

test('Node, the slim entry with the file of the core, and the core as JavaScript', async () => {
  const code = `import { readFileSync } from 'node:fs'
import { createStatusBus as create, loadCore } from 'statusbus/slim'
import { core } from 'statusbus/without-wasm'
const bytes = readFileSync(new URL(import.meta.resolve('statusbus/core.wasm')))
const results = []
for (const loaded of [loadCore(bytes), core()]) {
  const createStatusBus = () => create({ core: loaded })
  ${USE}
  const { delivered, coalesced } = await ledger
  results.push({ texts, delivered, coalesced })
}
console.log(JSON.stringify(results))`
  assert.deepEqual(await printed('node', ['use.mjs'], project({ 'use.mjs': code })), [RESULT, RESULT])
})

test('Deno', async () => assert.deepEqual(await printed(bin('deno'), ['run', '--no-remote', '--node-modules-dir=manual', 'use.mjs'], project({ 'use.mjs': PRINT })), RESULT))

test('Bun', async () => assert.deepEqual(await printed(bin('bun'), ['use.mjs'], project({ 'use.mjs': PRINT })), RESULT))

/** A project that replays the conformance traces. */
const replaying = files => project({
  'replay.mjs': readFileSync(join(root, 'test/replay.mjs'), 'utf8'),
  'traces.mjs': `export default ${JSON.stringify(TRACES)}`,
  'all.mjs': `import { createStatusBus } from 'statusbus'
import { replay } from './replay.mjs'
import traces from './traces.mjs'
export const all = () => {
  const replayed = traces.map(({ name, text }) => ({ name, difference: replay(text, createStatusBus) })).filter(({ difference }) => difference !== undefined)
  return { enough: replayed.length >= 49, failed: replayed.filter(({ difference }) => difference !== null) }
}`,
  'use.mjs': "import { all } from './all.mjs'\nconsole.log(JSON.stringify(all()))",
  ...files,
})
const SAME = { enough: true, failed: [] }

for (const [name, args] of [['deno', ['run', '--no-remote', '--node-modules-dir=manual']], ['bun', []]]) {
  test(`the traces in ${name}`, async () => assert.deepEqual(await printed(bin(name), [...args, 'use.mjs'], replaying({})), SAME))
}

test('a page without a build step', async t => {
  const html = `<!doctype html><script type=importmap>{"imports":{"statusbus":"/node_modules/statusbus/dist/index.js"}}</script><script type=module>${SHOW}</script>`
  assert.deepEqual(await shown(t, project({ 'index.html': html })), RESULT)
})

test('Vite', async t => {
  const folder = project({ 'index.html': '<!doctype html><script type=module src=/main.js></script>', 'main.js': SHOW })
  await run(bin('vite'), ['build', '--logLevel', 'error'], { cwd: folder })
  assert.deepEqual(await shown(t, join(folder, 'dist')), RESULT)
})

test('webpack', async t => {
  const config = `module.exports = { mode: 'production', entry: './main.js', output: { path: __dirname + '/out', filename: 'main.js' } }`
  const folder = project({ 'main.js': SHOW, 'webpack.config.cjs': config })
  const build = `const webpack = require(${JSON.stringify(join(here, 'node_modules/webpack'))}); webpack(require('./webpack.config.cjs'), (error, stats) => { if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exit(1) } })`
  writeFileSync(join(folder, 'build.cjs'), build)
  await run('node', ['build.cjs'], { cwd: folder })
  writeFileSync(join(folder, 'out/index.html'), '<!doctype html><script src=/main.js></script>')
  assert.deepEqual(await shown(t, join(folder, 'out')), RESULT)
})

test('esbuild', async t => {
  const folder = project({ 'main.js': SHOW })
  await run(bin('esbuild'), ['main.js', '--bundle', '--minify', '--splitting', '--format=esm', '--outdir=out'], { cwd: folder })
  writeFileSync(join(folder, 'out/index.html'), '<!doctype html><script type=module src=/main.js></script>')
  assert.deepEqual(await shown(t, join(folder, 'out')), RESULT)
})

/** Runs a worker and answers where it is. */
async function serveWorker(t, folder, config) {
  const { port } = await new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(address))
    })
  })
  writeFileSync(join(folder, 'config.capnp'), config.replace(':8787', `:${port}`))
  // the program itself: its wrapper would leave it behind
  const { default: program } = createRequire(join(here, 'package.json'))('workerd')
  const server = spawn(program, ['serve', 'config.capnp'], { cwd: folder, stdio: 'ignore' })
  // asked to end it would wait for open streams
  t.after(() => server.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 200; i++) {
    if (await fetch(url).then(() => true, () => false)) return url
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  assert.fail('workerd does not answer')
}

test('workerd', async t => {
  const code = `import { createStatusBus } from 'statusbus'
const shared = createStatusBus()
const said = []
shared.subscribe('*', batch => void said.push(...batch.updates.map(update => update.text)))
shared.tool(null, 'at the top of the module')
export default {
  async fetch(request, env, context) {
    ${USE}
    shared.tool(null, 'in a request')
    context.waitUntil(shared.flush())
    const { delivered, coalesced } = await ledger
    return Response.json({ texts, delivered, coalesced, said })
  },
}`
  const folder = project({ 'worker.js': code })
  await run(bin('esbuild'), ['worker.js', '--bundle', '--format=esm', '--conditions=workerd', '--loader:.wasm=copy', '--outdir=out'], { cwd: folder })
  const wasm = readdirSync(join(folder, 'out')).find(name => name.endsWith('.wasm'))
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (compatibilityDate = "2025-05-01", modules = [
    (name = "worker.js", esModule = embed "out/worker.js"), (name = "${wasm}", wasm = embed "out/${wasm}")]))],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "main")]);`
  const url = await serveWorker(t, folder, config)
  const answer = await (await fetch(url)).json()
  const { said, ...result } = answer
  assert.deepEqual(result, RESULT)
  assert.deepEqual([...new Set(said)], ['at the top of the module', 'in a request'])
})

test('the traces in workerd', async t => {
  const folder = replaying({ 'worker.js': "import { all } from './all.mjs'\nexport default { fetch: () => Response.json(all()) }" })
  await run(bin('esbuild'), ['worker.js', '--bundle', '--format=esm', '--conditions=workerd', '--loader:.wasm=copy', '--asset-names=[name]', '--outdir=out'], { cwd: folder })
  const url = await serveWorker(t, folder, `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (compatibilityDate = "2025-05-01", modules = [
    (name = "worker.js", esModule = embed "out/worker.js"), (name = "core.wasm", wasm = embed "out/core.wasm")]))],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "main")]);`)
  assert.deepEqual(await (await fetch(url)).json(), SAME)
})

const examples = join(root, '../examples')

test('examples/worker: a job on the edge, its statuses in batches as server-sent events', async t => {
  const folder = project({})
  for (const name of ['worker.js']) cpSync(join(examples, 'worker', name), join(folder, name))
  const build = JSON.parse(readFileSync(join(examples, 'worker/package.json'), 'utf8')).scripts.build.split(' ')
  await run(bin('esbuild'), build.slice(1), { cwd: folder })
  const url = await serveWorker(t, folder, readFileSync(join(examples, 'worker/config.capnp'), 'utf8'))
  const watch = async () => {
    const events = []
    const { body } = await fetch(`${url}/v1/status/conv-42/events`)
    let text = ''
    for await (const part of body.pipeThrough(new TextDecoderStream())) {
      text += part
      if (text.includes('"done"')) break
    }
    for (const block of text.split('\n\n')) {
      const [, name, data] = /^event: (\w+)\n(?:id: .*\n)?data: (.*)$/.exec(block) ?? []
      if (name !== undefined) events.push({ name, data: JSON.parse(data) })
    }
    return events
  }
  const early = watch()
  assert.equal((await fetch(`${url}/run/conv-42`, { method: 'POST' })).status, 202)
  const events = await early
  const updates = events.filter(({ name }) => name === 'status').flatMap(({ data }) => data)
  assert.equal(events[0].name, 'ready')
  assert.equal(updates[0].text, 'started')
  assert.deepEqual([updates.at(-1).text, updates.at(-1).priority], ['done', 'high'])
  assert.ok(updates.length < 200, `${updates.length} of 2002`)
  const percent = updates.filter(({ category }) => category === 'progress').map(({ text }) => parseFloat(text))
  assert.ok(percent.length > 1 && percent.every((value, index) => index === 0 || value > percent[index - 1]), `${percent}`)
  assert.equal(percent.at(-1), 100)
  const late = (await watch()).filter(({ name }) => name === 'status').flatMap(({ data }) => data)
  assert.deepEqual(late.map(({ text }) => text).sort(), ['100 %', 'done', 'started'])
})

async function looksAlive(t, url) {
  const context = await browser.newContext({ viewport: { width: 1_200, height: 700 } })
  t.after(() => context.close())
  const { page, errors } = await visit(context, url)
  await page.waitForFunction(() => globalThis.history_?.batched?.length >= 3, undefined, { polling: 100 })
  const last = (await page.evaluate(() => globalThis.history_.batched)).at(-1)
  assert.ok(last.merged > 0 && last.lost > 0 && last.received > 0 && last.messages < last.received, JSON.stringify(last))
  assert.deepEqual(errors, [])
  t.diagnostic(JSON.stringify(last))
}

test('examples/browser without a build step', async t => {
  const served = await serveFolder(t, join(root, '..'))
  await looksAlive(t, `${served}/examples/browser/index.html`)
})

test('examples/browser with Vite', async t => {
  const folder = project({})
  for (const name of readdirSync(join(examples, 'browser'))) if (/\.(js|html)$/.test(name)) cpSync(join(examples, 'browser', name), join(folder, name))
  writeFileSync(join(folder, 'vite.config.js'), readFileSync(join(examples, 'browser/vite.config.js'), 'utf8').replace("import { defineConfig } from 'vite'", 'const defineConfig = config => config'))
  await run(bin('vite'), ['build', '--logLevel', 'error'], { cwd: folder })
  await looksAlive(t, `${await serveFolder(t, join(folder, 'dist'))}/`)
})

for (const [kind, options] of [['nodenext', { module: 'nodenext' }], ['bundler', { module: 'esnext', moduleResolution: 'bundler' }]]) {
  test(`types, resolved as ${kind}`, async () => {
    const code = `import { createStatusBus, type StatusUpdate } from 'statusbus'\nimport { loadCore } from 'statusbus/slim'\nimport { core } from 'statusbus/without-wasm'\nconst bus = createStatusBus()\nbus.subscribe('*', ({ updates }) => { const first: StatusUpdate | undefined = updates[0]; void first })\nvoid [loadCore, core]\n`
    const files = { 'use.ts': code }
    if (kind === 'nodenext') files['require.cts'] = `import statusbus = require('statusbus')\nconst bus: statusbus.StatusBus = statusbus.createStatusBus()\nvoid bus\n`
    const config = { compilerOptions: { ...options, target: 'es2022', strict: true, noEmit: true, lib: ['es2023', 'esnext.disposable', 'dom'], types: [] }, files: Object.keys(files) }
    const folder = project({ ...files, 'tsconfig.json': JSON.stringify(config) })
    await run(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: folder }).catch(error => assert.fail(error.stdout))
  })
}

test('publint and attw have nothing to say', async () => {
  await run(bin('publint'), [tarball, '--strict'], { cwd: work }).catch(error => assert.fail(error.stdout + error.stderr))
  const exclude = ['--exclude-entrypoints', './core.wasm', './package.json']
  // the two entries are modules only: `require` of them is an error, as it says
  await run(bin('attw'), [tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', ...exclude], { cwd: work }).catch(error => assert.fail(error.stdout + error.stderr))
})
