// What can be the name of a conversation: the table that every implementation is held to, the core's own
// and the API description of the server among them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { connect } from 'statusbus/connect'
import { manual } from './support.mjs'

const read = path => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const unescaped = text => text.replace(/\\u\{([0-9a-f]+)\}/g, (_, number) => String.fromCodePoint(Number.parseInt(number, 16)))
const names = [...read('tests/conformance/names.txt').matchAll(/^(\w+) "(.*)"$/gm)].map(([, verdict, name]) => ({ verdict, name: unescaped(name) }))

test('names: a bus agrees with the core', () => {
  assert.ok(names.length > 100, `${names.length} names`)
  const { bus } = manual()
  for (const { verdict, name } of names) {
    const { outcome, reason } = bus.tool(name, 'a')
    assert.deepEqual([outcome, reason], verdict === 'ok' ? ['queued', null] : ['refused', 'invalid'], JSON.stringify(name))
  }
})

test('names: subscriptions agree with the core, here and at a server', () => {
  const { bus } = manual()
  const server = connect('http://127.0.0.1:1', { fetch: () => new Promise(() => {}) })
  for (const { verdict, name } of names) {
    for (const here of [bus, server]) {
      const subscribe = () => here.subscribe({ conversation: name }, () => {})()
      if (verdict === 'ok') subscribe()
      else assert.throws(subscribe, { name: 'RangeError', message: /its name has 1 to 128 bytes, a visible one among them/ }, JSON.stringify(name))
    }
  }
  server.close()
})

test('names: lone halves of surrogate pairs are refused', () => {
  const { bus } = manual()
  for (const name of ['\ud800', 'a\udc00']) assert.equal(bus.tool(name, 'a').reason, 'invalid')
})

test('names: the API description of the server agrees with the core', () => {
  const { pattern, not, minLength } = JSON.parse(read('adapters/axum/api/openapi.json')).components.schemas.Conversation
  // A schema cannot count bytes, and it leaves invisible names to its description.
  for (const { verdict, name } of names.filter(({ verdict }) => verdict !== 'too_long' && verdict !== 'invisible'))
    assert.equal(name.length >= minLength && new RegExp(pattern, 'u').test(name) && !not.enum.includes(name), verdict === 'ok', JSON.stringify(name))
})
