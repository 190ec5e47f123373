/** A server of its own for a script: the built one, on any free port, with data in a folder that goes with it. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/**
 * @param environment beside what is needed to start; DATABASE_URL takes the place of the embedded Postgres
 * @param nodeArguments before the script, such as a preload
 * @returns url, keys by role, the lines logged, its DATA_DIR, what to call it by, and how to stop it; ready to answer
 */
export async function startServer(environment = {}, nodeArguments = []) {
  const server = await beginServer(environment, nodeArguments);
  await untilReady(server);
  return server;
}

/** As `startServer`, but back as soon as it listens: a demo shop is made, and its first model trained, meanwhile. */
export async function beginServer(environment = {}, nodeArguments = []) {
  const folder = await mkdtemp(join(tmpdir(), 'jongleur-script-'));
  await chmod(folder, 0o755);
  const keys = Object.fromEntries([['publishable', 'pk'], ['secret', 'sk'], ['admin', 'ak']].map(([role, prefix]) => [role, `${prefix}_${randomBytes(32).toString('base64url')}`]));
  const child = spawn(process.execPath, [...nodeArguments, main], {
    env: {
      PATH: process.env.PATH, HOME: process.env.HOME, TZ: process.env.TZ, HOST: '127.0.0.1', PORT: '0', LOG_PRETTY: 'false', DATA_DIR: folder, RETRAIN_CRON: 'off', RETRAIN_AFTER_EVENTS: '0', IP_RATE_LIMIT: '0',
      JONGLEUR_PUBLISHABLE_KEY: keys.publishable, JONGLEUR_SECRET_KEY: keys.secret, JONGLEUR_ADMIN_KEY: keys.admin, ...environment,
    },
    // Not of this terminal's group: Ctrl-C is for the script, which stops the server itself.
    detached: true,
    // A preload may talk by messages.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ended = once(child, 'exit');
  const lines = [];
  const url = await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text) => {
        const pieces = (rest + text).split('\n');
        rest = pieces.pop();
        for (const line of pieces) {
          lines.push(line);
          const found = /listening on (http:\/\/[\d.:]+)/.exec(line);
          if (found !== null) {
            resolve(found[1]);
          }
        }
      });
    }
    void ended.then(([code]) => reject(new Error(`the server ended with ${code}:\n${lines.slice(-20).join('\n')}`)));
  });

  /** @returns status and body, parsed where it is JSON */
  async function call(method, path, { role = 'admin', body, headers = {}, type = 'application/json' } = {}) {
    const answer = await fetch(url + path, {
      method,
      headers: { ...(role === null ? {} : { authorization: `Bearer ${keys[role]}` }), ...(body === undefined ? {} : { 'content-type': type }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, text, retryAfter: Number(answer.headers.get('retry-after')), json: /json/.test(answer.headers.get('content-type') ?? '') && !/ndjson/.test(answer.headers.get('content-type')) ? JSON.parse(text) : null };
  }
  async function stop() {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  }
  // However the script ends.
  process.once('exit', () => child.kill('SIGTERM'));
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => void stop().then(() => process.exit(130)));
  }
  return { child, url, keys, lines, call, stop, dataDir: folder };
}

/** @param server of `beginServer` @throws Error where it ended before */
export async function untilReady({ url, child, lines }) {
  while (!(await fetch(`${url}/health/ready`).then((answer) => answer.ok, () => false))) {
    if (child.exitCode !== null) {
      throw new Error(`the server ended with ${child.exitCode}:\n${lines.slice(-20).join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
