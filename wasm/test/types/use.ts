// What has to compile, and what must not.
import { beacon, type Batch, createStatusBus, type FinalLedger, type Gap, type Ledger, loadCore, type Options, type Outcome, type Selector, share, type StatusBus, type StatusUpdate, type Subscription, type Undo } from 'statusbus'
import * as slim from 'statusbus/slim'
import { core } from 'statusbus/without-wasm'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_ extends true>(): void => {}

const options: Options = { queueLimit: 10, overflow: 'evict', categories: { deploy: { priority: 'high', ttl: null } } }
const bus: StatusBus = createStatusBus(options)
createStatusBus({ categories: ['deploy'], signal: new AbortController().signal })
const outcome = bus.tool('conv-1', 'searching', { key: 'k', priority: 'high', ttl: 5, metadata: { any: 'thing' } })
is<Same<typeof outcome, Outcome>>()
bus.tool(42, 'number')
bus.engine(null, 'system-wide')
bus.send({ category: 'deploy', text: 'own category' })
const undo = bus.subscribe({ conversation: null, categories: ['tool'] }, batch => {
  is<Same<typeof batch, Batch>>()
  is<Same<typeof batch.updates, readonly StatusUpdate[]>>()
  is<Same<typeof batch.gaps, readonly Gap[]>>()
})
is<Same<typeof undo, Undo>>()
bus.subscribe('*', async () => {})
bus.subscribe('*', beacon('/v1/status'), { retained: false })
const subscription = bus.subscribe('conv-1', { buffer: 5 })
is<Same<typeof subscription, Subscription>>()
async function read(): Promise<void> {
  for await (const batch of subscription) is<Same<typeof batch, Batch>>()
  await using other = createStatusBus()
  const final = await other.close({ timeout: 5 })
  is<Same<typeof final, FinalLedger>>()
}
const ledger = bus.ledger()
is<Same<typeof ledger, Ledger>>()
is<Same<typeof ledger.dropped.evicted, number>>()
bus.on('overflow', ({ phase, lost }) => void [phase satisfies 'started' | 'ongoing' | 'ended', lost satisfies number])
const next = bus.poll(5)
is<Same<typeof next, number | null>>()
const selector: Selector = '*'
share(bus, 'tabs', { missed: ({ batches }) => batches satisfies number })
slim.createStatusBus({ core: loadCore(fetch('core.wasm')) })
slim.createStatusBus({ core: core(), queueLimit: 5 })
void [read, selector]

// @ts-expect-error no such policy
createStatusBus({ overflow: 'block' })
// @ts-expect-error no such option
createStatusBus({ queueLimits: 5 })
// @ts-expect-error a text is missing
bus.tool('conv-1')
// @ts-expect-error no such priority
bus.send({ category: 'tool', text: '', priority: 'urgent' })
// @ts-expect-error a category is missing
bus.send({ text: '' })
// @ts-expect-error updates are not to be changed
bus.retained()[0]!.text = ''
// @ts-expect-error no such event
bus.on('gossip', () => {})
// @ts-expect-error the slim entry needs a core
slim.createStatusBus({})

import { connect, ConnectError, type Connection, type ConnectOptions } from 'statusbus/connect'
import * as main from 'statusbus'
import { type StatusSource, type StatusView, useStatus } from 'statusbus/react'

const connectOptions: ConnectOptions = { headers: async () => ({ authorization: 'Bearer x' }), streams: 'one', credentials: 'include' }
const connection: Connection = connect(new URL('https://status.example'), connectOptions)
connect('/', { headers: new Headers() })
is<Same<typeof main.connect, typeof connect>>()
const undone = connection.subscribe('conv-1', batch => is<Same<typeof batch, Batch>>(), { retained: false })
is<Same<typeof undone, Undo>>()
async function readServer(): Promise<void> {
  try {
    for await (const batch of connection.subscribe({ categories: ['tool'] }, { buffer: 5 })) is<Same<typeof batch, Batch>>()
  } catch (error) {
    if (error instanceof ConnectError) is<Same<typeof error.status, number>>()
  }
  await using other = connect('https://status.example')
  other.on('down', ({ error, retryIn }) => void [error satisfies unknown, retryIn satisfies number | null])
}
// a bus and a connection are read alike
const sources: StatusSource[] = [bus, connection]
const view = useStatus(sources[0], { conversation: 42 }, { recent: 5 })
is<Same<typeof view, StatusView>>()
useStatus(null, '*')
void [readServer, undone]

// @ts-expect-error no such option
connect('/', { retries: 5 })
// @ts-expect-error no such way
connect('/', { streams: true })
// @ts-expect-error no such event
connection.on('message', () => {})
// @ts-expect-error a view is not to be changed
view.standing.push()
// @ts-expect-error one can only read it
connection.send({ category: 'tool', text: '' })
