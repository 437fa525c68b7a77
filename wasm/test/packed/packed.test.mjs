// The package as a stranger gets it: packed, installed into fresh projects of each kind, built with their
// tools, and run.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { launch, visit } from '../browser/site.mjs'

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

/** What a page in this folder shows. */
async function shown(t, folder) {
  const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.html': 'text/html', '.wasm': 'application/wasm' }
  const server = createServer(({ url }, response) => {
    const file = join(folder, url === '/' ? 'index.html' : url)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain' }).end(readFileSync(file))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const context = await browser.newContext()
  t.after(async () => {
    await context.close()
    server.close()
  })
  const { page, errors } = await visit(context, `http://127.0.0.1:${server.address().port}/`)
  await page.waitForFunction(() => globalThis.result !== undefined, undefined, { polling: 20 }).catch(error => assert.fail(`${error} ${errors}`))
  assert.deepEqual(errors, [])
  return page.evaluate(() => globalThis.result)
}

test('Node, import', async () => assert.deepEqual(await printed('node', ['use.mjs'], project({ 'use.mjs': PRINT })), RESULT))

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
  const port = 20_000 + (process.pid % 20_000)
  writeFileSync(join(folder, 'out/config.capnp'), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (compatibilityDate = "2025-05-01", modules = [
    (name = "worker.js", esModule = embed "worker.js"), (name = "${wasm}", wasm = embed "${wasm}")]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]);`)
  const server = spawn(bin('workerd'), ['serve', 'config.capnp'], { cwd: join(folder, 'out'), stdio: ['ignore', 'inherit', 'inherit'] })
  t.after(() => server.kill())
  let answer
  for (let i = 0; i < 100 && answer === undefined; i++) {
    answer = await fetch(`http://127.0.0.1:${port}/`).then(response => response.json()).catch(() => new Promise(resolve => setTimeout(resolve, 100)))
  }
  const { said, ...result } = answer
  assert.deepEqual(result, RESULT)
  assert.deepEqual(said, ['at the top of the module', 'in a request'])
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
