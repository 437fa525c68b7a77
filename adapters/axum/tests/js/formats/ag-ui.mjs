// An agent of AG-UI's client that reads an event stream. The client refuses invalid events and invalid
// orders of events, and warns about unknown ones.
//
//     node ag-ui.mjs METHOD URL

import { HttpAgent } from "@ag-ui/client";
import { obey, say } from "./lines.mjs";

// When a connection breaks, the client cancels its reader, which throws where no handler can catch it.
// The run has failed and reported it already.
process.on("unhandledRejection", ({ message }) => say({ on: "unhandled", message }));
console.warn = (...words) => say({ on: "warning", words: words.map(String) });

const [method, url] = process.argv.slice(2);
const agent = new HttpAgent({
  url,
  threadId: "thread-1",
  // By default it sends POST.
  ...(method === "GET" && { fetch: (url, { headers, signal }) => fetch(url, { headers, signal }) }),
});
agent.subscribe({
  onRunStartedEvent: ({ event }) => say({ on: "started", event }),
  onActivitySnapshotEvent: ({ event }) => say({ on: "activity", event }),
  onCustomEvent: ({ event }) => say({ on: event.name, value: event.value }),
  onRunFinishedEvent: ({ event }) => say({ on: "finished", event }),
  onRunFailed: ({ error }) => (say({ on: "failed", message: error.message }), { stopPropagation: true }),
});

obey({
  run: () => agent.runAgent().catch(() => {}),
  messages: () => say({ on: "messages", messages: agent.messages }),
});
