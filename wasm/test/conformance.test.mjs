import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createStatusBus } from 'statusbus'
import * as slim from 'statusbus/slim'
import { core } from 'statusbus/without-wasm'
import { replay } from './replay.mjs'

const folder = new URL('../../tests/conformance/traces/', import.meta.url)
const traces = readdirSync(folder).filter(name => name.endsWith('.trace')).map(name => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }))

for (const [name, create] of [
  ['WebAssembly', createStatusBus],
  ['JavaScript', options => slim.createStatusBus({ ...options, core: core() })],
]) {
  test(`traces: the core as ${name} does what the host does`, async t => {
    const replayed = traces.map(({ name, text }) => ({ name, difference: replay(text, create) })).filter(({ difference }) => difference !== undefined)
    assert.ok(replayed.length >= 49, `${replayed.length} traces`)
    assert.deepEqual(replayed.filter(({ difference }) => difference !== null), [])
    t.diagnostic(`${replayed.length} traces`)
  })
}

test('traces: a difference is seen', () => {
  assert.match(replay('config queue_limit=2 batch_size=2\npush conv-1 tool "a"\n= merged\n', createStatusBus), /line 3: expected = merged, got = queued/)
})
