// Reports the events of any `EventSource`.

/** Reports each event as `{on, id, data}`, and each interruption. */
export function listen(source, say) {
  for (const on of ['ready', 'status', 'gap']) {
    source.addEventListener(on, ({ lastEventId, data }) => say({ on, id: lastEventId, data: JSON.parse(data) }));
  }
  source.addEventListener('error', ({ code }) => say({ on: 'error', data: code ?? null }));
}
