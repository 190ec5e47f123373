/** Data-quality reports: that of the newest run, kept with the run, and the newest one made on demand, kept as a setting. */
import type { QualityReport } from '../model/quality/report.ts';
import { type Queryable, run } from './database.ts';

export interface KeptQuality extends Record<string, unknown> {
  /** The run that made it; null where it was asked for. */
  readonly runNo: number | null;
  readonly report: QualityReport;
}

const SETTING = 'data-quality';

/** @returns the report of the newest run that has one, published or not; null where there is none */
export async function findRunQuality(database: Queryable): Promise<KeptQuality | null> {
  const [row] = await run<KeptQuality>(database, `SELECT run_no AS "runNo", report -> 'quality' AS report FROM training_runs WHERE report ? 'quality' ORDER BY run_no DESC LIMIT 1`);
  return row ?? null;
}

/** @returns the newer of the newest run's and the newest asked for; null where there is neither */
export async function findLatestQuality(database: Queryable): Promise<KeptQuality | null> {
  const ofRun = await findRunQuality(database);
  const [asked] = await run<{ report: QualityReport }>(database, 'SELECT value AS report FROM settings WHERE name = $1', [SETTING]);
  if (asked === undefined) {
    return ofRun;
  }
  return ofRun !== null && ofRun.report.checkedAtMs >= asked.report.checkedAtMs ? ofRun : { runNo: null, report: asked.report };
}

export async function keepQuality(database: Queryable, report: QualityReport): Promise<void> {
  await run(database, 'INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = now()', [SETTING, JSON.stringify(report)]);
}

/** Ids by number. Who was erased meanwhile is not among them. */
export async function findIds(database: Queryable, userNos: readonly number[], itemNos: readonly number[]): Promise<{ users: Map<number, string>; items: Map<number, string> }> {
  const users = await run<{ no: number; id: string }>(database, 'SELECT user_no AS no, user_id AS id FROM users WHERE user_no = ANY($1::int[])', [userNos]);
  const items = await run<{ no: number; id: string }>(database, 'SELECT item_no AS no, item_id AS id FROM items WHERE item_no = ANY($1::int[])', [itemNos]);
  const byNo = (rows: { no: number; id: string }[]) => new Map(rows.map(({ no, id }) => [no, id]));
  return { users: byNo(users), items: byNo(items) };
}
