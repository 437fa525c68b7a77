import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Filter } from '../../../dashboard/filter.js';
import { update } from './update.js';

test('it is restored from its address', () => {
  for (const hash of ['', '#categories=tool%2Cerror', '#find=a+%26+b', '#conversation=conv-1', '#system=',
    '#categories=&find=x']) {
    assert.equal(Filter.fromHash(hash).toHash(), hash);
  }
  assert.ok(Filter.fromHash('').isEmpty);
  assert.ok(Filter.fromHash('#nonsense=1').isEmpty);
});

test('categories are hidden one by one, and all of them is no filter', () => {
  const all = ['tool', 'info', 'error'];
  const filter = new Filter();
  filter.toggle('info', all);
  assert.deepEqual([...filter.categories], ['tool', 'error']);
  assert.ok(!filter.wants(update()) && filter.wants(update({ category: 'tool' })));
  filter.toggle('info', all);
  assert.equal(filter.categories, null);
});

test('a search matches conversation, key or text', () => {
  const filter = Filter.fromHash('#find=ConV-1');
  assert.ok(filter.wants(update({ conversation: 'conv-17' })));
  assert.ok(filter.wants(update({ key: 'of conv-1' })));
  assert.ok(filter.wants(update({ text: 'CONV-1 begins', conversation: null })));
  assert.ok(!filter.wants(update()));
  const entry = { name: null, text: '', values: new Map([['x', { key: 'conv-1' }]]) };
  assert.ok(filter.wantsConversation(entry));
  assert.ok(!filter.wantsConversation({ ...entry, values: new Map() }));
  assert.ok(Filter.fromHash('#find=system').wantsConversation({ ...entry, values: new Map() }));
});

test('one conversation, or the system', () => {
  const make = Filter.fromHash('#conversation=make');
  assert.ok(make.wants(update()) && !make.wants(update({ conversation: null })));
  const system = Filter.fromHash('#system');
  assert.ok(!system.wants(update()) && system.wants(update({ conversation: null })));
});
