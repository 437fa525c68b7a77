// The core as text: what is read is what was written.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { written } from '../build/printable.mjs'
import wasm from '../dist/generated/wasm.js'
import { bytesOf } from '../dist/printable.js'

test('every byte comes back, wherever the first page begins', () => {
  const bytes = Uint8Array.from({ length: 512 }, (_, index) => (index * 7) % 256)
  for (let first = 0; first < 256; first++) {
    const text = written(bytes, first)
    assert.match(text, /^[#-[\]-~]+$/)
    assert.deepEqual(bytesOf(text, first), bytes)
  }
})

test('the package carries the core that lies beside it', () => {
  assert.deepEqual(Buffer.from(bytesOf(...wasm)), readFileSync(new URL('../dist/core.wasm', import.meta.url)))
})
