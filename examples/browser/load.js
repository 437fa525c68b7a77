// What is said: jobs that come along step by step, now and then a line that nobody needs, and "done".

export const JOBS = 200

/** Calls `say(conversation, category, text, extra)` so many times a second. Answers how to stop. */
export function work(rate, say) {
  const steps = Array.from({ length: JOBS }, (_, job) => (job * 10) % 2_000)
  const runs = new Array(JOBS).fill(1)
  let said = 0
  const began = performance.now()
  let burst = began + 1_000
  let isOn = true
  const one = () => {
    const job = (said * 7919 + Math.floor(said / JOBS)) % JOBS
    const conversation = `job-${job}`
    said++
    if (said % 20 === 0) return say(conversation, 'info', `looked at file ${said}`, undefined)
    if (++steps[job] > 2_000) {
      steps[job] = 0
      return say(conversation, 'workflow', `run ${runs[job]++} done`, { priority: 'high' })
    }
    say(conversation, 'progress', String(steps[job] / 20), { key: 'run' })
  }
  const turn = () => {
    if (!isOn) return
    const due = ((performance.now() - began) / 1_000) * rate
    // what could not be said in time is not made up for in one go
    if (due - said > rate / 10) said = Math.ceil(due - rate / 10)
    for (let i = 0; said < due && i < 2_000; i++) one()
    said = Math.ceil(said)
    // once a second something dumps a thousand lines at once
    if (performance.now() >= burst) {
      burst += 1_000
      for (let i = 0; i < 1_000; i++) say(`job-${i % JOBS}`, 'info', `line ${i} of a thousand`, undefined)
      said += 1_000
    }
    setTimeout(turn, 2)
  }
  turn()
  return () => (isOn = false)
}
