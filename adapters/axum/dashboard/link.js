// The connection to the stream of everything: it reconnects automatically, resumes, and reports whether
// updates are missing.

import { WireError, readGap, readId, readReady, readStatus } from './wire.js';

/** Delays before the next attempt after the browser has given up, in milliseconds. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/**
 * Callbacks of the link.
 *
 * @typedef {object} Listener
 * @property {(state: State) => void} changed the connection
 * @property {(begin: Beginning) => void} began before the first updates of a connection
 * @property {(updates: import('./wire.js').Update[], retained: boolean) => void} updates
 * @property {(gap: object) => void} gap
 * @property {(error: WireError) => void} unreadable an event was invalid, and skipped
 */

/** @typedef {'first'|'resumed'|'restarted'|'lost'} Beginning how a connection begins: `restarted`
 * is another epoch; `lost` the same one, in which the position is no longer known. */

/** @typedef {{phase: 'connecting'|'live'|'waiting', attempts: number, wait: number}} State */

export class Link {
  #url;
  #open;
  #timers;
  #listener;
  #source = null;
  #timer = null;
  #attempts = 0;
  /** The last id, and the position of the last known update. */
  #id = null;
  #epoch = null;
  #known = 0;
  /** The next `status` has retained values, not new updates. */
  #entries = false;

  /**
   * @param {(lastId: ?string) => string} url of the events, after an id if one is given
   * @param {(url: string) => EventSource} open
   * @param {{set: (act: () => void, wait: number) => any, clear: (timer: any) => void}} timers
   * @param {Listener} listener
   */
  constructor(url, open, timers, listener) {
    [this.#url, this.#open, this.#timers, this.#listener] = [url, open, timers, listener];
  }

  /** Connects immediately. */
  connect() {
    this.#timers.clear(this.#timer);
    this.#timer = null;
    this.#source?.close();
    const source = this.#open(this.#url(this.#id));
    this.#source = source;
    const on = (name, act) => {
      source.addEventListener(name, (event) => {
        // A closed source may still have pending events.
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

  /** Connects unless connected: when the network or the user is back. */
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
      this.#entries = true;
    }
    this.#epoch = epoch;
    this.#attempts = 0;
    this.#listener.began(begin);
    this.#tell('live', 0);
  }

  #status(updates, id) {
    const retained = this.#entries;
    this.#entries = false;
    // Retained values may have been read before the lag.
    const news = updates.filter(({ seq }) => seq > this.#known);
    this.#known = Math.max(this.#known, id?.seq ?? 0, ...news.map(({ seq }) => seq));
    if (news.length > 0 || retained) this.#listener.updates(news, retained);
  }

  #gap(gap) {
    // The retained values follow a lag.
    if (gap.scope === 'reader') this.#entries = true;
    this.#listener.gap(gap);
  }

  #failed(closed) {
    this.#attempts += 1;
    if (!closed) {
      // The browser reconnects automatically, with the header `Last-Event-ID`.
      this.#tell('waiting', 0);
      return;
    }
    this.#source = null;
    const longest = Math.min(FIRST_WAIT * 2 ** Math.min(this.#attempts - 1, 10), LONGEST_WAIT);
    // Spreads the reconnections of many pages.
    const wait = longest * (0.75 + Math.random() / 4);
    this.#timer = this.#timers.set(() => this.connect(), wait);
    this.#tell('waiting', wait);
  }

  #tell(phase, wait) {
    this.#listener.changed({ phase, attempts: this.#attempts, wait });
  }
}
