import { CONVERSATIONS, PEERS, TEXTS } from './peers.mjs'

const TURNS = 200
const PER_TURN = 1_000

/** Nanoseconds for each update, send to callback: many turns of a thousand. */
async function once(name, pause) {
  let taken = 0
  let length = 0
  const peer = PEERS[name](batch => {
    taken += batch.length
    for (const update of batch) length += update.text.length
  })
  for (let turn = -20; turn < 0; turn++) await oneTurn(peer, pause)
  const began = performance.now()
  for (let turn = 0; turn < TURNS; turn++) await oneTurn(peer, pause)
  const took = performance.now() - began
  await peer.end()
  await pause()
  const sent = (TURNS + 20) * PER_TURN
  if (taken !== sent || length !== sent * 40) throw new Error(`${name}: ${taken} of ${sent} came`)
  return (took * 1e6) / (TURNS * PER_TURN)
}

async function oneTurn(peer, pause) {
  for (let i = 0; i < PER_TURN; i++) peer.send(CONVERSATIONS[i % CONVERSATIONS.length], TEXTS[i & 63])
  await pause()
}

/** Rounds in which all take turns; for each the best and the median, and the median of its ratio to the
 * hand-written bus in the same round. */
export async function measure(rounds, pause) {
  const names = Object.keys(PEERS)
  const results = Object.fromEntries(names.map(name => [name, []]))
  for (let round = 0; round < rounds; round++) for (const name of names) results[name].push(await once(name, pause))
  const median = list => [...list].sort((a, b) => a - b)[list.length >> 1]
  return names.map(name => ({
    name,
    best: Math.min(...results[name]),
    median: median(results[name]),
    ratio: median(results[name].map((took, round) => took / results['hand-written bus'][round])),
  }))
}

export const table = rows =>
  ['what'.padEnd(28) + 'best ns  median ns  ratio', ...rows.map(({ name, best, median, ratio }) => name.padEnd(28) + best.toFixed(0).padStart(7) + median.toFixed(0).padStart(11) + ratio.toFixed(2).padStart(7))].join('\n')
