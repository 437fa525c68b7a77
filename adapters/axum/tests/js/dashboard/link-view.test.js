import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LinkView, noteOf } from '../../../dashboard/link-view.js';

const live = { phase: 'live', attempts: 0, wait: 0 };
const waiting = { phase: 'waiting', attempts: 1, wait: 500 };

test('it names the state of the connection', () => {
  const view = new LinkView({ querySelector: () => null });
  assert.deepEqual(view.read(0), ['connecting', 'Connecting']);
  view.began('first', 0);
  view.changed(live, 0);
  assert.deepEqual(view.read(0), ['live', 'Live']);
  view.changed(waiting, 1_000);
  view.changed({ ...waiting, attempts: 2 }, 9_000);
  assert.deepEqual(view.read(13_000), ['waiting', 'Reconnecting for 12 s: values shown are the last ones']);
  view.began('resumed', 20_000);
  view.changed(live, 20_000);
  assert.deepEqual(view.read(27_999), ['live', 'Live · resumed, nothing is missing']);
  assert.deepEqual(view.read(28_000), ['live', 'Live']);
  view.began('lost', 30_000);
  assert.deepEqual(view.read(80_000), ['partial', 'Live · not resumed: values shown are the retained ones']);
  view.refused('A token is needed');
  assert.deepEqual(view.read(80_000), ['refused', 'A token is needed']);
  view.changed(live, 90_000);
  assert.deepEqual(view.read(90_000), ['live', 'Live']);
});

test('the stream shows it, too', () => {
  assert.equal(noteOf('first'), '');
  assert.match(noteOf('restarted'), /not resumed/);
});
