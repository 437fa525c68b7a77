import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Latencies, ServerClock } from '../../../page/clock.js';
import { Rate } from '../../../page/rate.js';

test('the offset is that of the fastest answer', () => {
  const clock = new ServerClock();
  assert.deepEqual([clock.offset, clock.known], [0, false]);
  clock.take(1000, 6400, 1800); // somewhere between 4,600 and 5,400
  assert.equal(clock.offset, 5000);
  clock.take(2000, 7110, 2020);
  clock.take(3000, 9000, 3500);
  assert.equal(clock.offset, 5100);
  clock.take(5000, NaN, 5001);
  clock.take(5000, 9999, 4999);
  assert.equal(clock.offset, 5100);
});

test('an answer is forgotten after thirty others', () => {
  const clock = new ServerClock();
  clock.take(0, 100, 0);
  for (let n = 0; n < 30; n += 1) clock.take(0, 505, 10);
  assert.equal(clock.offset, 500);
});

test('latencies are told by their quantiles', () => {
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
