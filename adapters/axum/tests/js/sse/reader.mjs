// Reads an event stream with the `eventsource` package and writes each event as a line of JSON.
//
//     node reader.mjs URL

import { EventSource } from 'eventsource';

import { listen } from './listen.js';

listen(new EventSource(process.argv[2]), (event) => process.stdout.write(`${JSON.stringify(event)}\n`));
process.stdin.resume().on('end', () => process.exit());
