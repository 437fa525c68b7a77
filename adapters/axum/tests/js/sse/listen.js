// What is told of an event stream, the same for every `EventSource` there is.

/** Tells each event as `{on, id, data}`, and each time that the stream breaks off. */
export function listen(source, say) {
  for (const on of ['ready', 'status', 'gap']) {
    source.addEventListener(on, ({ lastEventId, data }) => say({ on, id: lastEventId, data: JSON.parse(data) }));
  }
  source.addEventListener('error', ({ code }) => say({ on: 'error', data: code ?? null }));
}
