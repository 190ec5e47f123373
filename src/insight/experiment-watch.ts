/**
 * Looks at live experiments when they are due, and does what a guard says. A look is claimed in Postgres, so one replica takes it, and whoever dies over one loses that look and no more; how far an experiment
 * is lies there as well, so a restart changes nothing.
 *
 *   guard     every hour until its time is up: worse → the former version is live again (or that is told, as the setting `guard` has it); else it ends, and everybody has the new version
 *   others    within a minute at first, hourly later; they say what they found and end when somebody says so
 */
import type { Database } from '../storage/database.ts';
import { type LiveExperiment, addLook, claimLooks, endExperiment } from '../storage/live-experiments.ts';
import { pruneModels, rollBackModel } from '../storage/models.ts';
import { createPacedWork } from '../storage/paced-work.ts';
import type { Comparison } from './sequential-look.ts';
import { type ExperimentLook, countVariants, isDecided, looksOf, takeLook, verdictsOf } from './live-experiments.ts';

const EVERY_MS = 20_000;

export interface ExperimentWatch {
  /** Takes the looks that are due. @throws DatabaseUnavailable */
  look(): Promise<void>;
  watch(): void;
  stop(): Promise<void>;
}

export interface ExperimentWatchOptions {
  readonly database: Database;
  /** Lists that were counted so far go to the table before anybody looks. */
  readonly flush: () => Promise<void>;
  readonly now: () => number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

export function createExperimentWatch({ database, flush, now, log }: ExperimentWatchOptions): ExperimentWatch {

  async function look(): Promise<void> {
    const at = new Date(now());
    const due = await claimLooks(database, at);
    if (due.length > 0) {
      await flush();
    }
    for (const experiment of due) {
      const { experimentNo, name, kind, definition } = experiment;
      if (kind === 'shop' && isDecided(decidedBy(experiment, null))) {
        continue;
      }
      const seen = takeLook(experiment, await countVariants(database, experiment, at, definition.measure === 'clicks'), at);
      if (seen !== null && !(await addLook(database, experimentNo, seen))) {
        continue;
      }
      if (kind === 'guard') {
        await judgeGuard(experiment, seen, at);
      } else if (seen !== null && isDecided(decidedBy(experiment, seen))) {
        log('an experiment is decided', { experiment: name, verdicts: verdictsOf(decidedBy(experiment, seen)), lists: seen.variants.map(({ lists }) => lists) });
      }
    }
  }

  /** Last comparisons of each pair, those of a new look among them. */
  function decidedBy(experiment: LiveExperiment, seen: ExperimentLook | null): (Comparison | null)[] {
    const looks = [...looksOf(experiment), ...(seen === null ? [] : [seen])];
    return experiment.definition.variants.slice(1).map((_, pair) => looks.findLast(({ comparisons }) => comparisons[pair] !== null)?.comparisons[pair] ?? null);
  }

  async function judgeGuard(guard: LiveExperiment, seen: ExperimentLook | null, at: Date): Promise<void> {
    const { experimentNo, definition: { hours = 0, rollsBack, variants: [former, fresh] }, startedAt } = guard;
    const figures = seen === null ? {} : { lists: seen.variants.map(({ lists }) => lists), clicks: seen.variants.map(({ clicks }) => clicks), lift: seen.comparisons[0]?.lift, bound: seen.comparisons[0]?.bound };
    const detail = { version: fresh.modelVersion, former: former.modelVersion, hours: Number(((at.getTime() - startedAt!.getTime()) / 3_600_000).toFixed(1)), ...figures };
    if (seen?.comparisons[0]?.verdict === 'worse') {
      if (rollsBack === true) {
        if (await rollBackModel(database, experimentNo, fresh.modelVersion!, former.modelVersion!, at)) {
          log('a version that shoppers click less on was rolled back', detail, true);
          return;
        }
        log('a version that shoppers click less on could not be rolled back: the former one is not kept, or another is live', detail, true);
      } else {
        log('shoppers click less on the version that went live; it stays, as the setting guard=notify has it', { ...detail, remedy: `jongleur models activate ${former.modelVersion}` }, true);
      }
      await endExperiment(database, experimentNo, { reason: 'worse' }, at);
    } else if (at.getTime() >= startedAt!.getTime() + hours * 3_600_000) {
      await endExperiment(database, experimentNo, { reason: 'over' }, at);
      log('the guard has found nothing against the version that went live; all shoppers have it', detail);
    } else {
      return;
    }
    await pruneModels(database);
  }

  const looks = createPacedWork(
    async () => {
      await look().catch((error: unknown) => log('experiments could not be looked at', { reason: String(error) }, true));
      looks.note();
    },
    () => EVERY_MS,
  );

  return {
    look,
    watch: looks.note,
    stop: looks.stop,
  };
}
