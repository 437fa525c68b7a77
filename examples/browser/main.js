import { JOBS } from './load.js'

const RATE = 100_000
const $ = id => document.getElementById(id)
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })

/** One side of the page. */
function panel(name) {
  const jobs = $(`${name}-jobs`)
  const bars = Array.from({ length: JOBS }, (_, job) => {
    const bar = document.createElement('i')
    bar.title = `job-${job}`
    jobs.append(bar)
    return bar
  })
  return { name, bars, log: $(`${name}-log`), received: 0, messages: 0, lost: 0, ledger: null }
}

const panels = { batched: panel('batched'), single: panel('single') }
let current = null

function show(panel, { updates, gaps, ledger }) {
  panel.messages++
  panel.received += updates.length
  panel.ledger = ledger
  for (const gap of gaps) panel.lost += gap.count
  for (const { conversation, category, text } of updates) {
    const bar = panel.bars[Number(conversation.slice(4))]
    if (category === 'progress') bar.style.setProperty('--done', `${text}%`)
    else if (category === 'workflow') bar.classList.toggle('odd')
    else panel.log.textContent = `${conversation}: ${text}`
  }
}

worker.onmessage = ({ data }) => current !== null && show(current, data)

// How the page is: frames in the last second, and the longest that nothing else could be done.
const frames = []
let longest = 0
let last = performance.now()
const { port1, port2 } = new MessageChannel()
port1.onmessage = () => {
  const now = performance.now()
  longest = Math.max(longest, now - last)
  last = now
  setTimeout(() => port2.postMessage(0), 1)
}
setInterval(() => {
  last = performance.now()
  port2.postMessage(0)
}, 250)
function frame(now) {
  frames.push(now)
  while (frames[0] < now - 1_000) frames.shift()
  requestAnimationFrame(frame)
}
requestAnimationFrame(frame)

const number = value => Math.round(value).toLocaleString('en')
let before = { received: 0, messages: 0, sent: 0 }
setInterval(() => {
  if (current === null) return
  const { name, received, messages, lost, ledger } = current
  const sent = ledger?.sent ?? 0
  const now = {
    fps: frames.length,
    said: sent - before.sent,
    received: received - before.received,
    messages: messages - before.messages,
    merged: ledger?.coalesced ?? 0,
    lost,
    longest,
  }
  before = { received, messages, sent }
  longest = 0
  for (const [what, value] of Object.entries(now)) {
    const cell = $(`${name}-${what}`)
    if (cell !== null) cell.textContent = number(value)
  }
  $(`${name}-fps`).classList.toggle('low', now.fps < 50)
  ;(globalThis.history_ ??= {})[name] = [...(globalThis.history_[name] ?? []), now]
}, 1_000)

export function run(mode) {
  current = panels[mode] ?? null
  if (current !== null) Object.assign(current, { received: 0, messages: 0, lost: 0, ledger: null })
  before = { received: 0, messages: 0, sent: 0 }
  for (const button of document.querySelectorAll('button')) button.setAttribute('aria-pressed', String(button.value === mode))
  worker.postMessage({ mode: current === null ? 'off' : mode, rate: RATE })
}

for (const button of document.querySelectorAll('button')) button.onclick = () => run(button.value)
globalThis.run = run
run('batched')
