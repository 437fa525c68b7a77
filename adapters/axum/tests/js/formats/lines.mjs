// What a reader says goes out as lines of JSON, and what it is to do comes in as such.

import { createInterface } from "node:readline";

export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Does what it is told, and ends when nobody can tell it anything any more. */
export function obey(actions) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => actions[line]());
  lines.on("close", () => process.exit());
}
