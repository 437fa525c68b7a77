import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Latencies, ServerClock } from '../../../dashboard/clock.js';
import { Rate } from '../../../dashboard/rate.js';

test('the offset of the clocks satisfies all responses', () => {
  const clock = new ServerClock();
  assert.equal(clock.offset, 0);
  clock.take(1_000, 6_399, 1_799); // 4,600 to 5,400
  assert.equal(clock.offset, 5_000);
  clock.take(2_000, 7_109, 2_009); // 5,100 to 5,110
  clock.take(3_000, 9_000, 3_950); // 5,050 to 6,001
  assert.equal(clock.offset, 5_105);
  clock.take(5_000, NaN, 5_001);
  clock.take(5_000, 9_999, 4_999);
  assert.equal(clock.offset, 5_105);
  clock.hear(9_108, 4_000);
  clock.hear(9_000, 4_000);
  assert.equal(clock.offset, 5_109, 'nothing is heard before it was said');
});

test('clocks that may agree are assumed to', () => {
  const clock = new ServerClock();
  clock.take(1_000, 1_010, 1_100);
  assert.equal(clock.offset, 0);
  clock.hear(2_030, 2_000);
  assert.notEqual(clock.offset, 0);
});

test('a response is forgotten after thirty others', () => {
  const clock = new ServerClock();
  clock.take(0, 100, 0);
  for (let n = 0; n < 30; n += 1) clock.take(0, 504, 9);
  assert.equal(clock.offset, 500);
});

test('latencies are summarized by quantiles', () => {
  const latencies = new Latencies();
  assert.equal(latencies.take(), null);
  for (let n = 1; n <= 100; n += 1) latencies.add(n);
  assert.deepEqual(latencies.take(), { median: 50, high: 99 });
  assert.equal(latencies.take(), null, 'each is told once');
  latencies.add(-3);
  assert.deepEqual(latencies.take(), { median: 0, high: 0 });
});

test('quantiles of very many are close', () => {
  const latencies = new Latencies();
  for (let n = 1; n <= 100_000; n += 1) latencies.add(n);
  const { median, high } = latencies.take();
  assert.ok(Math.abs(median - 50_000) < 1_000, String(median));
  assert.ok(Math.abs(high - 99_000) < 1_000, String(high));
});

test('a rate is of the last two seconds', () => {
  const rate = new Rate();
  assert.equal(rate.perSecond(0), 0);
  for (let n = 0; n < 100; n += 1) rate.count(50_000 + 10 * n);
  assert.equal(rate.perSecond(51_000), 100);
  assert.equal(rate.perSecond(52_200), 37.5);
  assert.equal(rate.perSecond(60_000), 0);
  rate.count(60_000);
  assert.equal(rate.perSecond(60_000), 0.5);
});
