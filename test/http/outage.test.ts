import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('when Postgres ends the connections', () => {
  it('a request under way is told to come again, its eventId makes that safe, and the process goes on', async () => {
    const service = await startService();
    const other = new pg.Client({ connectionString: service.url });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query('LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
      const event = { userId: 'u', itemId: 'i', type: 'view', eventId: 'e' };
      const waiting = service.call('POST', '/v1/events', event);
      await expect.poll(async () => (await other.query(`SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)).rows[0].n, { timeout: 20_000 }).toBe(1);
      await other.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
      await other.query('ROLLBACK');
      const refused = await waiting;
      expectProblem(refused, 503, 'database-unavailable');
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect((await service.call('POST', '/v1/events', event)).json).toMatchObject({ accepted: 1, duplicates: 0 });
      expect((await service.call('POST', '/v1/events', event)).json).toMatchObject({ accepted: 0, duplicates: 1 });
    } finally {
      await other.end();
      await service.stop();
    }
  });
});
