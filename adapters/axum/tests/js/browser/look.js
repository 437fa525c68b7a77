// Waiting for the content of the page, driven by its frames and not by a clock of the test.

import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';

/** Timeout in milliseconds. */
const HANGS = 30_000;

/** Waits until an element has a text, or matches a pattern. */
export async function until(locator, wanted) {
  const first = locator.first();
  const fits = (text) => (wanted instanceof RegExp ? wanted.test(text) : wanted === text);
  // The element may be replaced meanwhile, so it is looked up each time.
  const [text, came] = await look(first.page(), async () => (await first.textContent({ timeout: HANGS })).trim(), fits);
  assert.ok(came, `${locator} says ${JSON.stringify(text)}, not ${wanted}`);
}

/** Waits until a value read from the page equals `wanted`. */
export async function untilEqual(page, read, wanted) {
  const [value] = await look(page, read, (value) => isDeepStrictEqual(value, wanted));
  assert.deepEqual(value, wanted);
}

/** Reads after each frame until it fits or times out. Returns the last value, and whether it fits. */
async function look(page, read, fits) {
  const deadline = Date.now() + HANGS;
  for (;;) {
    const value = await read();
    if (fits(value)) return [value, true];
    if (Date.now() > deadline) return [value, false];
    await page.evaluate(() => new Promise((resolve) => {
      requestAnimationFrame(() => requestAnimationFrame(resolve));
    }));
  }
}

/** The texts of the updates in the stream, in order. */
export function texts(page) {
  return page.locator('.line[data-kind=update] .text').allTextContents();
}
