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

const LOOK_MS = 3_600_000;
const ROWS = 10_000;
const PAUSE_MS = 100;

/** Looks after it every hour, in parts with pauses between them. */
export function watchRetention(database: Database, days: number, log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void): { stop(): void } {
  let stopped = false;
  const clean = async () => {
    const before = new Date(Date.now() - days * 86_400_000);
    let deleted = 0;
    for (let some = ROWS; some === ROWS && !stopped; ) {
      some = await deleteOldEvents(database, before, ROWS);
      deleted += some;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    if (deleted > 0) {
      log('events older than EVENTS_RETENTION_DAYS are deleted', { events: deleted, before });
    }
  };
  const look = () => void clean().catch((error: unknown) => log('old events could not be deleted', { reason: String(error) }, true));
  const timer = setInterval(look, LOOK_MS);
  look();
  return {
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}
