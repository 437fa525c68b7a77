// Using the page: with a keyboard, with a screen reader, on a phone, on a wall.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { launch, open, picture } from './browser.js';
import { texts, until, untilEqual } from './look.js';
import { start, watchJob } from './watch.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const WALL = { width: 1920, height: 1080 };
const PHONE = { width: 390, height: 844 };

/** Clean-up after all tests. */
const ends = [];
let browser;
let watch;

before(async () => {
  browser = await launch();
  watch = await watchJob({ after: (end) => ends.push(end) }, { name: 'deploy' });
  scene(watch);
});

after(async () => {
  for (const end of ends) end();
  await browser?.close();
});

/** A typical day: some conversations active, some done, one failed. */
function scene(job) {
  const say = (conversation, category, text, more = {}) => {
    job.says(JSON.stringify({ conversation, category, text, ...more }));
  };
  const step = (conversation, key, fraction, text) => {
    say(conversation, 'progress', text, { key, metadata: { fraction } });
  };
  say('chat-4711', 'engine', 'model is loaded');
  say('chat-4711', 'planning', 'three searches, then a comparison');
  say('chat-4711', 'tool', 'search("tide tables 2026")');
  step('chat-4711', 'answer', 0.62, 'answer 62 %');
  say('import-berlin', 'workflow', 'step 3 of 5: transform');
  step('import-berlin', 'rows', 0.41, '41,230/100,000 rows');
  step('import-berlin', 'images', 0.87, '87 % at 12 MB/s');
  say('import-berlin', 'error', 'row 17 has no date: left out', { priority: 'normal' });
  step('sensor-12', 'firmware', 0.08, 'firmware: 8 %');
  say('nightly-backup', 'info', '1,204 files in 3 min 12 s', { priority: 'high' });
  say('mail-digest', 'error', 'the mail server refused: 554 5.7.1', { priority: 'high' });
  say(null, 'info', 'deploy window opens at 18:00');
  say('deploy', 'tool', 'compiling 214 crates');
  step('deploy', 'Building', 0.73, 'Building 156/214: serde, syn');
}

async function look(t, options, url = watch.url) {
  const looked = await open(t, browser, url, options);
  await until(looked.page.locator('#link'), 'Live');
  await until(looked.page.locator('.tile', { hasText: 'Updates' }).locator('.figure'), /\d/);
  await until(looked.page.locator('.card h3', { hasText: 'deploy' }), 'deploy');
  return looked;
}

for (const [name, options] of [
  ['dark', { viewport: WALL, colorScheme: 'dark' }],
  ['light', { viewport: WALL, colorScheme: 'light' }],
  ['phone-dark', { viewport: PHONE, colorScheme: 'dark', deviceScaleFactor: 2 }],
  ['phone-light', { viewport: PHONE, colorScheme: 'light', deviceScaleFactor: 2 }],
  ['4k-dark', { viewport: { width: 3840, height: 2160 }, colorScheme: 'dark' }],
]) {
  test(`it is accessible: ${name}`, async (t) => {
    // The policy of the page would block the script of the checker.
    const { page, problems } = await look(t, { ...options, bypassCSP: true });
    await picture(page, `wall-${name}`);
    if (name.startsWith('phone')) {
      await page.locator('.parts a', { hasText: 'Stream' }).click();
      await page.locator('.line .text', { hasText: 'three searches' }).waitFor();
      await picture(page, `wall-${name}-stream`);
    }
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`);
    assert.deepEqual(told, []);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} px wider than the screen`);
    assert.deepEqual(problems(), []);
    });
}

test('everything can be done with the keyboard', async (t) => {
  const { page, problems } = await look(t);
  const focused = () => page.evaluate(() => {
    const { id, className, textContent } = document.activeElement;
    return id || className || textContent;
  });
  const stops = [];
  for (let n = 0; n < 40 && stops.at(-1) !== 'lines'; n += 1) {
    await page.keyboard.press('Tab');
    stops.push(await focused());
  }
  assert.deepEqual(stops.slice(0, 5), ['skip', 'pause', 'theme', 'find', 'scroll'], 'from top to bottom');
  assert.equal(stops.at(-1), 'lines');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.closest('#lines')), null, 'the stream is one stop');
  await page.locator('#lines').focus();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  const chosen = await page.evaluate(() => document.activeElement.querySelector('.text').textContent);
  await until(page.locator('#follow'), /↓/);
  await page.keyboard.press('Enter');
  const dialog = page.locator('dialog');
  await until(dialog.locator('pre'), chosen.replace(/^Building: /, ''));
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  assert.equal(await focused(), 'lines');
  await page.locator('#follow').waitFor({ state: 'hidden' });

  await page.locator('.skip').focus();
  await page.keyboard.press('Enter');
  assert.equal(await focused(), 'conversations');
  assert.equal(new URL(page.url()).hash, '', 'which is the filter’s');
  assert.deepEqual(problems(), []);
});

test('the filter is in the address, and is restored from it', async (t) => {
  const { page } = await look(t);
  const shown = page.locator('.line[data-kind=update] .category');
  const categories = async () => [...new Set(await shown.allTextContents())].sort();
  for (const category of ['progress', 'info', 'engine', 'workflow', 'planning']) {
    await page.locator('.chip', { hasText: category }).click();
  }
  await untilEqual(page, categories, ['error', 'tool']);
  await page.locator('.card h3', { hasText: 'import-berlin' }).locator('button').click();
  await until(page.locator('#only'), 'only import-berlin ✕');
  await untilEqual(page, () => texts(page), ['row 17 has no date: left out']);
  const address = page.url();
  assert.match(address, /#categories=tool%2Cerror&conversation=import-berlin$/);
  await page.goto('about:blank');
  await page.goto(address);
  await untilEqual(page, () => texts(page), ['row 17 has no date: left out']);
  await page.locator('#only').click();
  await page.locator('#find').fill('TIDE');
  await until(page.locator('.line .text').first(), 'search("tide tables 2026")');
  await page.locator('#find').fill('sensor');
  await untilEqual(page, () => page.locator('.card h3').allTextContents(), ['sensor-12']);
  await page.locator('#find').fill('nobody');
  await until(page.locator('#rest'), 'no conversation has “nobody”');
});

test('the selected theme is remembered', async (t) => {
  const { page } = await look(t, { colorScheme: 'light' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  const theme = page.locator('#theme');
  await theme.click();
  await theme.click();
  await until(theme, 'Theme: dark');
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await until(theme, 'Theme: dark');
  assert.equal(await ground(), dark);
  await theme.click();
  assert.equal(await ground(), light, 'auto');
});

test('a paused stream continues with the lines that arrived meanwhile', async (t) => {
  const { page } = await look(t);
  await page.locator('#pause').click();
  const before = await texts(page);
  watch.says('{"conversation":"deploy","category":"tool","text":"said while it was paused"}');
  await until(page.locator('#pause'), 'Go on (1 update)');
  assert.deepEqual(await texts(page), before);
  await page.locator('#pause').click();
  await until(page.locator('.line .text').last(), 'said while it was paused');
});

test('a screen reader announces ends, not every line', async (t) => {
  const { page } = await look(t);
  const status = page.locator('#announcement');
  await until(status, /^Live/);
  watch.says('{"conversation":"one-1","category":"tool","text":"begins"}');
  watch.says('{"conversation":"one-1","category":"info","text":"over","priority":"high"}');
  watch.says('{"conversation":"one-2","category":"error","text":"over"}');
  await until(status, 'one-2 failed. one-1 done.');
});

test('an empty dashboard shows a command that works as pasted', async (t) => {
  const empty = await start(t, ['serve', '--listen', '127.0.0.1:0']);
  const { page, problems } = await open(t, browser, empty.url);
  await page.locator('#nothing').waitFor({ state: 'visible' });
  await until(page.locator('#nothing p'), 'There are no updates yet. Publish one:');
  await until(page.locator('.tile', { hasText: 'Updates' }).locator('.figure'), /\d/);
  await picture(page, 'empty-light');
  const answer = execFileSync('sh', ['-c', await page.locator('#example').textContent()], { stdio: 'pipe' });
  assert.deepEqual(JSON.parse(answer), { accepted: 1, refused: [] });
  await until(page.locator('.card h3'), 'hello');
  await until(page.locator('.key .percent'), '41 %');
  assert.deepEqual(problems(), []);
});

test('a required token is asked for, and kept out of the address', async (t) => {
  const token = 'a-token-of-forty-characters-or-so-0123456789';
  const closed = await start(t, ['serve', '--listen', '127.0.0.1:0'], { WATCH_TOKEN: token });
  const { page, problems } = await open(t, browser, closed.url, { colorScheme: 'dark' });
  await until(page.locator('#link'), 'A token is needed');
  await picture(page, 'refused-dark');
  await page.locator('#token').fill('wrong');
  await page.keyboard.press('Enter');
  await until(page.locator('#token-detail'), /token/);
  await page.locator('#token').fill(token);
  await page.keyboard.press('Enter');
  await until(page.locator('#link'), 'Live');
  await page.goto(`${closed.url}/?access_token=${token}#find=x`);
  await until(page.locator('#link'), 'Live');
  assert.equal(page.url(), `${closed.url}/#find=x`);
  await page.reload();
  await until(page.locator('#link'), 'Live');
  assert.deepEqual(problems(), []);
});
