import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Announcer } from '../../../dashboard/announce.js';

test('announcements are short and rare', () => {
  const announcer = new Announcer();
  assert.equal(announcer.take(0), null);
  announcer.link('Live');
  announcer.ended('make', 'done');
  assert.equal(announcer.take(0), 'Live. make done.');
  announcer.link('Reconnecting');
  announcer.link('Resumed, nothing is missing');
  for (let n = 0; n < 7; n += 1) announcer.ended(`conv-${n}`, 'done');
  announcer.ended(null, 'failed');
  assert.equal(announcer.take(4_999), null, 'it has just spoken');
  assert.equal(
    announcer.take(5_000),
    'Resumed, nothing is missing. system failed. 7 conversations done.',
  );
  assert.equal(announcer.take(60_000), null, 'it has said all');
});
