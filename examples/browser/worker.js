// Says a hundred thousand things a second. With batches a bus stands here, in the worker: what is out of
// date by the time the page can look at it never crosses over.
import { work } from './load.js'
import { createStatusBus } from './statusbus.js'

let stop = () => {}

onmessage = ({ data: { mode, rate } }) => {
  stop()
  stop = { batched, single, off: () => () => {} }[mode](rate)
}

function batched(rate) {
  // More than there are jobs: a batch goes when it is full, and here it should wait for newer values.
  const bus = createStatusBus({ batchSize: 300, queueLimit: 500, flushInterval: 50, retain: 0, categories: { info: { priority: 'low' } } })
  bus.subscribe('*', ({ updates, gaps }) => {
    postMessage({ updates: updates.map(({ conversation, category, text }) => ({ conversation, category, text })), gaps, ledger: bus.ledger() })
  })
  const end = work(rate, (conversation, category, text, extra) => bus.send({ conversation, category, text, ...extra }))
  return () => {
    end()
    void bus.close()
  }
}

function single(rate) {
  let sent = 0
  return work(rate, (conversation, category, text) => postMessage({ updates: [{ conversation, category, text }], gaps: [], ledger: { sent: ++sent } }))
}
