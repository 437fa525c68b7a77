import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as figures from '../../../dashboard/figures.js';

/** Numbers and their texts. */
function written(write, rules) {
  for (const [number, text] of rules) assert.equal(write(number), text, String(number));
}

test('numbers', () => {
  written(figures.count, [[0, '0'], [1_234_567, '1,234,567']]);
  written(figures.short, [[0, '0'], [0.44, '0.4'], [9.96, '10'], [1234, '1,234'], [9_999.6, '10k'],
    [12_345, '12.3k'], [123_456, '123k'], [999_600, '1M'], [2_400_000, '2.4M'], [3e9, '3G']]);
  written(figures.percent, [[0, '0 %'], [0.41, '41 %'], [0.29, '29 %'], [0.999, '99 %'], [1, '100 %']]);
  assert.equal(figures.plural(1, 'update'), '1 update');
  assert.equal(figures.plural(2000, 'update'), '2,000 updates');
  assert.equal(figures.because([['evicted', 12], ['too_large', 3]]), 'evicted 12, too large 3');
});

test('spans and times', () => {
  written(figures.latency, [[-3, '<1 ms'], [0.44, '<1 ms'], [1.6, '2 ms'], [12.3, '12 ms'], [999.6, '1 s'], [1234, '1.2 s'],
    [180_000, '3 min']]);
  written(figures.ago, [[-5, 'now'], [999, 'now'], [12_000, '12 s ago'], [200_000, '3 min ago'],
    [7_300_000, '2 h ago'], [200_000_000, '2 d ago'], [NaN, 'now']]);
  assert.equal(figures.time(new Date(2026, 10, 23, 4, 5, 6, 7).getTime()), '04:05:06.007');
  assert.equal(figures.time(NaN), '--:--:--');
});
