import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createElement as h, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { createStatusBus } from 'statusbus'
import { useStatus } from 'statusbus/react'
import { manual } from './support.mjs'

function Job({ source, selector = 'conv-1', options }) {
  const { standing, latest, recent, missed } = useStatus(source, selector, options)
  return h('p', null, `${standing.length} ${latest?.text ?? 'nothing'} ${recent.length} ${missed}`)
}
const rendered = props => renderToString(h(StrictMode, null, h(Job, props)))

test('on a server there is nothing, nobody subscribes, and nothing has to be there', async () => {
  const { bus } = manual()
  bus.tool('conv-1', 'searching')
  await bus.flush()
  const subscribe = bus.subscribe
  bus.subscribe = () => assert.fail('on a server nothing comes later')
  assert.equal(rendered({ source: bus }), '<p>0 nothing 0 0</p>')
  assert.equal(rendered({ source: null }), '<p>0 nothing 0 0</p>')
  assert.equal(rendered({ source: undefined, selector: { conversation: null, categories: ['tool'] } }), '<p>0 nothing 0 0</p>')
  bus.subscribe = subscribe
  await bus.close()
})

test('what cannot be meant is told when it is rendered', async () => {
  const bus = createStatusBus()
  assert.throws(() => rendered({ source: bus, options: { recent: -1 } }), { name: 'RangeError', message: /recent is -1/ })
  assert.throws(() => rendered({ source: bus, options: { most: 'all' } }), { name: 'TypeError', message: /most is 'all'/ })
  await bus.close()
})
