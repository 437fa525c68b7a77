import { Bus } from './bus.js'
import type { Batch, StatusBus, StatusUpdate, Undo } from './types.js'

/** How a bus is shared. */
export interface ShareOptions {
  /** Told when batches of another one did not arrive (a page that was asleep may miss some). What stands
   * there has been asked for again. */
  missed?: ((what: { readonly from: string; readonly batches: number }) => void) | undefined
}

/** What goes over the channel. `n` counts the batches of one sender. */
type Message =
  | { readonly from: string; readonly kind: 'hello' }
  | { readonly from: string; readonly kind: 'values'; readonly to: string; readonly n: number; readonly updates: readonly StatusUpdate[] }
  | { readonly from: string; readonly kind: 'batch'; readonly n: number; readonly updates: readonly StatusUpdate[] }
  | { readonly from: string; readonly kind: 'bye' }

/** Most others that are known at a time. */
const OTHERS = 256

/**
 * Shares a bus with others in the same origin: tabs, frames and workers that call this with the same name.
 * What is sent on one is received on all, with `origin` telling where it was sent; each one's updates come
 * in its order. Who comes late gets the values that stand at the others.
 *
 * It ends with the bus, or when the answer is called. What comes from elsewhere passes the same queue as what is sent here: it is bounded, merged and counted.
 */
export function share(bus: StatusBus, name: string, options: ShareOptions = {}): Undo {
  if (!(bus instanceof Bus)) throw new TypeError('what is shared is a bus of createStatusBus')
  if (typeof name !== 'string' || name === '') throw new TypeError('a shared bus has a name that is the same everywhere')
  const channel = new BroadcastChannel(`statusbus:${name}`)
  const from = bus.epoch
  /** The last batch of each of the others. */
  const others = new Map<string, number>()
  let n = 0
  const post = (message: Message): void => channel.postMessage(message)
  const mine = (updates: readonly StatusUpdate[]): StatusUpdate[] => updates.filter(update => update.origin === null)

  const undo = bus.subscribe(
    '*',
    (batch: Batch) => {
      const updates = mine(batch.updates)
      if (updates.length > 0) post({ from, kind: 'batch', n: ++n, updates })
    },
    { retained: false },
  )

  const receive = (message: Message): void => {
    if (message === null || typeof message !== 'object' || typeof message.from !== 'string' || message.from === from) return
    const last = others.get(message.from)
    if (message.kind === 'hello') {
      // who says so has sent nothing that could be missed
      if (last === undefined) know(message.from, 0)
      post({ from, kind: 'values', to: message.from, n, updates: mine(bus.retained()) })
    } else if (message.kind === 'bye') others.delete(message.from)
    else if (message.kind === 'values') {
      if (message.to !== from || (last !== undefined && message.n < last)) return
      know(message.from, message.n)
      take(message.from, message.updates)
    } else if (message.kind === 'batch') {
      // before it has told what stands there, its batches mean nothing
      if (last === undefined || message.n <= last) return
      know(message.from, message.n)
      if (message.n > last + 1) {
        options.missed?.({ from: message.from, batches: message.n - last - 1 })
        post({ from, kind: 'hello' })
      }
      take(message.from, message.updates)
    }
  }
  const know = (other: string, last: number): void => {
    others.delete(other)
    others.set(other, last)
    for (const oldest of others.keys()) {
      if (others.size <= OTHERS) break
      others.delete(oldest)
    }
  }
  const take = (origin: string, updates: readonly StatusUpdate[]): void => {
    if (Array.isArray(updates)) for (const update of updates) bus.receive(update, origin)
  }

  channel.onmessage = ({ data }) => {
    if (bus.closed) stop()
    else receive(data as Message)
  }
  // Node's would keep the process alive
  ;(channel as { unref?: () => void }).unref?.()
  post({ from, kind: 'hello' })
  let isOn = true
  const stop = (): void => {
    if (!isOn) return
    isOn = false
    undo()
    post({ from, kind: 'bye' })
    channel.close()
  }
  return stop
}
