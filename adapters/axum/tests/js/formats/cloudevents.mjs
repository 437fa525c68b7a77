// Reads CloudEvents from an event stream with the `eventsource` package, and retained values as a batch.
// The SDK of CloudEvents parses and validates each.
//
//     node cloudevents.mjs STREAM_URL RETAINED_URL

import { HTTP } from "cloudevents";
import { EventSource } from "eventsource";
import { obey, say } from "./lines.mjs";

const [stream, standing] = process.argv.slice(2);

const source = new EventSource(stream);
source.addEventListener("message", ({ data, lastEventId }) => {
  const headers = { "content-type": "application/cloudevents+json" };
  const event = HTTP.toEvent({ headers, body: data });
  say({ on: event.type, valid: event.validate(), event, lastEventId });
});
source.addEventListener("error", ({ code }) => say({ on: "error", code: code ?? null }));

obey({
  async batch() {
    const response = await fetch(standing);
    const headers = Object.fromEntries(response.headers);
    const events = HTTP.toEvent({ headers, body: await response.text() });
    const valid = events.every((event) => event.validate());
    say({ on: "batch", valid, events, lastEventId: headers["last-event-id"] });
  },
});
