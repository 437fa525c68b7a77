// Replays the conformance traces against the package: plain JavaScript, so that it runs in Node, in pages
// and in workers. See ../../tests/conformance/README.md for the format.

const LOSSES = ['newest', 'oldest', 'evicted', 'outranked', 'shrunk', 'sink', 'expired']
const SETTINGS = { queue_limit: 'queueLimit', batch_size: 'batchSize', flush_interval: 'flushInterval', overflow: 'overflow', leading: 'leading' }

const span = word => {
  const [, number, unit] = /^(\d+)(us|ms|s)$/.exec(word)
  return number * { us: 0.001, ms: 1, s: 1_000 }[unit]
}
const words = line => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain)
const fields = list => Object.fromEntries(list.map(word => word.split('=')))
const at = millis => (Number.isInteger(millis) ? `${millis}ms` : `${Math.round(millis * 1_000)}us`)
const counts = reasons => LOSSES.filter(reason => reasons[reason] > 0).map(reason => ` ${reason}=${reasons[reason]}`).join('')
const topic = ({ conversation, category }) => `${conversation ?? '-'}/${category}`

/** The settings of a trace as options. */
function options(given) {
  const options = {}
  for (const [word, value] of Object.entries(given)) {
    const name = SETTINGS[word]
    if (name === undefined) continue
    options[name] = word === 'overflow' ? value : word === 'leading' ? value === 'immediate' : word === 'flush_interval' ? span(value) : Number(value)
  }
  return options
}

function ledgerLine(ledger) {
  const parts = []
  const put = (name, count) => count > 0 && parts.push(` ${name}=${count}`)
  if (ledger.sent === 0) return '= ledger sent=0'
  for (const name of ['sent', 'delivered', 'coalesced', 'expired']) put(name, ledger[name])
  for (const name of ['dropped', 'refused']) for (const [reason, count] of Object.entries(ledger[name])) if (reason !== 'total') put(`${name}.${reason}`, count)
  put('queued', ledger.queued)
  put('in_flight', ledger.inFlight)
  return `= ledger${parts.join('')}`
}

const isBalanced = l => l.sent === l.delivered + l.coalesced + l.expired + l.dropped.total + l.refused.total + l.queued + l.inFlight

/** What really happens in a trace: its text with the expectations replaced. */
function perform(text, createStatusBus) {
  const out = []
  let bus
  let undo
  let now = 0

  const record = batch => {
    if (batch.gaps.length > 0) {
      const total = {}
      for (const gap of batch.gaps) for (const [reason, count] of Object.entries(gap.reasons)) total[reason] = (total[reason] ?? 0) + count
      out.push(`= ${at(now)} gap #${batch.gaps[0].seq}${counts(total)}`)
      for (const gap of batch.gaps) out.push(`=   ${gap.scope === 'bus' ? 'elsewhere' : topic(gap)}${counts(gap.reasons)}`)
    }
    if (batch.updates.length > 0) out.push(`= ${at(now)} batch ${batch.reason} ${batch.updates.length}`)
    for (const update of batch.updates) out.push(`=   #${update.seq} ${topic(update)} "${update.text}"${update.key === null ? '' : ` key=${update.key}`}`)
  }
  const attempt = change => {
    try {
      change()
    } catch (error) {
      const [name] = Object.entries(SETTINGS).find(([, option]) => error.message.startsWith(`${option} `)) ?? ['category']
      out.push(`= invalid ${name}`)
    }
  }
  const forget = () => {
    undo?.()
    void bus?.close()
  }
  const operations = {
    config(...list) {
      const given = fields(list)
      forget()
      bus = undefined
      now = 0
      attempt(() => {
        const { queueLimit, ...rest } = options(given)
        const capacity = queueLimit >= 1 && queueLimit <= 65_534 ? Math.max(queueLimit, 16) : undefined
        const categories = given.categories === undefined ? undefined : given.categories.split(',')
        bus = createStatusBus({ queueLimit, ...rest, capacity, categories, schedule: 'manual', clock: () => now })
        undo = bus.subscribe('*', record, { retained: false })
      })
    },
    push(conversation, category, text, ...list) {
      const { key, priority, ttl } = fields(list)
      const { outcome, reason } = bus.send({
        conversation: conversation === '-' ? null : conversation, category, text, key, priority, ttl: ttl === undefined ? undefined : span(ttl),
      })
      out.push(`= ${outcome}${reason === null || outcome === 'expired' ? '' : ` ${reason}`}`)
    },
    run() {
      bus.poll()
    },
    advance(word) {
      const end = now + span(word)
      for (let next = bus.poll(); next !== null && next <= end; next = bus.poll()) now = next
      now = end
      bus.poll()
    },
    flush() {
      void bus.flush()
    },
    close() {
      void bus.close()
    },
    reconfigure(...list) {
      attempt(() => bus.configure(options(fields(list))))
    },
    category(name, ...list) {
      const { priority, ttl } = fields(list)
      attempt(() => bus.configure({ categories: { [name]: { priority, ttl: ttl === undefined ? null : span(ttl) } } }))
    },
    ledger() {
      out.push(ledgerLine(bus.ledger()))
    },
  }

  for (const line of text.split('\n')) {
    if (line.startsWith('=')) continue
    out.push(line)
    if (line === '' || line.startsWith('#')) continue
    const [name, ...list] = words(line)
    operations[name](...list)
    if (bus !== undefined && !isBalanced(bus.ledger())) out.push(`= the ledger does not balance: ${JSON.stringify(bus.ledger())}`)
  }
  forget()
  return out.join('\n')
}

/** Replays one trace. Answers the first line that differs, `null` if none does, and `undefined` if only the
 * core itself can replay it. */
export function replay(text, createStatusBus) {
  if (/^# needs: core$/m.test(text)) return undefined
  const actual = perform(text, createStatusBus)
  if (actual === text) return null
  const [expected, got] = [text.split('\n'), actual.split('\n')]
  const line = [...expected, undefined].findIndex((_, index) => expected[index] !== got[index])
  return `line ${line + 1}: expected ${expected[line]}, got ${got[line]}`
}
