/** `dist/main.js` as a process of its own, on any free port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { openLeaks } from './canaries.ts';
import { KEYS } from './service.ts';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Log lines so far. */
  readonly lines: string[];
  /** Resolves once it is ready to answer. */
  ready(): Promise<void>;
  call(method: string, path: string, body?: unknown, role?: keyof typeof KEYS): Promise<{ status: number; json: any }>; // eslint-disable-line typescript/no-explicit-any
  /** Sends a signal and waits for the end. @returns exit code, null where the signal killed it */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** @param onLine told of every log line, also before it listens */
export async function startServer(environment: Record<string, string>, onLine: (line: string) => void = () => undefined): Promise<ServerProcess> {
  const dataDir = environment.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'jongleur-server-')));
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', DEMO: 'off', LOG_PRETTY: 'false', DATA_DIR: dataDir, JONGLEUR_SECRET_KEY: KEYS.secret, JONGLEUR_ADMIN_KEY: KEYS.admin, JONGLEUR_PUBLISHABLE_KEY: KEYS.publishable, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const leaks = openLeaks(inject('leakFolder'));
  const lines: string[] = [];
  const ended = (once(child, 'exit') as Promise<[number | null]>).then(async (result) => {
    if (environment.DATA_DIR === undefined) {
      await rm(dataDir, { recursive: true, force: true });
    }
    return result;
  });
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text: string) => {
        const pieces = (rest + text).split('\n');
        rest = pieces.pop()!;
        for (const line of pieces) {
          lines.push(line);
          leaks.log(line);
          onLine(line);
          const found = /listening on (http:\/\/[\d.:]+)/.exec(line);
          if (found !== null) {
            resolve(found[1]);
          }
        }
      });
    }
    void ended.then(([code]) => reject(new Error(`the server ended with ${code}:\n${lines.join('\n')}`)));
  });

  return {
    child, url, lines,
    async ready() {
      for (let attempt = 0; attempt < 300; attempt++) {
        const answer = await fetch(`${url}/health/ready`).catch(() => null);
        if (answer?.ok === true) {
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`not ready:\n${lines.join('\n')}`);
    },
    async call(method, path, body, role = 'admin') {
      const answer = await fetch(url + path, { method, headers: { authorization: `Bearer ${KEYS[role]}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      const text = await answer.text();
      leaks.answer({ status: answer.status, text, cookies: [], sent: `${path} ${JSON.stringify(body)}` });
      return { status: answer.status, json: answer.status === 204 ? null : JSON.parse(text) };
    },
    async end(signal) {
      child.kill(signal);
      return (await ended)[0];
    },
  };
}
