// `watch`, started from the command line.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../..', import.meta.url));
const JOB = fileURLToPath(new URL('job.js', import.meta.url));

let built = null;

/** The program: from STATUSBUS_WATCH, or built now. */
function program() {
  built ??= process.env.STATUSBUS_WATCH ?? build();
  return built;
}

function build() {
  const args = ['build', '--package', 'watch', '--message-format=json-render-diagnostics'];
  const told = execFileSync('cargo', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const messages = told.trim().split('\n').map((line) => JSON.parse(line));
  const made = messages.find(({ target, executable }) => target?.name === 'watch' && executable);
  assert.ok(made, 'cargo has built no program called watch');
  return made.executable;
}

/** A running `watch`, and its address. */
class Watch {
  constructor(child, url) {
    [this.child, this.url] = [child, url];
    this.port = new URL(url).port;
  }

  /** Lets the job print a line. */
  says(line) {
    this.child.stdin.write(`${line}\n`);
  }

  /** Ends the job, and waits until `watch` has ended. */
  async ends() {
    this.child.stdin.end();
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return this.child.exitCode;
  }
}

/**
 * `watch run` of a job that prints the lines of the test, on `port` or a free one. It is killed after
 * the test.
 * @returns {Promise<Watch>}
 */
export function watchJob(test, { port = 0, name = 'job', options = [] } = {}) {
  const args = ['run', '--plain', '--listen', `127.0.0.1:${port}`, '--name', name, ...options];
  return start(test, [...args, '--', process.execPath, JOB]);
}

/** `watch` with any arguments. */
export async function start(test, args, env = {}) {
  const child = spawn(program(), args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  test.after(() => child.kill('SIGKILL'));
  child.stdout.resume();
  child.stdin.on('error', () => {});
  const told = [];
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      told.push(line);
      const found = /http:\/\/[\w.:[\]-]+/.exec(line);
      if (found) resolve(found[0]);
    });
    child.once('exit', (code) => reject(new Error(`watch ended with ${code}: ${told.join('\n')}`)));
    child.once('error', reject);
  });
  return new Watch(child, url);
}
