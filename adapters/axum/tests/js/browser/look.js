// What is to be seen, waited for by what happens in the page and not by a clock of the test.

import assert from 'node:assert/strict';

/** When something is taken not to come any more, in milliseconds. */
const HANGS = 30_000;

/** Waits until an element says this: a text, or what a pattern finds. */
export async function until(locator, wanted) {
  const first = locator.first();
  const { source, flags } = wanted instanceof RegExp ? wanted : { source: `^${escaped(wanted)}$`, flags: '' };
  try {
    await first.waitFor({ state: 'attached', timeout: HANGS });
    const page = first.page();
    // The element may be replaced while it is waited for: it is looked up each time.
    const deadline = Date.now() + HANGS;
    const pattern = new RegExp(source, flags);
    while (Date.now() < deadline) {
      const text = (await first.textContent({ timeout: HANGS }))?.trim() ?? '';
      if (pattern.test(text)) return;
      await page.evaluate(() => new Promise((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(resolve));
      }));
    }
  } catch (error) {
    if (error.name !== 'TimeoutError') throw error;
  }
  const told = await first.textContent({ timeout: 1_000 }).catch(() => 'nothing');
  assert.fail(`${locator} says ${JSON.stringify(told)}, not ${wanted}`);
}

/** What the lines of the stream say, in order. */
export function texts(page) {
  return page.locator('.line .text').allTextContents();
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
