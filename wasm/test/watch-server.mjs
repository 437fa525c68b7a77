// The real server: `watch serve`, to be started, killed and started again at the same port.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const watch = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target', 'debug/watch')

export class WatchServer {
  #process

  /** Builds it, if need be, and finds a port. */
  static async build() {
    execFileSync('cargo', ['build', '--quiet', '--locked', '-p', 'watch'], { cwd: root, stdio: 'inherit' })
    const server = new WatchServer()
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    server.port = free.address().port
    free.close()
    await once(free, 'close')
    server.url = `http://127.0.0.1:${server.port}`
    return server
  }

  async start(...options) {
    this.#process = spawn(watch, ['serve', '--plain', '--listen', `127.0.0.1:${this.port}`, ...options], { stdio: ['ignore', 'ignore', 'pipe'] })
    for await (const line of createInterface({ input: this.#process.stderr })) if (line.includes('serving at')) return
    throw new Error('watch serve does not start')
  }

  async kill(signal = 'SIGKILL') {
    const running = this.#process
    this.#process = undefined
    if (running === undefined) return
    const ended = once(running, 'exit')
    running.kill(signal)
    await ended
  }

  async publish(updates, headers = {}) {
    const answer = await fetch(`${this.url}/v1/status`, { method: 'POST', body: JSON.stringify(updates), headers })
    const { refused } = await answer.json()
    if (answer.status !== 202 || refused.length > 0) throw new Error(`${answer.status} ${JSON.stringify(refused)}`)
  }
}
