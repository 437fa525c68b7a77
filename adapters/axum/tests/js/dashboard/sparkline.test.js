import assert from 'node:assert/strict';
import { test } from 'node:test';

import { areaPath, linePath, strokes } from '../../../dashboard/sparkline.js';

test('a line is broken at unknown values', () => {
  const points = [[0, 0], [10, 5], [20, null], [30, 10]].map(([at, value]) => ({ at, value }));
  const made = strokes(points, 0, 40, 10, 400, 100);
  assert.deepEqual(made, [['0.0 100.0', '100.0 50.0'], ['300.0 0.0']]);
  assert.equal(linePath(made), 'M0.0 100.0L100.0 50.0M300.0 0.0L300.0 0.0');
  assert.equal(areaPath(made, 100), 'M0.0 100L0.0 100.0L100.0 50.0L100.0 100Z');
});

test('zeros are drawn at the bottom', () => {
  assert.deepEqual(strokes([{ at: 0, value: 0 }], 0, 1, 0, 10, 10), [['0.0 10.0']]);
});
