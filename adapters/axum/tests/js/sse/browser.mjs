// Reads an event stream with the `EventSource` of Chromium and writes each event as a line of JSON, in a
// page of the same server, because the server refuses other origins.
//
//     node browser.mjs URL

import { launch } from '../browser/browser.js';
import { listen } from './listen.js';

const url = process.argv[2];
const browser = await launch();
const page = await browser.newPage();
await page.exposeFunction('say', (event) => process.stdout.write(`${JSON.stringify(event)}\n`));
await page.goto(new URL('/healthz', url).href);
await page.evaluate(`(${listen})(new EventSource(${JSON.stringify(url)}), (event) => say(event))`);
process.stdin.resume().on('end', () => browser.close().then(() => process.exit()));
