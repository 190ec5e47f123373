/** The data-quality report outside a run: the newest one there is, or a new one, made in a thread so that answers do not wait. */
import type { Finding, QualityMinimums } from '../model/quality/findings.ts';
import type { QualityReport } from '../model/quality/report.ts';
import type { Database } from '../storage/database.ts';
import { extractTrainingData } from '../storage/extract.ts';
import { countImportedRows } from '../storage/imports.ts';
import { findIds, findLatestQuality, findRunQuality, keepQuality, type KeptQuality } from '../storage/quality-reports.ts';
import { checkInThread } from './threads/thread.ts';

/** A finding with the shop's own ids in place of numbers. */
export type NamedFinding = Omit<Finding, 'code' | 'userNos' | 'itemNos'> & { readonly code: string; readonly userIds: string[]; readonly itemIds: string[] };

export interface NamedQuality extends Omit<QualityReport, 'findings'> {
  /** The run that made it; null where it was asked for. */
  readonly runNo: number | null;
  readonly findings: NamedFinding[];
}

export interface QualityCheckerOptions {
  readonly database: Database;
  readonly connectionString: string;
  readonly minimums: QualityMinimums;
  readonly now: () => number;
}

export interface QualityChecker {
  /** The newest report, of a run or asked for; null where there is none. */
  latest(): Promise<NamedQuality | null>;
  /** Makes a new one and keeps it. @returns 'busy' where this process is making one already */
  check(): Promise<NamedQuality | 'busy'>;
  /** Ends a check under way. */
  stop(): void;
}

export function createQualityChecker(options: QualityCheckerOptions): QualityChecker {
  const { database } = options;
  let current: AbortController | null = null;
  return {
    async latest() {
      const kept = await findLatestQuality(database);
      return kept === null ? null : await nameExamples(database, kept);
    },
    async check() {
      if (current !== null) {
        return 'busy';
      }
      current = new AbortController();
      try {
        const report = await checkDatabase(options, current.signal);
        await keepQuality(database, report);
        return await nameExamples(database, { runNo: null, report });
      } finally {
        current = null;
      }
    },
    stop: () => current?.abort(new Error('The process is stopping.')),
  };
}

/** @throws DatabaseUnavailable; TrainingFailed; the signal's reason when cancelled */
async function checkDatabase({ database, connectionString, minimums, now }: QualityCheckerOptions, signal: AbortSignal): Promise<QualityReport> {
  const last = await findRunQuality(database);
  const { columns, rules, items } = await extractTrainingData(connectionString, signal);
  const quality = { nowMs: now(), minimums, lastEventNo: last?.report.newestEventNo ?? null, imported: await countImportedRows(database) };
  return await checkInThread({ columns, rules, catalogueItems: items.nos.length, quality }, signal);
}

async function nameExamples(database: Database, { runNo, report }: KeptQuality): Promise<NamedQuality> {
  const nos = (side: 'userNos' | 'itemNos') => report.findings.flatMap((finding) => finding[side] ?? []);
  const { users, items } = await findIds(database, nos('userNos'), nos('itemNos'));
  const named = (numbers: readonly number[] | undefined, ids: ReadonlyMap<number, string>) => (numbers ?? []).map((no) => ids.get(no)).filter((id) => id !== undefined);
  return { ...report, runNo, findings: report.findings.map(({ userNos, itemNos, ...finding }) => ({ ...finding, userIds: named(userNos, users), itemIds: named(itemNos, items) })) };
}
