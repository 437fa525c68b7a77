import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Silence } from '../../../dashboard/silence.js';

test('a reader without updates during deliveries has lost the connection', () => {
  const silence = new Silence();
  silence.heard(0);
  assert.equal(silence.isDead(100, 1_000), false);
  assert.equal(silence.isDead(100, 60_000), false, 'nothing is said');
  assert.equal(silence.isDead(101, 61_000), true);
  silence.heard(61_500);
  assert.equal(silence.isDead(101, 62_000), false);
  assert.equal(silence.isDead(150, 76_500), false, 'it may be on its way');
  assert.equal(silence.isDead(150, 76_501), true);
});

test('another epoch starts again', () => {
  const silence = new Silence();
  silence.heard(0);
  silence.isDead(1_000, 1_000);
  assert.equal(silence.isDead(0, 60_000), false);
  assert.equal(silence.isDead(3, 61_000), true);
});
