import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, VARIABLES, readConfig } from '../src/config.ts';

const SECRET = `sk_${'s'.repeat(43)}`;

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment, false);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.faults;
    }
    throw error;
  }
}

describe('the configuration', () => {
  it('of an empty environment is the documented one', () => {
    expect(readConfig({}, false)).toEqual({
      host: '127.0.0.1', port: 3000, publicUrl: null, corsOrigins: [], trustProxy: [], rateLimits: { perIp: 1200, perKey: 0, perShopper: 1000 }, databaseUrl: null, dataDir: resolve('.jongleur'), localCopyDays: 7, drainSeconds: 0, demo: 'auto', demoLive: false, retrainCron: '0 3 * * *', retrainMinEvents: 100, retrainAfterEvents: 10_000,
      trainer: 'thread', trainThreads: 0, trainColdEvery: 7, trainSearchSeconds: 30, trainKernel: 'auto', trainMinimums: { interactions: 1000, users: 25 }, eventsRetentionDays: 0, logLevel: 'info', logPretty: false, keys: { secret: null, publishable: null, admin: null },
    });
  });

  it('takes what it is given, trimmed', () => {
    expect(
      readConfig(
        {
          HOST: '0.0.0.0', PORT: ' 0 ', PUBLIC_URL: 'https://recommend.example.com//', CORS_ORIGINS: 'https://shop.example, http://localhost:8080', TRUST_PROXY: '10.0.0.1, fd00::/8', IP_RATE_LIMIT: '0', KEY_RATE_LIMIT: '60000', SHOPPER_EVENT_LIMIT: '200', DATABASE_URL: 'postgresql://u:p@db/x?sslmode=require', DATA_DIR: '/var/lib/j', LOCAL_COPY_DAYS: '0', DRAIN_SECONDS: '10', DEMO: 'off', DEMO_LIVE: 'on', RETRAIN_CRON: '*/5 * * * * *', RETRAIN_MIN_EVENTS: '0',
          RETRAIN_AFTER_EVENTS: '0', TRAINER: 'off', TRAIN_THREADS: '3', TRAIN_COLD_EVERY: '1', TRAIN_SEARCH_SECONDS: '60', TRAIN_KERNEL: 'reference', TRAIN_MIN_INTERACTIONS: '50', TRAIN_MIN_USERS: '0', LOG_LEVEL: 'debug', LOG_PRETTY: '1', JONGLEUR_SECRET_KEY: SECRET,
        },
        false,
      ),
    ).toEqual({
      host: '0.0.0.0', port: 0, publicUrl: 'https://recommend.example.com', corsOrigins: ['https://shop.example', 'http://localhost:8080'], trustProxy: ['10.0.0.1', 'fd00::/8'], rateLimits: { perIp: 0, perKey: 60_000, perShopper: 200 }, databaseUrl: 'postgresql://u:p@db/x?sslmode=require', dataDir: '/var/lib/j', localCopyDays: 0, drainSeconds: 10, demo: 'off', demoLive: true, retrainCron: '*/5 * * * * *', retrainMinEvents: 0,
      retrainAfterEvents: 0, trainer: 'off', trainThreads: 3, trainColdEvery: 1, trainSearchSeconds: 60, trainKernel: 'reference', trainMinimums: { interactions: 50, users: 0 }, eventsRetentionDays: 0, logLevel: 'debug', logPretty: true, keys: { secret: SECRET, publishable: null, admin: null },
    });
    expect(readConfig({ RETRAIN_CRON: 'off' }, false).retrainCron).toBeNull();
  });

  it('takes whole origins alone', () => {
    for (const wrong of ['*', 'shop.example', 'https://shop.example/', 'https://shop.example/path', 'https://*.shop.example', 'null', 'https://shop.example;https://b.example', 'ftp://shop.example']) {
      expect([wrong, faultsOf({ CORS_ORIGINS: wrong })]).toEqual([wrong, [expect.stringMatching(/^CORS_ORIGINS is ".*": expected origins .* Example: CORS_ORIGINS=https:/)]]);
    }
  });

  it('believes no proxy that it is not told of by address', () => {
    for (const wrong of ['true', '*', 'proxy.example', '10.0.0.0/33', '10.0.0.0/0', '::/129', '10.0.0', '10.0.0.1/8/8', '10.0.0.1;10.0.0.2', '1']) {
      expect([wrong, faultsOf({ TRUST_PROXY: wrong })]).toEqual([wrong, [expect.stringMatching(/^TRUST_PROXY is ".*": expected addresses or networks/)]]);
    }
  });

  it('takes a variable set to nothing for one not set', () => {
    const empty = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, ' ']));
    expect(readConfig(empty, false)).toEqual(readConfig({}, false));
  });

  it('is pretty on a terminal, unless told', () => {
    expect(readConfig({}, true).logPretty).toBe(true);
    expect(readConfig({ LOG_PRETTY: 'false' }, true).logPretty).toBe(false);
    expect(readConfig({ LOG_PRETTY: 'auto' }, false).logPretty).toBe(false);
    expect(readConfig({ LOG_PRETTY: 'true' }, false).logPretty).toBe(true);
  });

  it('does not look at the environment of the process, nor change what it was given', () => {
    const given = Object.freeze({ PORT: '4000' });
    process.env.RETRAIN_MIN_EVENTS = '7';
    expect(readConfig(given, false)).toMatchObject({ port: 4000, retrainMinEvents: 100 });
    delete process.env.RETRAIN_MIN_EVENTS;
  });

  it('cannot be changed afterwards', () => {
    const config = readConfig({}, false) as { port: number; keys: { secret: string | null } };
    expect(() => { config.port = 1; }).toThrow(TypeError);
    expect(() => { config.keys.secret = 'x'; }).toThrow(TypeError);
  });

  it.each([
    ['PORT', '65536'], ['PORT', '-1'], ['PORT', '3000.5'], ['PORT', 'http'], ['PUBLIC_URL', 'recommend.example.com'], ['PUBLIC_URL', 'ftp://x'], ['DEMO', 'yes'], ['RETRAIN_CRON', 'daily at three'], ['RETRAIN_CRON', '61 3 * * *'], ['RETRAIN_CRON', '0 3 * *'],
    ['RETRAIN_CRON', '2030-01-01T00:00:00'], ['RETRAIN_MIN_EVENTS', '-1'], ['RETRAIN_AFTER_EVENTS', '1.5'], ['TRAINER', 'on'], ['TRAIN_THREADS', '257'], ['TRAIN_COLD_EVERY', '0'], ['TRAIN_SEARCH_SECONDS', '0'], ['TRAIN_KERNEL', 'gpu'], ['TRAIN_MIN_INTERACTIONS', 'few'], ['TRAIN_MIN_USERS', '-1'], ['LOG_LEVEL', 'verbose'], ['LOG_PRETTY', 'yes'],
  ])('refuses %s=%s with the variable, the value, what would be right and an example', (name, value) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toEqual([`${name} is "${value}": expected ${VARIABLES[name].says}. Example: ${name}=${VARIABLES[name].example}`]);
  });

  it('tells all faults at once', () => {
    const faults = faultsOf({ PORT: 'x', DEMO: 'y', RETRAIN_CRON: 'z', PUBLIC_URL: 'w', DATABASE_URL: 'mysql://v', LOG_LEVEL: 'u', JONGLEUR_ADMIN_KEY: 't' });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual(['DATABASE_URL', 'DEMO', 'JONGLEUR_ADMIN_KEY', 'LOG_LEVEL', 'PORT', 'PUBLIC_URL', 'RETRAIN_CRON']);
    const { message } = new ConfigError(faults);
    expect(message).toContain('7 faults');
    for (const fault of faults) {
      expect(message).toContain(fault);
    }
  });

  it('never repeats a secret', () => {
    const [key, url] = ['hunter2-hunter2-hunter2', 'mysql://admin:hunter2@db/x'];
    const faults = faultsOf({ JONGLEUR_SECRET_KEY: key, JONGLEUR_PUBLISHABLE_KEY: `sk_${'hunter2'.repeat(6)}`, DATABASE_URL: url });
    expect(faults).toHaveLength(3);
    expect(faults.join('\n')).not.toContain('hunter2');
    expect(faults.join('\n')).toContain('(23 characters)');
  });

  it('has an example for every variable, which it accepts', () => {
    for (const [name, { example }] of Object.entries(VARIABLES)) {
      const value = name.endsWith('_KEY') ? `${example.slice(0, 3)}${'x'.repeat(43)}` : example;
      expect([name, ...faultsOf({ [name]: value })]).toEqual([name]);
    }
  });
});
