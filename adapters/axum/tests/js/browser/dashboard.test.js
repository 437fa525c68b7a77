// The dashboard in a real browser, on a real server, left open for a while.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, open, picture, pictures } from './browser.js';
import { Cable } from './cable.js';
import { texts, until, untilEqual } from './look.js';
import { watchJob } from './watch.js';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test('a command progresses and finishes, and the page continues', async (t) => {
  const watch = await watchJob(t, { name: 'import' });
  const { page, problems } = await open(t, browser, watch.url);
  const card = page.locator('.card', { hasText: 'import' });
  const link = page.locator('#link');
  await until(link, 'Live');
  watch.says('Reading the list');
  const copies = (percent) => watch.says(JSON.stringify({ text: `Copying rows ${percent}%`, category: 'progress', key: 'copy' }));
  copies(30);
  await until(card.locator('.key .percent'), '30 %');
  assert.equal(await card.locator('progress').evaluate((bar) => bar.value), 0.3);
  copies(75);
  await until(card.locator('.key .percent'), '75 %');
  assert.equal(await card.locator('.key').count(), 1, 'a key has one value');
  await pictures(page, 'running');
  copies(100);
  await until(card.locator('.key .percent'), '✓ done');
  assert.equal(await watch.ends(), 0);
  await until(card.locator('.state'), /^✓ done/);
  await until(link, /^Reconnecting for .*: values shown are the last ones/);
  assert.match((await texts(page)).join('\n'), /Reading the list/, 'what was said is still there');
  await until(page.locator('.tile .most'), /^as of/);
  await pictures(page, 'away');
  assert.match(await page.title(), /statusbus/);

  const again = await watchJob(t, { port: watch.port, name: 'import-2' });
  again.says('Begun anew');
  await until(link, 'Live · not resumed, the server has started anew: values shown are the retained ones');
  await until(page.locator('.card .said'), 'Begun anew');
  await untilEqual(page, () => page.locator('.card h3').allTextContents(), ['import-2']);
  await until(page.locator('.line[data-kind=note]', { hasText: 'Connected' }), /Connected again: not resumed/);
  again.says('And going on');
  await until(page.locator('.line').last(), /And going on/);
  await pictures(page, 'restarted');
  assert.deepEqual(problems(), []);
});

test('a broken connection resumes with no gap and no duplicate', async (t) => {
  const watch = await watchJob(t);
  const cable = await Cable.to(t, watch.port);
  const { page, problems } = await open(t, browser, cable.url);
  const link = page.locator('#link');
  await until(link, 'Live');
  watch.says('line 1');
  await until(page.locator('.line').last(), /line 1/);
  // A closed connection; a proxy without its server; a response after which the browser gives up.
  for (const [round, state] of ['cut', 502, 503].entries()) {
    cable.cut(state);
    await until(link, /^Reconnecting/);
    await cable.turnsAway();
    for (const n of [2, 3, 4]) watch.says(`line ${round * 3 + n}`);
    cable.mend();
    await until(link, 'Live · resumed, nothing is missing');
    await until(page.locator('.line[data-kind=update]').last(), new RegExp(`line ${round * 3 + 4}`));
  }
  const said = (await texts(page)).filter((text) => text.startsWith('line '));
  assert.deepEqual(said, Array.from({ length: 10 }, (_, index) => `line ${index + 1}`));
  const [, ...resumed] = cable.streams;
  const asked = resumed.map(({ url, lastEventId }) => [Boolean(lastEventId), url.includes('last_event_id=')]);
  assert.deepEqual(asked, [[true, false], [false, true], [false, true]], 'by the browser, then by the page');
  assert.equal(await page.locator('.line[data-kind=gap]').count(), 0);
  assert.deepEqual(problems(), []);
});

test('a dead connection is replaced', async (t) => {
  const watch = await watchJob(t);
  const cable = await Cable.to(t, watch.port);
  const { page, problems } = await open(t, browser, 'about:blank');
  await page.clock.install();
  await page.goto(cable.url);
  await until(page.locator('#link'), 'Live');
  watch.says('line 1');
  await until(page.locator('.line .text').last(), 'line 1');
  cable.hold();
  const sent = page.locator('.tile', { hasText: 'Updates' }).locator('.note');
  watch.says('line 2');
  await until(sent, /^3 sent/);
  watch.says('line 3');
  await until(sent, /^4 sent/);
  assert.equal(cable.streams.length, 1);
  await page.clock.fastForward(20_000);
  await until(page.locator('.line[data-kind=update] .text').last(), 'line 3');
  assert.equal((await texts(page)).filter((text) => text.startsWith('line ')).join(), 'line 1,line 2,line 3');
  assert.match(cable.streams[1].url, /last_event_id=/);
  assert.deepEqual(problems(), []);
});

test('hostile text is text', async (t) => {
  const watch = await watchJob(t);
  const { page, problems } = await open(t, browser, watch.url);
  await until(page.locator('#link'), 'Live');
  const image = '<img src=x onerror=alert(1)>';
  const hostile = [
    image,
    '</script><script>alert(1)</script>',
    '"><svg onload=alert(1)>',
    'javascript:alert(1)',
    '\u202egnp.exe\u202c and \u2066isolated\u2069',
    'שלום עולם, مرحبا بالعالم',
    '👩‍💻🚀🏳️‍🌈 émoji',
    'z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b'.repeat(40),
    '{{constructor.constructor("alert(1)")()}}',
    '\u0000\u0007\u001b[31m control',
  ];
  for (const text of hostile) {
    const update = { conversation: image, category: 'tool', text, key: text.slice(0, 20), metadata: { [image]: image } };
    watch.says(JSON.stringify(update));
  }
  watch.says(JSON.stringify({ conversation: image, category: 'info', text: `${'long '.repeat(3_000)}end` }));
  watch.says(JSON.stringify({ conversation: 'last', category: 'info', text: 'the last one' }));
  await until(page.locator('.line').last(), /the last one/);
  const shown = await texts(page);
  for (const text of hostile.slice(0, 4)) assert.ok(shown.some((line) => line.includes(text)), text);
  assert.ok(shown.some((line) => line.includes('\ufffdgnp.exe\ufffd and \ufffdisolated\ufffd')));
  assert.ok(shown.some((line) => line.includes('שלום עולם, مرحبا بالعالم')));
  assert.ok(shown.some((line) => line.includes('␀␇␛[31m control')));
  await until(page.locator('.card h3', { hasText: '<img' }), image);
  assert.equal(await page.locator('main img, main script, main iframe').count(), 0);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `the page is ${wide} px wider than the screen`);
  await picture(page, 'hostile-light');

  await page.locator('.line', { hasText: 'long long' }).click();
  const dialog = page.locator('dialog');
  await until(dialog.locator('h2'), image);
  assert.equal((await dialog.locator('pre').textContent()).length, 15_003, 'all of it');
  await picture(page, 'details-light');
  await page.keyboard.press('Escape');
  await page.locator('.line', { hasText: 'onload' }).click();
  await until(dialog.locator('dd', { hasText: image }), /"<img src=x onerror=alert\(1\)>": "<img/);
  assert.deepEqual(problems(), []);
});

test('a flood does not freeze it, and hidden lines are counted', async (t) => {
  const watch = await watchJob(t, { name: 'flood' });
  const { page, problems } = await open(t, browser, watch.url, { colorScheme: 'dark' });
  await until(page.locator('#link'), 'Live');
  watch.says('flood 200000');
  watch.says('{"text":"after the flood","category":"info","conversation":"calm"}');
  // The page responds during the flood.
  await until(page.locator('.line').last(), /of a flood/);
  await page.locator('#find').fill('calm');
  await page.locator('#find').fill('');
  await picture(page, 'flood-dark');
  await until(page.locator('.line', { hasText: 'after the flood' }), /after the flood/);
  const rows = await page.locator('#lines li').count();
  assert.ok(rows <= 300, `${rows} lines`);
  const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
  assert.ok(nodes < 3_000, `${nodes} elements`);
  const skipped = page.locator('.line[data-kind=left], .line[data-kind=gap]');
  assert.ok((await skipped.count()) > 0, 'nobody can read that fast');
  assert.deepEqual(problems(), []);
});

test('gaps are shown in place, and the health shows the reasons', async (t) => {
  // More than a queue of ten holds is published at once: most of it is dropped.
  const watch = await watchJob(t, { name: 'narrow', options: ['--queue-limit', '10', '--batch-size', '10'] });
  const { page, problems } = await open(t, browser, watch.url, { colorScheme: 'dark' });
  await until(page.locator('#link'), 'Live');
  watch.says('before');
  await until(page.locator('.line').last(), /before/);
  const update = { conversation: 'narrow', category: 'info', text: 'one of many' };
  const body = JSON.stringify(Array(1_000).fill(update));
  const headers = { 'content-type': 'application/json' };
  const published = await fetch(new URL('/v1/status', watch.url), { method: 'POST', headers, body });
  assert.equal(published.status, 202);
  watch.says('{"text":"behind","category":"info","priority":"high"}');
  await until(page.locator('.line').last(), /behind/);
  await until(page.locator('.line[data-kind=gap]').first(), /updates? (is|are) missing here, of .*: .*evicted/);
  const lost = page.locator('.tile', { hasText: 'Lost' });
  await until(lost.locator('.note'), /evicted [\d,]+/);
  await picture(page, 'gaps-dark');
  // Large numbers stay within their tiles.
  for (const width of [1_600, 1_100, 980, 700, 390, 320]) {
    await page.setViewportSize({ width, height: 800 });
    const beyond = await page.evaluate(() => [...document.querySelectorAll('.tile')].flatMap((tile) => {
      const { right } = tile.getBoundingClientRect();
      const parts = [...tile.querySelectorAll('h3, .most, .figure, .spark, .note')];
      return parts.filter((part) => part.getBoundingClientRect().right > right).map((part) => part.textContent);
    }));
    assert.deepEqual(beyond, [], `at ${width} px`);
  }
  await page.setViewportSize({ width: 1_100, height: 800 });
  await picture(page, 'gaps-narrow-dark');
  assert.deepEqual(problems(), []);
});
