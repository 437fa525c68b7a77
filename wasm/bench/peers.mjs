// What is compared: each takes 40-character texts about conversations, and hands them to one reader.
import { createStatusBus } from 'statusbus'
import EventEmitter3 from 'eventemitter3'
import mitt from 'mitt'
import { createNanoEvents } from 'nanoevents'
import { Subject, bufferTime, groupBy, mergeMap } from 'rxjs'

export const CONVERSATIONS = Array.from({ length: 20 }, (_, index) => `conversation-${index}`)
export const TEXTS = Array.from({ length: 64 }, (_, index) => `reading file number ${String(index).padStart(20, '0')}`)

/** What one writes in ten minutes: an array, a limit, batches of 100, one timer. No keys, no priorities, no
 * ledger, nothing for who comes late. */
function plain(take) {
  let queue = []
  let timer
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const batch = queue
    queue = []
    take(batch)
  }
  return {
    send(conversation, text) {
      queue.push({ conversation, category: 'tool', text })
      if (queue.length >= 100) flush()
      else if (timer === undefined) timer = setTimeout(flush, 50)
    },
    end: flush,
  }
}

/** What one writes in a day, when it has to do part of the same: the same record with position and time,
 * a limit, the last value of each topic, and readers by conversation. */
function handWritten(take) {
  const readers = new Map([['*', new Set([take])]])
  const last = new Map()
  let queue = []
  let seq = 0
  let timer
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const batch = queue
    queue = []
    const mine = new Map()
    for (const update of batch) {
      let topics = last.get(update.conversation)
      if (topics === undefined) last.set(update.conversation, (topics = new Map()))
      topics.set(update.category, update)
      if (!readers.has(update.conversation)) continue
      if (!mine.has(update.conversation)) mine.set(update.conversation, [])
      mine.get(update.conversation).push(update)
    }
    const tell = (set, updates) => set.forEach(reader => {
      try {
        reader(updates)
      } catch (error) {
        console.error(error)
      }
    })
    tell(readers.get('*'), batch)
    for (const [conversation, updates] of mine) tell(readers.get(conversation), updates)
  }
  return {
    send(conversation, text) {
      if (conversation === '' || conversation.length > 128 || text.length > 16_384) return
      if (queue.length >= 10_000) queue.shift()
      queue.push({ seq: ++seq, conversation, category: 'tool', text, metadata: null, key: null, priority: 'normal', at: Date.now(), origin: null })
      if (queue.length >= 100) flush()
      else if (timer === undefined) timer = setTimeout(flush, 50)
    },
    end: flush,
  }
}

const ofBus = options => take => {
  const bus = createStatusBus(options)
  bus.subscribe('*', batch => take(batch.updates))
  return { send: (conversation, text) => bus.tool(conversation, text), end: () => bus.close() }
}

const piped = (...operators) => take => {
  const subject = new Subject()
  subject.pipe(...operators).subscribe(batch => batch.length > 0 && take(batch))
  return { send: (conversation, text) => subject.next({ conversation, category: 'tool', text }), end: () => subject.complete() }
}

const emitting = create => take => {
  const { emit } = create(take)
  return { send: (conversation, text) => emit({ conversation, category: 'tool', text }), end() {} }
}

export const PEERS = {
  'hand-written bus': handWritten,
  'plain queue': plain,
  statusbus: ofBus({}),
  'rxjs bufferTime': piped(bufferTime(50, null, 100)),
  'rxjs groupBy + bufferTime': piped(groupBy(update => update.conversation), mergeMap(group => group.pipe(bufferTime(50, null, 100)))),
  'mitt (no batches)': emitting(take => {
    const emitter = mitt()
    emitter.on('status', update => take([update]))
    return { emit: update => emitter.emit('status', update) }
  }),
  'eventemitter3 (no batches)': emitting(take => {
    const emitter = new EventEmitter3()
    emitter.on('status', update => take([update]))
    return { emit: update => emitter.emit('status', update) }
  }),
  'nanoevents (no batches)': emitting(take => {
    const emitter = createNanoEvents()
    emitter.on('status', update => take([update]))
    return { emit: update => emitter.emit('status', update) }
  }),
}
