/**
 * The one reader of the environment. Everything else receives values.
 *
 * A variable set to nothing counts as not set, so that a compose file may pass `${VAR:-}`. All faults are found before any is reported: somebody who mends
 * a file should have to mend it once.
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { Cron } from 'croner';
import envSchema from 'env-schema';

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Where browsers reach this server, without a trailing slash; null: `http://HOST:PORT`. */
  readonly publicUrl: string | null;
  /** Origins whose pages may call from a browser, beside this server's own. */
  readonly corsOrigins: readonly string[];
  /** Proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  /** Requests a minute of an address without a secret key, and of a secret or admin key; 0: no limit. */
  readonly rateLimits: { readonly perIp: number; readonly perKey: number; readonly perShopper: number };
  /** null: the embedded Postgres under `dataDir`. */
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  /** How old a local copy may be that a start without Postgres answers from; 0: none is kept. */
  readonly localCopyDays: number;
  /** From SIGTERM on, so long everything is answered as before, and /health/ready says 503. */
  readonly drainSeconds: number;
  /** `auto`: into an empty embedded database; `on`: into any empty one; `off`: never. */
  readonly demo: 'auto' | 'on' | 'off';
  /** Simulated shoppers come to a demo shop. */
  readonly demoLive: boolean;
  /** Five or six fields, local time; null: no schedule. */
  readonly retrainCron: string | null;
  readonly retrainMinEvents: number;
  /** 0: never because of events. */
  readonly retrainAfterEvents: number;
  readonly trainer: 'thread' | 'off';
  /** 0: chosen by the machine: one less than its cores inside a serving process, all of them in `jongleur train`. */
  readonly trainThreads: number;
  /** Every so-manieth model version is fitted from a cold start. */
  readonly trainColdEvery: number;
  /** Wall time that a light search for a better recipe may take; a full one ten times as much. */
  readonly trainSearchSeconds: number;
  /** Which inner loops a fit runs: `auto` is WebAssembly where it can run. */
  readonly trainKernel: 'auto' | 'wasm' | 'reference';
  /** Below these a run ends with what is missing. */
  readonly trainMinimums: { readonly interactions: number; readonly users: number };
  /** Events received longer ago are deleted; 0: never. */
  readonly eventsRetentionDays: number;
  readonly logLevel: string;
  readonly logPretty: boolean;
  readonly keys: { readonly secret: string | null; readonly publishable: string | null; readonly admin: string | null };
}

interface Variable {
  readonly schema: Record<string, unknown>;
  readonly example: string;
  readonly says: string;
}

/** Also the source of the README's table: a test compares the two. */
export const VARIABLES: Readonly<Record<string, Variable>> = {
  HOST: { schema: { type: 'string', default: '127.0.0.1' }, example: '0.0.0.0', says: 'address to listen on; the image sets 0.0.0.0' },
  PORT: { schema: { type: 'integer', minimum: 0, maximum: 65535, default: 3000 }, example: '3000', says: 'a whole number from 0 (any free port) to 65535' },
  PUBLIC_URL: { schema: { type: 'string' }, example: 'https://recommend.example.com', says: 'an http(s) URL: where browsers reach this server' },
  CORS_ORIGINS: { schema: { type: 'string' }, example: 'https://shop.example,https://www.shop.example', says: 'origins whose pages may call from a browser, separated by commas; none without it' },
  TRUST_PROXY: { schema: { type: 'string' }, example: '10.0.0.1,192.168.0.0/16', says: 'addresses or networks of proxies whose X-Forwarded-For is believed, separated by commas; none without it' },
  IP_RATE_LIMIT: { schema: { type: 'integer', minimum: 0, maximum: 1000000, default: 1200 }, example: '600', says: 'requests a minute of one address without a secret key; 0 is no limit' },
  KEY_RATE_LIMIT: { schema: { type: 'integer', minimum: 0, maximum: 100000000, default: 0 }, example: '60000', says: 'requests a minute with one secret or admin key; 0 is no limit' },
  SHOPPER_EVENT_LIMIT: { schema: { type: 'integer', minimum: 0, maximum: 100000000, default: 1000 }, example: '500', says: 'events an hour with one shopper’s token; 0 is no limit' },
  DATABASE_URL: { schema: { type: 'string' }, example: 'postgres://jongleur:secret@db:5432/jongleur', says: 'a postgres:// URL (14 or newer); without it the embedded Postgres is used' },
  DATA_DIR: { schema: { type: 'string', default: './.jongleur' }, example: '/var/lib/jongleur', says: 'folder for the keys file, the embedded Postgres and the local copy' },
  LOCAL_COPY_DAYS: { schema: { type: 'integer', minimum: 0, maximum: 3650, default: 7 }, example: '1', says: 'with DATABASE_URL, a copy in DATA_DIR answers where Postgres is away at the start, so many days after it was last seen at most; 0 keeps none' },
  DRAIN_SECONDS: { schema: { type: 'integer', minimum: 0, maximum: 600, default: 0 }, example: '10', says: 'after SIGTERM everything is answered for so long while /health/ready says 503; behind a load balancer longer than it takes to notice that' },
  DEMO: { schema: { type: 'string', enum: ['auto', 'on', 'off'], default: 'auto' }, example: 'off', says: 'auto (demo shop into an empty embedded database), on (into any empty database) or off' },
  DEMO_LIVE: { schema: { type: 'string', enum: ['on', 'off'], default: 'off' }, example: 'on', says: 'on: simulated shoppers come to the demo shop, some a minute; never to a database with data of its own' },
  RETRAIN_CRON: { schema: { type: 'string', default: '0 3 * * *' }, example: '0 3 * * *', says: 'a cron pattern in local time, or off' },
  RETRAIN_MIN_EVENTS: { schema: { type: 'integer', minimum: 0, default: 100 }, example: '100', says: 'a scheduled run with fewer new events is recorded as skipped' },
  RETRAIN_AFTER_EVENTS: { schema: { type: 'integer', minimum: 0, default: 10000 }, example: '10000', says: 'train after so many new events, at most every 15 minutes; 0 is never' },
  TRAINER: { schema: { type: 'string', enum: ['thread', 'off'], default: 'thread' }, example: 'off', says: 'thread, or off for a replica that only answers' },
  TRAIN_THREADS: { schema: { type: 'integer', minimum: 0, maximum: 256, default: 0 }, example: '2', says: 'a whole number of threads; 0 chooses by the machine' },
  TRAIN_COLD_EVERY: { schema: { type: 'integer', minimum: 1, maximum: 1000, default: 7 }, example: '7', says: 'one model in so many is fitted from the start, the others go on from the live one; 1 is all' },
  TRAIN_SEARCH_SECONDS: { schema: { type: 'integer', minimum: 1, maximum: 86400, default: 30 }, example: '60', says: 'a run looks for a better recipe so long at most; with full search ten times as long' },
  TRAIN_KERNEL: { schema: { type: 'string', enum: ['auto', 'wasm', 'reference'], default: 'auto' }, example: 'reference', says: 'auto, wasm (SIMD), or reference (plain code, slower)' },
  TRAIN_MIN_INTERACTIONS: { schema: { type: 'integer', minimum: 0, default: 1000 }, example: '1000', says: 'with fewer (shopper, item) pairs a run ends with what is missing; 0 trains on anything' },
  TRAIN_MIN_USERS: { schema: { type: 'integer', minimum: 0, default: 25 }, example: '25', says: 'the same for shoppers with two items or more' },
  EVENTS_RETENTION_DAYS: { schema: { type: 'integer', minimum: 0, maximum: 36500, default: 0 }, example: '730', says: 'events received longer ago than so many days are deleted; 0 keeps them for ever' },
  LOG_LEVEL: { schema: { type: 'string', enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], default: 'info' }, example: 'info', says: 'fatal, error, warn, info, debug, trace or silent' },
  LOG_PRETTY: { schema: { type: 'string', enum: ['true', 'false', '1', '0', 'auto'], default: 'auto' }, example: 'true', says: 'true, false, or auto (pretty on a terminal, JSON elsewhere)' },
  JONGLEUR_SECRET_KEY: { schema: { type: 'string', pattern: '^sk_[A-Za-z0-9_-]{32,200}$' }, example: 'sk_ and 43 random characters', says: 'sk_ followed by at least 32 letters, digits, _ or -' },
  JONGLEUR_PUBLISHABLE_KEY: { schema: { type: 'string', pattern: '^pk_[A-Za-z0-9_-]{32,200}$' }, example: 'pk_ and 43 random characters', says: 'pk_ followed by at least 32 letters, digits, _ or -' },
  JONGLEUR_ADMIN_KEY: { schema: { type: 'string', pattern: '^ak_[A-Za-z0-9_-]{32,200}$' }, example: 'ak_ and 43 random characters', says: 'ak_ followed by at least 32 letters, digits, _ or -' },
};

/** Five or six fields, or a nickname like @daily. */
const CRON_FIELDS = /^(@\w+|\S+(\s+\S+){4,5})$/;

/** Every fault of the environment in one message, a line each: variable, value, what would be right, an example. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

function describeFault(name: string, value: unknown): string {
  const variable = VARIABLES[name];
  // A key's value stays out of terminals and logs even where it is wrong.
  const shown = name.endsWith('_KEY') ? `(${String(value).length} characters)` : `"${String(value)}"`;
  return `${name} is ${shown}: expected ${variable.says}. Example: ${name}=${variable.example}`;
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

/** An address, or one with the bits of its network. */
function isNetwork(text: string): boolean {
  const [address, bits, ...more] = text.split('/');
  const family = isIP(address);
  return family !== 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (family === 4 ? 32 : 128)));
}

/**
 * Checks the environment and freezes what it says.
 *
 * @throws ConfigError naming every fault at once
 */
export function readConfig(environment: Record<string, string | undefined>, terminal: boolean): Config {
  const given: Record<string, string> = {};
  for (const name of Object.keys(VARIABLES)) {
    const value = environment[name]?.trim();
    if (value !== undefined && value !== '') {
      given[name] = value;
    }
  }
  const faults: string[] = [];
  let values: Record<string, unknown> = {};
  try {
    values = envSchema({
      schema: { type: 'object', properties: Object.fromEntries(Object.entries(VARIABLES).map(([name, variable]) => [name, { ...variable.schema }])) },
      data: { ...given },
      env: false,
    });
  } catch (error) {
    const found = (error as { errors?: { instancePath: string }[] }).errors ?? [];
    for (const name of new Set(found.map((fault) => fault.instancePath.slice(1)))) {
      faults.push(describeFault(name, given[name]));
    }
    values = Object.fromEntries(Object.entries(VARIABLES).map(([name, variable]) => [name, given[name] ?? variable.schema.default]));
  }
  const text = (name: string): string | null => (values[name] === undefined ? null : String(values[name]));

  const cron = text('RETRAIN_CRON');
  if (cron !== null && cron !== 'off') {
    try {
      // Croner would take a date as well, and run once.
      if (!CRON_FIELDS.test(cron)) {
        throw new Error('not five or six fields');
      }
      new Cron(cron, { paused: true }).stop();
    } catch {
      faults.push(describeFault('RETRAIN_CRON', cron));
    }
  }
  const publicUrl = text('PUBLIC_URL');
  if (publicUrl !== null && !isUrl(publicUrl, ['http:', 'https:'])) {
    faults.push(describeFault('PUBLIC_URL', publicUrl));
  }
  const listOf = (name: string) => (text(name) ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '');
  const trustProxy = listOf('TRUST_PROXY');
  if (!trustProxy.every(isNetwork)) {
    faults.push(describeFault('TRUST_PROXY', text('TRUST_PROXY')));
  }
  const corsOrigins = listOf('CORS_ORIGINS');
  // An origin and nothing behind it: "*" or a path would look as if it were a rule, and match nothing.
  if (corsOrigins.some((origin) => !isUrl(origin, ['http:', 'https:']) || new URL(origin).origin !== origin || origin.includes('*'))) {
    faults.push(describeFault('CORS_ORIGINS', text('CORS_ORIGINS')));
  }
  const databaseUrl = text('DATABASE_URL');
  if (databaseUrl !== null && !isUrl(databaseUrl, ['postgres:', 'postgresql:'])) {
    // The value may carry a password, so the message does not repeat it.
    faults.push(`DATABASE_URL is not a Postgres URL: expected ${VARIABLES.DATABASE_URL.says}. Example: DATABASE_URL=${VARIABLES.DATABASE_URL.example}`);
  }
  if (faults.length > 0) {
    throw new ConfigError(faults);
  }
  const pretty = text('LOG_PRETTY');
  return Object.freeze({
    host: text('HOST')!,
    port: Number(values.PORT),
    publicUrl: publicUrl === null ? null : publicUrl.replace(/\/+$/, ''),
    corsOrigins: Object.freeze(corsOrigins),
    trustProxy: Object.freeze(trustProxy),
    rateLimits: Object.freeze({ perIp: Number(values.IP_RATE_LIMIT), perKey: Number(values.KEY_RATE_LIMIT), perShopper: Number(values.SHOPPER_EVENT_LIMIT) }),
    databaseUrl,
    dataDir: resolve(text('DATA_DIR')!),
    localCopyDays: Number(values.LOCAL_COPY_DAYS),
    drainSeconds: Number(values.DRAIN_SECONDS),
    demo: text('DEMO') as Config['demo'],
    demoLive: text('DEMO_LIVE') === 'on',
    retrainCron: cron === 'off' ? null : cron,
    retrainMinEvents: Number(values.RETRAIN_MIN_EVENTS),
    retrainAfterEvents: Number(values.RETRAIN_AFTER_EVENTS),
    trainer: text('TRAINER') as Config['trainer'],
    trainThreads: Number(values.TRAIN_THREADS),
    trainColdEvery: Number(values.TRAIN_COLD_EVERY),
    trainSearchSeconds: Number(values.TRAIN_SEARCH_SECONDS),
    trainKernel: text('TRAIN_KERNEL') as Config['trainKernel'],
    trainMinimums: Object.freeze({ interactions: Number(values.TRAIN_MIN_INTERACTIONS), users: Number(values.TRAIN_MIN_USERS) }),
    eventsRetentionDays: Number(values.EVENTS_RETENTION_DAYS),
    logLevel: text('LOG_LEVEL')!,
    logPretty: pretty === 'auto' ? terminal : pretty === 'true' || pretty === '1',
    keys: Object.freeze({ secret: text('JONGLEUR_SECRET_KEY'), publishable: text('JONGLEUR_PUBLISHABLE_KEY'), admin: text('JONGLEUR_ADMIN_KEY') }),
  });
}
