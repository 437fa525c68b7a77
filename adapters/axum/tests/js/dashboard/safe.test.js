import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cut, oneLine, visible } from '../../../dashboard/safe.js';

test('misleading characters are made visible, and others stay', () => {
  const rules = {
    'hello <b>': 'hello <b>',
    'résumé 🚀 ━ שלום': 'résumé 🚀 ━ שלום',
    '\u001b[31mred\u0007': '␛[31mred␇',
    'a\tb\nc\r\nd\re\0': 'a\tb\nc\nd␍e␀',
    '\u007f\u009b2J': '␡\ufffd2J',
    '\u202egnp.exe\u2069': '\ufffdgnp.exe\ufffd',
    'a\u2028b': 'a\ufffdb',
    '👩\u200d💻': '👩\u200d💻',
  };
  for (const [text, shown] of Object.entries(rules)) assert.equal(visible(text), shown);
});

test('one line is one line', () => {
  assert.equal(oneLine('a\n  b\r\n\r\nc\td\n'), 'a ↵ b ↵ c d');
});

test('a text is cut between characters', () => {
  assert.deepEqual(cut('abc', 3), { text: 'abc', whole: true });
  assert.deepEqual(cut('abcd', 3), { text: 'abc', whole: false });
  assert.deepEqual(cut('🚀🚀', 3), { text: '🚀', whole: false });
});
