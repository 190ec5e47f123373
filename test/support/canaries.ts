/**
 * What must not get out, over the whole suite: each service and server of a test writes its log, its error bodies and the secrets it was given or gave into one folder, and when all tests have run, none of
 * the secrets may be in a log or an error body, and nothing of the database or of this program in an error body (`support/postgres.ts` looks, and fails the run).
 */
import { appendFileSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Shorter texts would be found by chance. */
const LEAST_CHARS = 20;
/** The words of Postgres, paths, and frames of a stack. */
const INTERNAL = /SQLSTATE|violates \S+ constraint|duplicate key value|relation "|current transaction is aborted|\bpg_[a-z]+\b|node_modules|\n\s+at \S|\bat \S+ \(\S*[/:]|\.(ts|js):\d+|ECONN[A-Z]+|postgres(ql)?:\/\/|\/tmp\/|Maximum call stack|\$\d+::/;
/** What a secret looks like. */
const SECRET = /(?:[psa]k|[td]s)_[\w-]{20,}|eyJ[\w.-]+/g;
/** Of tables whose name is no word of the API. */
const TABLES = new RegExp(
  String.raw`\b(${readdirSync(new URL('../../migrations/', import.meta.url)).flatMap((name) => [...readFileSync(new URL(`../../migrations/${name}`, import.meta.url), 'utf8').matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(\w+_\w+)/g)].map(([, table]) => table)).join('|')})\b`,
);

export interface Leaks {
  /** A whole process's log, or a piece of it. */
  log(text: string): void;
  errorBody(text: string): void;
  secret(text: string): void;
  /** Of an answer: its secrets, and its body where it is an error's. What the request itself had in its URL or body may be told of in its answer. */
  answer(answer: { readonly status: number; readonly text: string; readonly cookies: readonly string[]; readonly sent: string }): void;
}

export function openLeaks(folder: string): Leaks {
  mkdirSync(folder, { recursive: true });
  const write = (kind: string) => {
    const file = join(folder, `${kind}-${process.pid}.txt`);
    return (text: string) => appendFileSync(file, `${text}\n`);
  };
  const [log, errorBody, secret] = ['log', 'body', 'secret'].map(write);
  return {
    log, errorBody, secret,
    answer({ status, text, cookies, sent }) {
      if (status >= 400) {
        errorBody(text.replaceAll('\n', String.raw`\n`).replaceAll(SECRET, (secret) => (sent.includes(secret) ? '(sent)' : secret)));
      }
      for (const [, value] of text.matchAll(/"(?:key|secret|token)":"([^"]+)"/g)) {
        secret(value);
      }
      for (const cookie of cookies) {
        secret(cookie.split(';')[0].split('=').slice(1).join('='));
      }
    },
  };
}

/** @returns what is where it must not be, a line each, and how much was looked at */
export function findLeaks(folder: string): { leaks: string[]; lines: number; bodies: number; secrets: number } {
  const read = (kind: string) => readdirSync(folder).filter((name) => name.startsWith(`${kind}-`)).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n')).filter((line) => line !== '');
  const [lines, bodies] = [read('log'), read('body')];
  const secrets = [...new Set(read('secret'))].filter((secret) => secret.length >= LEAST_CHARS);
  const leaks: string[] = [];
  // By eight characters at a place where a secret is unlike others, so that thousands of them are looked for in one pass. Of one that repeats itself, as tests make them, all of it.
  const byStart = new Map<string, string[]>();
  for (const secret of secrets) {
    const end = secret.slice(-LEAST_CHARS);
    const needle = new Set(end).size < LEAST_CHARS / 2 ? secret : end;
    byStart.set(needle.slice(0, 8), [...(byStart.get(needle.slice(0, 8)) ?? []), needle]);
  }
  for (const [kind, texts] of [['a log', lines], ['an error body', bodies]] as const) {
    for (const text of texts) {
      for (let at = 0; at + LEAST_CHARS <= text.length; at++) {
        const found = byStart.get(text.slice(at, at + 8))?.find((end) => text.startsWith(end, at));
        if (found !== undefined) {
          leaks.push(`a secret that ends in ${found.slice(-4)} in ${kind}: ${text.slice(Math.max(0, at - 200), at)}…`);
          break;
        }
      }
    }
  }
  for (const body of bodies) {
    const found = INTERNAL.exec(body.replaceAll(String.raw`\n`, '\n')) ?? TABLES.exec(body);
    if (found !== null) {
      leaks.push(`${JSON.stringify(found[0])} in an error body: ${body.slice(0, 400)}`);
    }
  }
  return { leaks, lines: lines.length, bodies: bodies.length, secrets: secrets.length };
}
