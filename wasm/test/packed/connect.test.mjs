// Reading a server, in each of the places where the package runs.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { WatchServer } from '../watch-server.mjs'

const run = promisify(execFile)
const here = fileURLToPath(new URL('.', import.meta.url))
const entry = fileURLToPath(new URL('../../dist/connect.js', import.meta.url))
const bin = name => join(here, 'node_modules/.bin', name)
let work
let server

before(async () => {
  if (!existsSync(bin('deno'))) await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here })
  work = mkdtempSync(join(tmpdir(), 'statusbus-connect-'))
  server = await WatchServer.build()
  await server.start()
  await server.publish({ conversation: 'conv-42', category: 'tool', text: 'searching' })
  const read = `
export async function read() {
  const server = connect('${server.url}')
  const texts = []
  for await (const batch of server.subscribe('conv-42')) {
    texts.push(...batch.updates.map(update => update.text))
    if (texts.length > 0) break
  }
  await server.close()
  return texts
}`
  await run(bin('esbuild'), [entry, '--bundle', '--format=esm', `--outfile=${join(work, 'connect.js')}`])
  writeFileSync(join(work, 'read.mjs'), `import { connect } from './connect.js'\n${read}\n`)
  writeFileSync(join(work, 'print.mjs'), "import { read } from './read.mjs'\nconsole.log(JSON.stringify(await read()))\n")
  writeFileSync(join(work, 'worker.mjs'), "import { read } from './read.mjs'\nexport default { fetch: async () => Response.json(await read()) }\n")
})
after(async () => {
  await server?.kill()
  rmSync(work, { recursive: true, force: true })
})

const printed = async (program, args) => JSON.parse((await run(program, args, { cwd: work, env: { ...process.env, NO_COLOR: '1' } })).stdout)

test('Node', async () => assert.deepEqual(await printed(process.execPath, ['print.mjs']), ['searching']))

test('Deno', async () => assert.deepEqual(await printed(bin('deno'), ['run', '--no-remote', '--allow-net', 'print.mjs']), ['searching']))

test('Bun', async () => assert.deepEqual(await printed(bin('bun'), ['print.mjs']), ['searching']))

test('workerd, with a compatibility date that knows fewer options of fetch', async t => {
  const free = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => free.once('listening', resolve))
  const { port } = free.address()
  await new Promise(resolve => free.close(resolve))
  const modules = ['worker.mjs', 'read.mjs', 'connect.js'].map(name => `(name = "${name}", esModule = embed "${name}")`)
  writeFileSync(join(work, 'config.capnp'), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (compatibilityDate = "2024-01-01", modules = [${modules.join(', ')}])),
    (name = "internet", network = (allow = ["local"]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]);`)
  const worker = spawn(bin('workerd'), ['serve', 'config.capnp'], { cwd: work, stdio: ['ignore', 'inherit', 'inherit'] })
  t.after(() => worker.kill())
  let answer
  for (let i = 0; i < 100 && answer === undefined; i++) {
    answer = await fetch(`http://127.0.0.1:${port}/`).then(response => response.json()).catch(() => new Promise(resolve => setTimeout(resolve, 100)))
  }
  assert.deepEqual(answer, ['searching'])
})
