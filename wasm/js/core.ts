/** The compiled core: what `exports.rs` says. */
export interface CoreExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  create(slots: number, categories: number): number
  release(id: number): void
  report(): number
  configure(id: number, queueLimit: number, batchSize: number, flushInterval: number, policy: number, now: number): number
  configure_category(id: number, category: number, priority: number, ttl: number): void
  send(id: number, place: number, topic: number, key: number, kind: number, ttl: number, now: number): number
  refuse(id: number, reason: number): void
  poll(id: number, now: number): number
  delivered(id: number, now: number): void
  poll_at(id: number): number
  flush(id: number, now: number): void
  close(id: number, now: number): void
  ledger(id: number): void
}

/** The compiled core, running. Any number of buses share it. */
export interface Core {
  readonly exports: CoreExports
}

/** What the core can be loaded from. */
export type CoreSource = WebAssembly.Module | BufferSource | Response | PromiseLike<WebAssembly.Module | BufferSource | Response>

/** Loads the core from a compiled module, its bytes, or the answer to `fetch('core.wasm')`. */
export async function loadCore(source: CoreSource): Promise<Core> {
  const given = await source
  if (given instanceof WebAssembly.Module) return coreOf(await WebAssembly.instantiate(given))
  if (typeof Response === 'function' && given instanceof Response) {
    if (!given.ok) throw new TypeError(`the core could not be fetched: ${given.status} ${given.url}`)
    // not instantiateStreaming, which needs a content type that not every server knows
    return coreOf((await WebAssembly.instantiate(await given.arrayBuffer())).instance)
  }
  return coreOf((await WebAssembly.instantiate(given as BufferSource)).instance)
}

/** The core as an instance exports it. */
export function coreOf(instance: WebAssembly.Instance): Core {
  return { exports: instance.exports as unknown as CoreExports }
}
