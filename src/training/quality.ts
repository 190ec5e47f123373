/**
 * A look at the data outside a run, made in a thread so that answers do not wait: the quality report, the newest one there is or a new one, and the pictures.
 *
 * Pictures are kept, and made anew when somebody asks for them and they are old. Whoever asks waits a moment for that: a small shop's are there by then, and a large one's are seen by the next.
 */
import type { Finding, QualityMinimums } from '../model/quality/findings.ts';
import type { QualityReport } from '../model/quality/report.ts';
import type { Database } from '../storage/database.ts';
import { extractTrainingData } from '../storage/extract.ts';
import { countImportedRows } from '../storage/imports.ts';
import { findIds, findLatestQuality, findRunQuality, keepQuality, type KeptQuality } from '../storage/quality-reports.ts';
import { findPictures } from '../storage/data-pictures.ts';
import { inTime } from '../storage/in-time.ts';
import { type NamedPictures, areOld, keepPictures, namePictures } from './pictures.ts';
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
  /** @returns 'making' where there are none yet, and making them takes longer than somebody should wait. @throws DatabaseUnavailable; TrainingFailed where there are none and none can be made */
  pictures(): Promise<NamedPictures | 'making'>;
  /** Ends a check under way. */
  stop(): void;
}

/** For new pictures in place of old ones, and for the first. */
const SHORT_WAIT_MS = 1_500;
const LONG_WAIT_MS = 15_000;

export function createQualityChecker(options: QualityCheckerOptions): QualityChecker {
  const { database } = options;
  let current: { readonly controller: AbortController; readonly report: Promise<QualityReport> } | null = null;

  /** One at a time: the look that is under way, or a new one. */
  function look(): Promise<QualityReport> {
    if (current === null) {
      const controller = new AbortController();
      const report = checkDatabase(options, controller.signal).finally(() => {
        current = null;
      });
      current = { controller, report };
    }
    return current.report;
  }

  return {
    async latest() {
      const kept = await findLatestQuality(database);
      return kept === null ? null : await nameExamples(database, kept);
    },
    async check() {
      if (current !== null) {
        return 'busy';
      }
      return await nameExamples(database, { runNo: null, report: await look() });
    },
    async pictures() {
      const kept = await findPictures(database);
      if (kept !== null && !(await areOld(database, kept, options.now()))) {
        return await namePictures(database, kept);
      }
      // Where there are some, a look that fails leaves them.
      const looked = kept === null ? look() : look().catch(() => null);
      if ((await inTime(looked, kept === null ? LONG_WAIT_MS : SHORT_WAIT_MS)) === null) {
        looked.catch(() => undefined);
        return kept === null ? 'making' : await namePictures(database, kept);
      }
      const made = await findPictures(database);
      return made === null ? 'making' : await namePictures(database, made);
    },
    stop: () => current?.controller.abort(new Error('The process is stopping.')),
  };
}

/** Report and pictures are kept. @throws DatabaseUnavailable; TrainingFailed; the signal's reason when cancelled */
async function checkDatabase({ database, connectionString, minimums, now }: QualityCheckerOptions, signal: AbortSignal): Promise<QualityReport> {
  const last = await findRunQuality(database);
  const { columns, rules, items } = await extractTrainingData(connectionString, signal);
  const quality = { nowMs: now(), minimums, lastEventNo: last?.report.newestEventNo ?? null, imported: await countImportedRows(database) };
  const check = await checkInThread({ columns, rules, catalogueItems: items.nos.length, quality }, signal);
  await keepQuality(database, check.report);
  await keepPictures(database, check);
  return check.report;
}

async function nameExamples(database: Database, { runNo, report }: KeptQuality): Promise<NamedQuality> {
  const nos = (side: 'userNos' | 'itemNos') => report.findings.flatMap((finding) => finding[side] ?? []);
  const { users, items } = await findIds(database, nos('userNos'), nos('itemNos'));
  const named = (numbers: readonly number[] | undefined, ids: ReadonlyMap<number, string>) => (numbers ?? []).map((no) => ids.get(no)).filter((id) => id !== undefined);
  return { ...report, runNo, findings: report.findings.map(({ userNos, itemNos, ...finding }) => ({ ...finding, userIds: named(userNos, users), itemIds: named(itemNos, items) })) };
}
