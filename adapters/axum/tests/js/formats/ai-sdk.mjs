// A chat of the AI SDK that reads an event stream. A field replaces the React state of `useChat`; the
// transport, the parser and the chat are the package's.
//
//     node ai-sdk.mjs PACKAGE URL

import { obey, say } from "./lines.mjs";

const [sdk, api] = process.argv.slice(2);
const { AbstractChat, DefaultChatTransport } = await import(sdk);

class State {
  status = "ready";
  error = undefined;
  messages = [];
  pushMessage = (message) => void (this.messages = [...this.messages, message]);
  popMessage = () => void (this.messages = this.messages.slice(0, -1));
  replaceMessage = (index, message) =>
    void (this.messages = this.messages.with(index, this.snapshot(message)));
  snapshot = (thing) => structuredClone(thing);
}

class Chat extends AbstractChat {
  constructor(init) {
    super({ ...init, state: new State() });
  }
}

const chat = new Chat({
  id: "conv-1",
  transport: new DefaultChatTransport({ prepareReconnectToStreamRequest: () => ({ api }) }),
  onData: (part) => say({ on: part.type, part }),
  onError: ({ message }) => say({ on: "error", message }),
});

obey({
  resume: () => chat.resumeStream().then(() => say({ on: "settled", status: chat.status })),
  messages: () => say({ on: "messages", messages: chat.messages }),
});
