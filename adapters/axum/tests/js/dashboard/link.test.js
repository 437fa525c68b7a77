import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Link } from '../../../dashboard/link.js';

const EPOCH = '00000000000000ab';

/** An `EventSource` that the test controls. */
class Source {
  static all = [];
  readyState = 0;
  #listeners = {};

  constructor(url) {
    this.url = url;
    Source.all.push(this);
  }

  addEventListener(name, listener) {
    this.#listeners[name] = listener;
  }

  close() {
    this.readyState = 2;
  }

  event(name, data, id = '') {
    this.#listeners[name]({ data: JSON.stringify(data), lastEventId: id });
  }

  ready(recovered, epoch = EPOCH) {
    this.readyState = 1;
    this.event('ready', { epoch, recovered });
  }

  status(epoch, ...seqs) {
    const updates = seqs.map((seq) => ({ seq, conversation: 'a', category: 'info', text: `${seq}` }));
    this.event('status', updates, `${epoch}-${seqs.at(-1) ?? 0}`);
  }

  fails(readyState) {
    this.readyState = readyState;
    this.#listeners.error({});
  }
}

function setUp() {
  Source.all = [];
  const told = [];
  const timers = {
    waiting: null,
    set: (act, wait) => {
      timers.waiting = { act, wait };
      return timers.waiting;
    },
    clear: (timer) => {
      if (timer === timers.waiting) timers.waiting = null;
    },
  };
  const link = new Link((lastId) => (lastId === null ? 'v1/events' : `v1/events?last_event_id=${lastId}`), (url) => new Source(url), timers, {
    changed: ({ phase }) => told.push(phase),
    began: (begin) => told.push(begin),
    updates: (updates, retained) =>
      told.push(`${retained ? 'stands' : 'said'} ${updates.map(({ seq }) => seq).join(' ')}`),
    gap: ({ count, scope }) => told.push(`${scope} gap of ${count}`),
    unreadable: ({ message }) => told.push(`unreadable: ${message}`),
  });
  link.connect();
  /** The events since the last call. */
  const expect = (...expected) => assert.deepEqual(told.splice(0), expected);
  return { link, timers, expect, source: () => Source.all.at(-1) };
}

test('a new reader gets the retained values, then new updates', () => {
  const { expect, source } = setUp();
  assert.equal(source().url, 'v1/events');
  source().ready(false);
  source().status(EPOCH, 3, 7);
  source().status(EPOCH, 8, 9);
  source().event('gap', { count: 2, reasons: {}, scope: 'topic' }, `${EPOCH}-9`);
  expect('connecting', 'first', 'live', 'stands 3 7', 'said 8 9', 'topic gap of 2');
});

test('the browser reconnects automatically, and nothing is missing', () => {
  const { expect, source } = setUp();
  source().ready(false);
  source().event('status', [], `${EPOCH}-4`);
  source().fails(0);
  source().ready(true);
  source().status(EPOCH, 5);
  expect('connecting', 'first', 'live', 'stands ', 'waiting', 'resumed', 'live', 'said 5');
  assert.equal(Source.all.length, 1);
});

test('after the browser gives up it reconnects from its position', () => {
  const { expect, source, timers } = setUp();
  source().ready(false);
  source().status(EPOCH, 5);
  source().fails(2);
  expect('connecting', 'first', 'live', 'stands 5', 'waiting');
  timers.waiting.act();
  assert.equal(source().url, `v1/events?last_event_id=${EPOCH}-5`);
  source().ready(true);
  source().status(EPOCH, 6);
  expect('waiting', 'resumed', 'live', 'said 6');
});

test('a connection that broke before any event starts as before', () => {
  const { expect, source, timers } = setUp();
  source().ready(false);
  source().fails(2);
  timers.waiting.act();
  assert.equal(source().url, 'v1/events');
  source().ready(false);
  expect('connecting', 'first', 'live', 'waiting', 'waiting', 'first', 'live');
});

test('another epoch begins with its retained values', () => {
  const { expect, source } = setUp();
  source().ready(false);
  source().status(EPOCH, 50);
  source().fails(0);
  source().ready(false, '00000000000000cd');
  source().status('00000000000000cd', 2);
  source().status('00000000000000cd', 3);
  expect('connecting', 'first', 'live', 'stands 50', 'waiting', 'restarted', 'live', 'stands 2', 'said 3');
});

test('an unknown position is lost', () => {
  const { expect, source } = setUp();
  source().ready(false);
  source().status(EPOCH, 5);
  source().fails(0);
  source().ready(false);
  source().status(EPOCH, 5, 900);
  expect('connecting', 'first', 'live', 'stands 5', 'waiting', 'lost', 'live', 'stands 5 900');
});

test('after a lag only the unseen retained values are taken', () => {
  const { expect, source } = setUp();
  source().ready(false);
  source().status(EPOCH, 5);
  source().event('gap', { count: 90, reasons: { lagged: 90 }, scope: 'reader' }, `${EPOCH}-99`);
  source().status(EPOCH, 3, 5, 99);
  source().status(EPOCH, 100);
  expect('connecting', 'first', 'live', 'stands 5', 'reader gap of 90', 'stands 99', 'said 100');
});

test('known updates are not taken twice', () => {
  const { expect, source } = setUp();
  source().ready(false);
  source().status(EPOCH, 5);
  source().status(EPOCH, 5);
  source().status(EPOCH, 4, 5, 6);
  expect('connecting', 'first', 'live', 'stands 5', 'said 6');
});

test('an invalid event is skipped alone', () => {
  const { expect, source } = setUp();
  source().ready(false);
  source().event('status', { no: 'array' }, `${EPOCH}-5`);
  source().status(EPOCH, 6);
  expect('connecting', 'first', 'live', 'unreadable: status: has to be an array of updates', 'stands 6');
});

test('the delay grows up to a limit, and is reset by a live connection', () => {
  const { timers, source } = setUp();
  const waits = [];
  const fail = () => {
    source().fails(2);
    waits.push(timers.waiting.wait);
    timers.waiting.act();
  };
  for (let n = 0; n < 12; n += 1) fail();
  assert.ok(waits[0] >= 375 && waits[0] <= 500, String(waits));
  assert.ok(waits[1] >= 750 && waits[1] <= 1_000, String(waits));
  assert.ok(waits.slice(6).every((wait) => wait >= 11_250 && wait <= 15_000), String(waits));
  source().ready(false);
  fail();
  assert.ok(waits.at(-1) <= 500, String(waits));
});

test('a closed connection has no effect, and a nudge connects immediately', () => {
  const { expect, link, source, timers } = setUp();
  const first = source();
  first.fails(2);
  expect('connecting', 'waiting');
  link.nudge();
  assert.equal(timers.waiting, null);
  link.nudge();
  assert.equal(Source.all.length, 2, 'it is connecting already');
  first.ready(false);
  first.fails(2);
  expect('waiting');
});
