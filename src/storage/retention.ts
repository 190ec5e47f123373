/** Events that are older than they may be kept. Age counts from when they were received. */
import { type Database, inTransaction, run } from './database.ts';

/** Advisory lock key: "rete" in ASCII. One process at a time. */
const RETENTION_KEY = 0x7265_7465;

/**
 * Deletes the oldest events where they were received before `before`, so many at a time: numbers follow receipt, so the first that is young enough ends it, and nothing is read that stays.
 *
 * @returns how many; 0: none is left, or another process is at it
 */
export async function deleteOldEvents(database: Database, before: Date, most: number): Promise<number> {
  return await inTransaction(database, async (connection) => {
    const [{ locked }] = await run<{ locked: boolean }>(connection, 'SELECT pg_try_advisory_xact_lock($1) AS locked', [RETENTION_KEY]);
    if (!locked) {
      return 0;
    }
    const { rowCount } = await connection.query(
      `WITH oldest AS MATERIALIZED (SELECT event_no, received_at FROM events ORDER BY event_no LIMIT $2)
       DELETE FROM events USING oldest WHERE events.event_no = oldest.event_no AND oldest.received_at < $1`,
      [before, most],
    );
    return rowCount ?? 0;
  });
}
