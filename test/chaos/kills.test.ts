/** 50 kills of the app and 50 of Postgres by `npm run chaos`, five and three by `npm test`. */
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';
import { LONG, SEED, noteFigure } from './figures.ts';
import { type LedgerResult, keepLedger } from './ledger.ts';
import { startOwnPostgres } from './own-postgres.ts';

const APP_KILLS = LONG ? 50 : 5;
const POSTGRES_KILLS = LONG ? 50 : 2;
const PLANTED = fileURLToPath(new URL('early-acknowledgement.mjs', import.meta.url));

function judge(what: string, kills: number, result: LedgerResult): void {
  const remark = `of ${result.acknowledged} acknowledged; ${kills} kills`;
  expect(result.acknowledged).toBeGreaterThanOrEqual(200 * kills);
  noteFigure({ measure: `acknowledged events lost, ${what}`, value: result.lost, floor: 0, remark });
  noteFigure({ measure: `events invented or changed, ${what}`, value: result.invented + result.changed, floor: 0, remark });
  // Whatever could not be stored was told of as something to send again.
  expect(Object.keys(result.refusals).filter((status) => status !== '503')).toEqual([]);
}

describe('kill -9 under six writers', () => {
  it(`of the app ${APP_KILLS} times loses nothing that was acknowledged and invents nothing`, { timeout: 60_000 + APP_KILLS * 10_000 }, async () => {
    const { url, drop } = await createTestDatabase(inject('templateUrl'));
    const result = await keepLedger({ databaseUrl: url, rounds: APP_KILLS, seed: SEED });
    await drop();
    judge('kill -9 of the app', APP_KILLS, result);
  });

  it(`of Postgres ${POSTGRES_KILLS} times, the app living on, neither`, { timeout: 60_000 + POSTGRES_KILLS * 20_000 }, async () => {
    const postgres = await startOwnPostgres();
    try {
      judge('SIGKILL and SIGQUIT of Postgres', POSTGRES_KILLS, await keepLedger({ databaseUrl: postgres.url, rounds: POSTGRES_KILLS, seed: SEED, postgres }));
    } finally {
      await postgres.stop();
    }
  });

  it('is told from a service that acknowledges before COMMIT', { timeout: 60_000 }, async () => {
    const { url, drop } = await createTestDatabase(inject('templateUrl'));
    const result = await keepLedger({ databaseUrl: url, rounds: 2, seed: SEED + 1, environment: { NODE_OPTIONS: `--import=${PLANTED}` } });
    await drop();
    expect(result.lost).toBeGreaterThan(0);
  });
});
