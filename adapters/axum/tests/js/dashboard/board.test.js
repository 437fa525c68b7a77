import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Board, valuesOf } from '../../../dashboard/board.js';
import { update } from './update.js';

const all = () => true;
const step = (key, fraction) => update({ category: 'progress', key, metadata: { fraction } });
const names = (board, now) => board.recent(all, now).map(({ name }) => name);
const keys = (board) => board.recent(all, 0).flatMap(valuesOf).map(({ key }) => key);

test('a key has one value until it ends', () => {
  const board = new Board();
  board.take(step('a', 0.1), 0);
  board.take(step('b', 0.1), 0);
  board.take(step('a', 0.9), 10);
  assert.deepEqual(keys(board), ['a', 'b'], 'in the order in which they came');
  board.take(step('a', 1), 20);
  assert.deepEqual(keys(board), ['b', 'a'], 'what goes on comes first');
  assert.equal(board.settle(5_020), false, 'to be seen');
  assert.equal(board.settle(5_021), true);
  assert.deepEqual(keys(board), ['b']);
});

test('the end of a conversation ends its values', () => {
  const board = new Board();
  board.take(step('a', 0.1), 0);
  board.take(update({ priority: 'high', text: 'built' }), 100);
  const [make] = board.recent(all, 100);
  assert.deepEqual([make.state, make.text, keys(board)], ['done', 'built', []]);
  board.take(update({ priority: 'high', category: 'error' }), 200);
  assert.equal(make.state, 'failed');
  assert.deepEqual(board.takeEnded(), [['make', 'done'], ['make', 'failed']]);
  assert.deepEqual(board.takeEnded(), []);
  board.take(update({ category: 'error' }), 300);
  assert.deepEqual([make.state, make.errors], ['active', 1], 'it goes on');
  assert.deepEqual(board.tally(), { active: 1, done: 0, failed: 0 });
  board.take(update({ priority: 'high' }), 400);
  board.take(update({ priority: 'high', key: 'a' }), 500);
  assert.equal(make.state, 'active', 'only the key is over');
});

test('active conversations keep their order, others follow by recency', () => {
  const board = new Board();
  for (const [name, now] of [['old', 0], ['older', 10], ['a', 90_000], ['b', 91_000], ['a', 92_000]]) {
    board.take(update({ conversation: name }), now);
  }
  assert.deepEqual(names(board, 93_000), ['b', 'a', 'older', 'old']);
  board.take(update({ conversation: null }), 120_000);
  assert.deepEqual(names(board, 120_000), [null, 'a', 'b', 'older', 'old']);
});

test('retained values do not count as news', () => {
  const board = new Board();
  board.take(update({ priority: 'high' }), 0, { retained: true });
  board.take(step('a', 1), 0, { retained: true });
  assert.deepEqual(board.takeEnded(), []);
  assert.equal(board.recent(all, 0)[0].rate.perSecond(0), 0);
  assert.equal(board.settle(1), true, 'nor does its end linger');
});

test('memory is bounded', () => {
  const board = new Board();
  const text = 'é'.repeat(16_384);
  for (let n = 0; n < 1_000; n += 1) board.take(update({ conversation: `conv-${n}`, text }), n);
  assert.deepEqual([board.size, board.forgotten], [500, 500]);
  assert.equal(board.recent(all, 1_000)[0].text.length, 400);
  board.take(update({ conversation: 'conv-500' }), 1_000);
  board.take(update({ conversation: 'new' }), 1_000);
  const kept = board.recent(all, 1_000).map(({ name }) => name);
  assert.ok(kept.includes('conv-500') && !kept.includes('conv-501'), 'the least recent goes first');
  for (let n = 0; n < 100; n += 1) board.take(step(`key-${n}`, 0.5), 2_000);
  const [make] = board.recent(({ name }) => name === 'make', 2_000);
  assert.equal(make.values.size, 24);
  assert.ok(make.values.has('progress:key-99'));
  board.clear();
  assert.deepEqual([board.size, board.forgotten], [0, 0]);
});
