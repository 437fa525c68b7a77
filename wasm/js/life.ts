// The life of a page: what is hidden, left or frozen may never run again, so everything is handed on first.

interface Living {
  flush(): unknown
  wake(): void
}

const living = new Set<WeakRef<Living>>()

const each = (call: (bus: Living) => void): void => {
  for (const ref of living) {
    const bus = ref.deref()
    if (bus === undefined) living.delete(ref)
    else call(bus)
  }
}
const leave = (): void => each(bus => void bus.flush())
const hide = (): void => {
  if (document.visibilityState === 'hidden') leave()
}
// Timers were stopped meanwhile: what is due by now goes, and what is out of date is not shown.
const back = (): void => each(bus => bus.wake())

function listen(method: 'addEventListener' | 'removeEventListener'): void {
  // `pagehide` comes before `visibilitychange`; on some systems only one of the two comes
  globalThis[method]('pagehide', leave)
  globalThis[method]('pageshow', back)
  document[method]('visibilitychange', hide)
  document[method]('freeze', leave)
  document[method]('resume', back)
}

/** Has a bus flushed when the page is hidden, left or frozen. Answers how to end it. */
export function live(bus: Living): () => void {
  if (typeof document !== 'object' || typeof globalThis.addEventListener !== 'function') return () => {}
  const ref = new WeakRef(bus)
  if (living.size === 0) listen('addEventListener')
  living.add(ref)
  return () => {
    if (living.delete(ref) && living.size === 0) listen('removeEventListener')
  }
}
