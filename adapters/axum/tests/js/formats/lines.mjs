// The interface of a reader: commands are lines of input, events are lines of JSON.

import { createInterface } from "node:readline";

export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Executes commands until the end of the input. */
export function obey(actions) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => actions[line]());
  lines.on("close", () => process.exit());
}
