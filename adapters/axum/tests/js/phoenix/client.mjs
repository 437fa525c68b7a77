// A client that a test drives: commands and events are lines of JSON. The rest is the `phoenix` package
// as published.

import { createInterface } from "node:readline";
import { Socket } from "phoenix";
import { WebSocket } from "ws";

const [url, options] = [process.argv[2], JSON.parse(process.argv[3] ?? "{}")];
const out = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const { token, ...rest } = options;
const socket = new Socket(url, {
  ...rest,
  ...(token ? { authToken: token } : {}),
  transport: WebSocket,
  // Short delays, so that a restarted server is found soon.
  reconnectAfterMs: () => 50,
  rejoinAfterMs: () => 50,
});
socket.onOpen(() => out({ on: "open" }));
socket.onClose((event) => out({ on: "close", code: event.code }));
socket.onError(() => {});

const channels = new Map();

const actions = {
  connect: () => socket.connect(),
  disconnect: () => socket.disconnect(() => out({ on: "disconnected" })),
  ping: () => socket.ping(() => out({ on: "pong" })),
  join({ name, topic, params = {} }) {
    let last;
    // The params are evaluated at each join, so that a rejoin resumes.
    const channel = socket.channel(topic, () => (last ? { ...params, last_event_id: last } : params));
    const note = (id) => (last = id ?? last);
    for (const event of ["status_update", "gap"]) {
      channel.on(event, (payload) => {
        note(payload.id);
        out({ on: event, name, payload });
      });
    }
    channel.onClose(() => out({ on: "phx_close", name }));
    channel.onError(() => out({ on: "phx_error", name }));
    channels.set(name, channel);
    answered(channel.join(), { on: "joined", name }, (response) => note(response.last_event_id));
  },
  push({ name, event, payload = {} }) {
    answered(channels.get(name).push(event, payload), { on: "reply", name });
  },
  leave({ name }) {
    answered(channels.get(name).leave(), { on: "left", name });
  },
};

function answered(push, line, then = () => {}) {
  push
    .receive("ok", (response) => (then(response), out({ ...line, status: "ok", response })))
    .receive("error", (response) => out({ ...line, status: "error", response }))
    .receive("timeout", () => out({ ...line, status: "timeout" }));
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { do: action, ...details } = JSON.parse(line);
  actions[action](details);
});
lines.on("close", () => process.exit());
