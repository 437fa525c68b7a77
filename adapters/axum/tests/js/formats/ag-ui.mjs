// An agent of AG-UI's own client that is the reading of an event stream. The client refuses what
// is no event of its protocol, in an order that is none, and warns of what it does not know.
//
//     node ag-ui.mjs METHOD URL

import { HttpAgent } from "@ag-ui/client";
import { obey, say } from "./lines.mjs";

// When a connection breaks, the client cancels what it reads, and what that answers it throws where
// nobody can catch it; its run has failed already and says so.
process.on("unhandledRejection", ({ message }) => say({ on: "unhandled", message }));
console.warn = (...words) => say({ on: "warning", words: words.map(String) });

const [method, url] = process.argv.slice(2);
const agent = new HttpAgent({
  url,
  threadId: "thread-1",
  // By itself it asks with POST.
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
