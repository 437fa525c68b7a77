import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Health, lossesOf } from '../../../dashboard/health.js';

function answer({ delivered = 0, evicted = 0, epoch = 'a', queued = 0, peak = 0 }) {
  return {
    epoch,
    ledger: {
      delivered,
      expired: 1,
      dropped: { total: evicted, evicted, oldest: 0 },
      refused: { total: 2, too_large: 2 },
    },
    queue: { queued, peak },
    readers: 3,
  };
}

test('counters become rates', () => {
  const health = new Health();
  health.take(answer({ delivered: 1_000 }), null, 0);
  assert.equal(health.value('rate'), null, 'one answer is no rate');
  health.take(answer({ delivered: 1_500, evicted: 4, queued: 7, peak: 9 }), { median: 1, high: 5 }, 2_000);
  assert.deepEqual(
    ['rate', 'lost', 'queued', 'peak', 'latency', 'readers'].map((name) => health.value(name)),
    [250, 2, 7, 9, 5, 3],
  );
  assert.equal(health.most('peak'), 9);
});

test('a restart gives no negative rate, and a pause is a hole', () => {
  const health = new Health();
  health.take(answer({ delivered: 1_000 }), null, 0);
  health.take(answer({ delivered: 10, epoch: 'b' }), null, 1_000);
  assert.equal(health.value('rate'), null);
  health.take(answer({ delivered: 30, epoch: 'b' }), null, 11_000);
  assert.deepEqual(health.series.rate.map(({ value }) => value), [null, null, null, 2]);
  assert.deepEqual(health.series.queued.map(({ value }) => value), [0, 0, null, 0]);
});

test('figures without an update are old', () => {
  const health = new Health();
  assert.equal(health.age(9_000), null);
  health.take(answer({}), null, 1_000);
  assert.equal(health.age(4_500), null);
  assert.equal(health.age(5_000), 4_000);
});

test('memory is bounded', () => {
  const health = new Health();
  for (let n = 0; n < 10_000; n += 1) health.take(answer({ delivered: n }), null, n * 1_000);
  for (const points of Object.values(health.series)) assert.equal(points.length, 120);
});

test('losses are listed with the largest first', () => {
  assert.deepEqual(lossesOf(answer({ evicted: 7 })), [['evicted', 7], ['too_large', 2], ['expired', 1]]);
});
