// A Chromium that opens the dashboard.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'chrome.exe'];
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** The directory of the screenshots. */
const PICTURES = process.env.STATUSBUS_PICTURES ?? fileURLToPath(new URL('../pictures', import.meta.url));

function executable() {
  const given = process.env.STATUSBUS_BROWSER;
  if (given) {
    assert.ok(existsSync(given), `STATUSBUS_BROWSER names ${given}, which does not exist`);
    return given;
  }
  const path = (process.env.PATH ?? '').split(delimiter);
  const candidates = [...path.flatMap((place) => NAMES.map((name) => join(place, name))), ...PLACES];
  const found = candidates.find((candidate) => existsSync(candidate));
  assert.ok(found, 'no Chromium was found: install one, or name its program in STATUSBUS_BROWSER');
  return found;
}

export function launch() {
  return chromium.launch({ executablePath: executable(), args: FLAGS });
}

/**
 * Opens a page. `problems()` lists the violations of its content security policy and its uncaught
 * errors.
 */
export async function open(test, browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1600, height: 900 }, ...options });
  test.after(() => context.close());
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    // Some tests stop the server.
    const network = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !network) problems.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    problems.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  await context.exposeBinding('violated', (_, what) => problems.push(`policy: ${what}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.violated(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  await page.goto(url);
  return { page, problems: () => problems };
}

/** A screenshot for people, in the output of the tests. */
export async function picture(page, name, options = {}) {
  mkdirSync(PICTURES, { recursive: true });
  const path = join(PICTURES, `${name}.png`);
  await page.screenshot({ path, ...options });
  console.log(`# picture: ${path}`);
}

/** A screenshot in each of the two themes. */
export async function pictures(page, name) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    await picture(page, `${name}-${colorScheme}`);
  }
}
