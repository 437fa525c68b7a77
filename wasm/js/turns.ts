// When something is done: now, in a moment, later. Nothing here decides when.

/** Milliseconds of a clock that is not set back; where there is none, of the one that is. */
export const clock: () => number = typeof performance === 'object' ? () => performance.now() : () => Date.now()

type Task = () => void

let channel: MessageChannel | undefined
const tasks: Task[] = []

/** Runs `task` soon, after whatever else waits: timers are clamped to 4 ms when they are nested. */
export const soon: (task: Task) => void =
  typeof setImmediate === 'function'
    ? task => void setImmediate(task)
    : typeof document === 'object' && typeof MessageChannel === 'function'
      ? task => {
          tasks.push(task)
          if (channel === undefined) {
            channel = new MessageChannel()
            channel.port1.onmessage = () => tasks.shift()?.()
          }
          channel.port2.postMessage(0)
        }
      : task => void setTimeout(task)

/** One timer. */
export class Timer {
  readonly #task: Task
  #handle: ReturnType<typeof setTimeout> | undefined
  /** When it fires, by the clock of who sets it. */
  due = Infinity

  constructor(task: Task) {
    this.#task = () => {
      this.#handle = undefined
      this.due = Infinity
      task()
    }
  }

  /** Fires at `due`, unless it fires before that anyway. Where there are no timers (at the top of a
   * worker's module) nothing happens: the next turn that sends finds out that it is late. */
  set(due: number, now: number): void {
    if (this.due <= due && this.due > now) return
    this.clear()
    this.due = due
    try {
      // rounded up: a timer that fires early has to be set again
      this.#handle = setTimeout(this.#task, Math.min(Math.max(0, Math.ceil(due - now)), 0x7fff_ffff))
    } catch {
      this.#handle = undefined
    }
  }

  clear(): void {
    if (this.#handle !== undefined) clearTimeout(this.#handle)
    this.#handle = undefined
    this.due = Infinity
  }
}

/** Waits for `done`, but no longer than that. */
export async function within(done: Promise<unknown>, timeout: number): Promise<void> {
  let handle: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>(resolve => {
    handle = setTimeout(resolve, timeout)
  })
  await Promise.race([done, late])
  clearTimeout(handle)
}
