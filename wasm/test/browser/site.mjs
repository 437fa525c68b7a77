// A server with the package, the traces and pages, and a browser to look at them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('../..', import.meta.url))
const traces = join(root, '../tests/conformance/traces')
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.html': 'text/html', '.wasm': 'application/wasm', '.json': 'application/json' }

export const TRACES = readdirSync(traces).filter(name => name.endsWith('.trace')).map(name => ({ name, text: readFileSync(join(traces, name), 'utf8') }))

/** Pages by path: `{ body, headers }`. What is posted is kept. */
export async function site(pages = {}) {
  const posted = []
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    if (request.method === 'POST') {
      const parts = []
      for await (const part of request) parts.push(part)
      posted.push({ path: pathname, type: request.headers['content-type'], body: Buffer.concat(parts).toString() })
      return response.writeHead(202).end('{}')
    }
    const page = pages[pathname]
    if (page !== undefined) return response.writeHead(200, { 'content-type': 'text/html', ...page.headers }).end(`<!doctype html><meta charset=utf-8><title>test</title>${page.body}`)
    if (pathname === '/traces.json') return response.writeHead(200, { 'content-type': TYPES['.json'] }).end(JSON.stringify(TRACES))
    const file = join(root, pathname)
    const inside = ['dist', 'test', 'bench', 'node_modules', 'examples'].some(folder => file.startsWith(join(root, folder)))
    if (!inside || !existsSync(file) || extname(file) === '') return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}`
  return { url, posted, close: () => new Promise(resolve => server.close(resolve).closeAllConnections?.()) }
}

export function launch() {
  const executablePath = process.env.STATUSBUS_BROWSER || ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].map(name => `/usr/bin/${name}`).find(existsSync)
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
}

/** A page that has no errors to tell. */
export async function visit(context, url) {
  const page = await context.newPage()
  const errors = []
  page.on('pageerror', error => errors.push(String(error)))
  page.on('console', message => message.type() === 'error' && !message.text().includes('404') && errors.push(message.text()))
  await page.goto(url)
  return { page, errors }
}
