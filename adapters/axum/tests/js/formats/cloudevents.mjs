// Reads CloudEvents from an event stream with the `eventsource` package, and what stands as a batch.
// Each is read and checked by the SDK of CloudEvents.
//
//     node cloudevents.mjs URL_OF_THE_STREAM URL_OF_WHAT_STANDS

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
