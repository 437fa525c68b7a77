import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Filter } from '../../../dashboard/filter.js';
import { Lines } from '../../../dashboard/lines.js';
import { update } from './update.js';

const texts = ({ lines }) => lines.map((line) => line.update?.text ?? line.text ?? line.kind);

test('lines are in order, with gaps and notes in place', () => {
  const lines = new Lines();
  lines.update(update({ text: 'a', category: 'tool' }));
  lines.gap({ count: 3, reasons: [], scope: 'bus' }, 0);
  lines.update(update({ text: 'b' }));
  lines.note('back', 0);
  assert.deepEqual(texts(lines.since(0, new Filter(), 9)), ['a', 'gap', 'b', 'back']);
  assert.deepEqual(texts(lines.since(2, new Filter(), 9)), ['b', 'back']);
  assert.deepEqual(lines.since(lines.newest, new Filter(), 9), { lines: [], left: 0 });
});

test('excess lines are removed from the front, and counted', () => {
  const lines = new Lines();
  for (let n = 0; n < 100; n += 1) lines.update(update({ text: String(n) }));
  const told = lines.since(0, new Filter(), 2);
  assert.deepEqual([texts(told), told.left], [['98', '99'], 98]);
});

test('a flood in one category leaves the others', () => {
  const lines = new Lines();
  lines.update(update({ text: 'failed', category: 'error' }));
  for (let n = 0; n < 10_000; n += 1) lines.update(update({ category: 'progress' }));
  assert.deepEqual(texts(lines.since(0, Filter.fromHash('#categories=error'), 9)), ['failed']);
});

test('memory is bounded, also for long texts and many categories', () => {
  const lines = new Lines();
  for (let n = 0; n < 10_000; n += 1) lines.update(update());
  assert.ok(lines.since(0, new Filter(), Infinity).lines.length < 600);
  for (let n = 0; n < 1_000; n += 1) lines.update(update({ category: 'tool', text: 'x'.repeat(16_384) }));
  const kept = lines.since(0, Filter.fromHash('#categories=tool'), Infinity).lines;
  assert.ok(kept.length >= 15 && kept.length <= 32, String(kept.length));
  for (let n = 0; n < 1_000; n += 1) lines.update(update({ category: `c${n}` }));
  assert.ok(lines.since(0, new Filter(), Infinity).lines.length <= 33);
});

test('a single text over the limit is still shown', () => {
  const lines = new Lines();
  lines.update(update({ text: 'x'.repeat(1_000_000) }));
  assert.equal(lines.since(0, new Filter(), 9).lines.length, 1);
});
