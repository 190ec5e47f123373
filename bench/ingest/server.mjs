/** The server as it is shipped, on a database of its own, and the bare route it is held against. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

export const KEY = `sk_${'b'.repeat(40)}`;
export const ADMIN_KEY = `ak_${'b'.repeat(40)}`;
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const BARE = fileURLToPath(new URL('bare.mjs', import.meta.url));

async function start(script, args, env, found) {
  const child = spawn(process.execPath, [script, ...args], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const url = await new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (piece) => {
      text += piece;
      const match = found.exec(text);
      if (match !== null) {
        resolve(match[1]);
      }
    });
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}: ${text.slice(-2000)}`)));
  });
  child.stdout.resume();
  return {
    url, pid: child.pid,
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** On the Postgres of `databaseUrl`, without a schedule that would train meanwhile. */
export async function startApp(databaseUrl) {
  const app = await start(MAIN, [], { DATABASE_URL: databaseUrl, DEMO: 'off', RETRAIN_CRON: 'off', RETRAIN_AFTER_EVENTS: '0', TRAINER: 'off', HOST: '127.0.0.1', PORT: '0', LOG_PRETTY: 'false', DATA_DIR: process.env.TMPDIR ?? '/tmp', JONGLEUR_SECRET_KEY: KEY, JONGLEUR_ADMIN_KEY: ADMIN_KEY, JONGLEUR_PUBLISHABLE_KEY: `pk_${'b'.repeat(40)}` }, /listening on (http:\/\/[\d.:]+)/);
  for (;;) {
    const answer = await fetch(`${app.url}/health/ready`).catch(() => null);
    if (answer?.ok === true) {
      return app;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const startBare = async () => await start(BARE, [], {}, /listening on (http:\/\/[\d.:]+)/);

export async function query(databaseUrl, sql) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

let made = 0;
/** A database of its own in the Postgres of `serverUrl`; `drop` takes it away. */
export async function createDatabase(serverUrl, template = null) {
  const name = `bench_${process.pid}_${++made}`;
  await query(serverUrl, `CREATE DATABASE ${name}${template === null ? '' : ` TEMPLATE ${template}`}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { name, url: url.href, drop: async () => await query(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
