// The connection to the stream of everything: it comes back by itself, goes on where it was, and says
// plainly whether anything is missing.

import { WireError, readGap, readId, readReady, readStatus } from './wire.js';

/** Waits before the next attempt where the browser gives up, in milliseconds. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/**
 * What the link tells.
 *
 * @typedef {object} Listener
 * @property {(state: State) => void} changed the connection
 * @property {(begin: Beginning) => void} began before the first updates of a connection
 * @property {(updates: import('./wire.js').Update[], retained: boolean) => void} updates
 * @property {(gap: object) => void} gap
 * @property {(error: WireError) => void} unreadable an event made no sense, and was left out
 */

/** @typedef {'first'|'resumed'|'restarted'|'lost'} Beginning how a connection goes on: `restarted`
 * is another run of the bus; `lost` the same one, which does not know the position any more. */

/** @typedef {{phase: 'connecting'|'live'|'waiting', attempts: number, wait: number}} State */

export class Link {
  #url;
  #open;
  #timers;
  #listener;
  #source = null;
  #timer = null;
  #attempts = 0;
  /** The last id, and the position up to which updates are known. */
  #id = null;
  #epoch = null;
  #known = 0;
  /** The next `status` is what stands, not what is new. */
  #standing = false;

  /**
   * @param {(lastId: ?string) => string} url of the events, behind an id if there is one
   * @param {(url: string) => EventSource} open
   * @param {{set: (act: () => void, wait: number) => any, clear: (timer: any) => void}} timers
   * @param {Listener} listener
   */
  constructor(url, open, timers, listener) {
    [this.#url, this.#open, this.#timers, this.#listener] = [url, open, timers, listener];
  }

  /** Connects, now, whatever it was waiting for. */
  connect() {
    this.#timers.clear(this.#timer);
    this.#timer = null;
    this.#source?.close();
    const source = this.#open(this.#url(this.#id));
    this.#source = source;
    const on = (name, act) => {
      source.addEventListener(name, (event) => {
        // A closed one may still have events on their way.
        if (source === this.#source) this.#read(act, event);
      });
    };
    on('ready', (event) => this.#ready(readReady(event.data)));
    on('status', (event) => this.#status(readStatus(event.data), readId(event.lastEventId)));
    on('gap', (event) => this.#gap(readGap(event.data)));
    source.addEventListener('error', () => {
      if (source === this.#source) this.#failed(source.readyState === 2);
    });
    this.#tell(this.#attempts === 0 ? 'connecting' : 'waiting', 0);
  }

  /** Connects again unless it is connected: when the network or the reader has come back. */
  nudge() {
    if (this.#source === null) this.connect();
  }

  #read(act, event) {
    try {
      act(event);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#listener.unreadable(error);
    }
    if (readId(event.lastEventId)) this.#id = event.lastEventId;
  }

  #ready({ epoch, recovered }) {
    const asked = this.#id !== null;
    let begin = 'first';
    if (asked && recovered) begin = 'resumed';
    else if (asked) begin = epoch === this.#epoch ? 'lost' : 'restarted';
    if (!recovered) {
      this.#known = 0;
      this.#standing = true;
    }
    this.#epoch = epoch;
    this.#attempts = 0;
    this.#listener.began(begin);
    this.#tell('live', 0);
  }

  #status(updates, id) {
    const retained = this.#standing;
    this.#standing = false;
    // What stands may have been read before it was missed.
    const news = updates.filter(({ seq }) => seq > this.#known);
    this.#known = Math.max(this.#known, id?.seq ?? 0, ...news.map(({ seq }) => seq));
    if (news.length > 0 || retained) this.#listener.updates(news, retained);
  }

  #gap(gap) {
    // Who was too slow gets the values that stand, next.
    if (gap.scope === 'reader') this.#standing = true;
    this.#listener.gap(gap);
  }

  #failed(closed) {
    this.#attempts += 1;
    if (!closed) {
      // The browser tries again by itself, with the header `Last-Event-ID`.
      this.#tell('waiting', 0);
      return;
    }
    this.#source = null;
    const longest = Math.min(FIRST_WAIT * 2 ** Math.min(this.#attempts - 1, 10), LONGEST_WAIT);
    // Not all pages of a wall at the same moment.
    const wait = longest * (0.75 + Math.random() / 4);
    this.#timer = this.#timers.set(() => this.connect(), wait);
    this.#tell('waiting', wait);
  }

  #tell(phase, wait) {
    this.#listener.changed({ phase, attempts: this.#attempts, wait });
  }
}
