/** `npm test` kills five times; `npm run chaos` fifty (JONGLEUR_CHAOS_ROUNDS). */
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it } from 'vitest';
import { keepLedger } from './support/ledger.ts';
import { createTestDatabase } from './support/postgres.ts';

const ROUNDS = Number(process.env.JONGLEUR_CHAOS_ROUNDS ?? 5);
const PLANTED = fileURLToPath(new URL('support/early-acknowledgement.mjs', import.meta.url));

describe('kill -9 under six writers', () => {
  it(`loses nothing that was acknowledged and invents nothing (${ROUNDS} rounds)`, { timeout: 60_000 + ROUNDS * 10_000 }, async () => {
    const { url, drop } = await createTestDatabase(inject('templateUrl'));
    const result = await keepLedger(url, ROUNDS, 1);
    await drop();
    expect(result).toMatchObject({ lost: 0, invented: 0, changed: 0 });
    expect(result.acknowledged).toBeGreaterThanOrEqual(200 * ROUNDS);
  });

  it('is told from a service that acknowledges before COMMIT', { timeout: 60_000 }, async () => {
    const { url, drop } = await createTestDatabase(inject('templateUrl'));
    const result = await keepLedger(url, 2, 2, { NODE_OPTIONS: `--import=${PLANTED}` });
    await drop();
    expect(result.lost).toBeGreaterThan(0);
  });
});
