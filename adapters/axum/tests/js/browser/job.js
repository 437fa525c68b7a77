// A command that prints each line of its input, and ends with it. A line that begins with `flood ` and a
// number prints that many lines.

import { once } from 'node:events';
import { createInterface } from 'node:readline';

for await (const line of createInterface({ input: process.stdin })) {
  const flood = /^flood (\d+)$/.exec(line);
  if (!flood) {
    process.stdout.write(`${line}\n`);
    continue;
  }
  for (let n = 1; n <= Number(flood[1]); n += 1) {
    if (!process.stdout.write(`line ${n} of a flood\n`)) await once(process.stdout, 'drain');
  }
}
