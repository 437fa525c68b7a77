// Reads an event stream with the `eventsource` package and writes each event as a line of JSON.
import { EventSource } from "eventsource";

const source = new EventSource(process.argv[2]);
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

for (const name of ["ready", "status", "gap"]) {
  source.addEventListener(name, ({ lastEventId, data }) =>
    say({ name, id: lastEventId, data: JSON.parse(data) }));
}
source.addEventListener("error", ({ code }) => say({ name: "error", id: "", data: code ?? null }));
