import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WireError, readGap, readId, readReady, readStatus } from '../../../dashboard/wire.js';

test('an id is an epoch and a position', () => {
  assert.deepEqual(readId('00000000000000ab-17'), { epoch: '00000000000000ab', seq: 17 });
  for (const wrong of ['', null, undefined, 'ab-17', '00000000000000ab', '00000000000000ab-x',
    '00000000000000ab-99999999999999999', '00000000000000ab-9999999999999999']) {
    assert.equal(readId(wrong), null, String(wrong));
  }
});

test('updates have all fields, and absent ones are null', () => {
  const [update] = readStatus(
    '[{"seq":3,"conversation":null,"category":"info","text":"up","at":"2026-11-23T14:00:00.250Z"}]',
  );
  assert.deepEqual(update, {
    seq: 3,
    conversation: null,
    category: 'info',
    text: 'up',
    metadata: null,
    key: null,
    priority: 'normal',
    at: Date.UTC(2026, 10, 23, 14, 0, 0, 250),
  });
  assert.deepEqual(readStatus('[]'), []);
  assert.equal(readStatus('[{"seq":1,"category":"info","text":""}]')[0].at, NaN);
});

test('a gap has a count and reasons', () => {
  assert.deepEqual(
    readGap('{"count":5,"reasons":{"evicted":4,"expired":1,"newest":0,"odd":"x"},"scope":"topic"}'),
    { count: 5, reasons: [['evicted', 4], ['expired', 1]], scope: 'topic' },
  );
});

test('deviations from the format are named', () => {
  const rules = [
    [readStatus, '{', /not JSON/],
    [readStatus, '{}', /array/],
    [readStatus, '[7]', /update: has to be an object/],
    [readStatus, '[{"seq":-1,"category":"a","text":""}]', /seq/],
    [readStatus, '[{"seq":1,"category":7,"text":""}]', /category/],
    [readStatus, '[{"seq":1,"category":"a","text":null}]', /text/],
    [readStatus, '[{"seq":1,"category":"a","text":"","key":7}]', /key/],
    [readStatus, '[{"seq":1,"category":"a","text":"","metadata":[]}]', /metadata/],
    [readReady, '{"epoch":7,"recovered":true}', /epoch/],
    [readGap, '{"count":"5"}', /count/],
    [readGap, 'null', /object/],
  ];
  for (const [read, data, told] of rules) {
    assert.throws(() => read(data), (error) => error instanceof WireError && told.test(error.message), data);
  }
});
