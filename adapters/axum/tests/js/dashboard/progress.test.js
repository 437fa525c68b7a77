import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fractionOf, ofText, restOf } from '../../../dashboard/progress.js';

test('texts with progress', () => {
  const rules = {
    '45%': 0.45,
    '100% done': 1,
    '45 % of it': 0.45,
    'Downloading foo: 42.5 %': 0.425,
    'progress=45%': 0.45,
    '[ 45%] Building CXX object a.o': 0.45,
    '[3/10] Building CXX object a.o': 0.3,
    '(3/10) installing foo  [####----]  45%': 0.45,
    '[1,002 / 5,010] 4 actions running': 0.2,
    'copied 3 of 10 files.': 0.3,
    '   Building [====>   ] 3/10: serde, syn': 0.3,
    'Load:  45%|████▌     | 45/100 [00:12<00:30,  3.2it/s]': 0.45,
    '   ━━━━━━╺━━━ 1.5/3.0 MB 5.6 MB/s eta 0:00:01': 0.5,
    '12 / 340': 12 / 340,
    '0/7': 0,
  };
  for (const [text, fraction] of Object.entries(rules)) assert.equal(ofText(text), fraction, text);
});

test('displayed parts are not repeated', () => {
  const rules = [
    ['Copying rows 75%', 'Copying rows', ''],
    ['45 %', 'k', ''],
    ['download: 45% at 3 MB/s', 'download', 'at 3 MB/s'],
    ['[3/10] Building a', '[/10]', '[3/10] Building a'],
    ['92/340 files', 'files', '92/340 files'],
    ['   Building [====>   ] 3/10: serde, syn', 'Building', '3/10: serde, syn'],
    ['Load:  45%|████▌     | 45/100 [00:12<00:30]', 'Load', '45/100 [00:12<00:30]'],
    ['[done] a', 'k', '[done] a'],
    ['שלום 45%', 'k', 'שלום'],
  ];
  for (const [text, key, rest] of rules) assert.equal(restOf(text, key), rest, text);
});

test('texts that only resemble progress', () => {
  const texts = ['', '45', '%', '101%', 'x45%', '45%20b', '100%free', '45 % 7', '2024/12/01', '03/2024',
    'a/1/2', '1/2/3', './3/10', 'http://host:80/100', '1/0', '4/3', '1/2nd', '10.0.0.0/24',
    'HTTP/1.1 200', '24/7', '3 out of 10', '99.9.9%', `${' '.repeat(512)}45%`, '9'.repeat(400) + '/1'];
  for (const text of texts) assert.equal(ofText(text), null, text);
});

test('metadata comes before the text, and text counts in category progress only', () => {
  const of = (metadata, category = 'progress', text = '10%') => fractionOf({ metadata, category, text });
  assert.equal(of({ fraction: 0.5 }), 0.5);
  assert.equal(of({ percent: 50 }, 'tool'), 0.5);
  assert.equal(of({ done: 1, total: 4 }), 0.25);
  for (const useless of [null, {}, { fraction: 2 }, { fraction: '0.5' }, { percent: -1 }, { done: 1, total: 0 }]) {
    assert.equal(of(useless), 0.1);
    assert.equal(of(useless, 'tool'), null);
  }
});
