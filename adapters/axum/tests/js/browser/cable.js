// The connection between the browser and the server, which a test can cut.

import { once } from 'node:events';
import { createServer, request } from 'node:http';

export class Cable {
  #server;
  #port;
  #sockets = new Set();
  #open = [];
  #turned = () => {};
  /** The requests for the stream that passed: their addresses and `Last-Event-ID`. */
  streams = [];
  /** `whole`; `cut`: nothing passes; or a status, with which requests are answered. */
  state = 'whole';

  /** @returns {Promise<Cable>} a cable to a server on this machine */
  static async to(test, port) {
    const cable = new Cable();
    test.after(() => cable.#close());
    cable.#port = port;
    cable.#server = createServer((asked, answer) => cable.#pass(asked, answer));
    cable.#server.on('connection', (socket) => {
      cable.#sockets.add(socket);
      socket.on('close', () => cable.#sockets.delete(socket));
    });
    cable.#server.listen(0, '127.0.0.1');
    await once(cable.#server, 'listening');
    cable.url = `http://127.0.0.1:${cable.#server.address().port}`;
    return cable;
  }

  /** Ends all open streams. Later ones are treated according to `state`. */
  cut(state = 'cut') {
    this.state = state;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Waits until a request for a stream was refused. */
  async turnsAway() {
    await new Promise((resolve) => {
      this.#turned = resolve;
    });
  }

  /** Blocks the open streams without closing them. */
  hold() {
    for (const [answered, answer] of this.#open) answered.unpipe(answer);
  }

  /** Passes everything again, to `port` if that has changed. */
  mend(port = this.#port) {
    this.#port = port;
    this.state = 'whole';
  }

  #close() {
    this.cut();
    this.#server.close();
  }

  #pass(asked, answer) {
    const stream = asked.url.includes('/v1/events');
    if (stream && this.state !== 'whole') asked.socket.once('close', this.#turned);
    if (this.state === 'cut') {
      asked.socket.destroy();
      return;
    }
    if (this.state !== 'whole') {
      answer.writeHead(this.state, { connection: 'close' }).end();
      return;
    }
    if (stream) {
      this.streams.push({ url: asked.url, lastEventId: asked.headers['last-event-id'] ?? null });
    }
    const { method, url, headers } = asked;
    const onward = request({ host: '127.0.0.1', port: this.#port, method, path: url, headers });
    onward.on('response', (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
      if (stream) this.#open.push([answered, answer]);
      answered.on('error', () => answer.destroy());
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  }
}
