/**
 * A fit as files for other programs: two NPY matrices, the ids of their rows, a report.
 *
 * Everything is written to a folder beside the wanted one and renamed at the end, so a folder of the wanted name is always a whole fit.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Recipe } from '../../model/ials.ts';
import type { Factors } from '../../model/matrix.ts';
import { fitOnThreads } from '../threads/fit.ts';
import { fitRecipe, type PairData, placeOf, prepareTrain, type RecipeChoice, type Say } from './data.ts';
import { OfflineFault } from './fault.ts';
import { writeNpy } from './npy.ts';
import { type SearchReport, searchRecipe } from './search.ts';

export interface FitOptions extends RecipeChoice {
  readonly train: PairData;
  readonly out: string;
  /** Replace an earlier fit in `out`. */
  readonly force: boolean;
  readonly say: Say;
  readonly signal?: AbortSignal;
}

export interface FitReport {
  readonly users: number;
  readonly items: number;
  readonly interactions: number;
  readonly params: Recipe;
  readonly sweeps: number;
  /** How the parameters were chosen; null without a search. */
  readonly search: SearchReport | null;
  readonly threads: number;
  readonly kernel: string;
  /** Matrices in memory → factors in memory; starting threads and computing the objective included. */
  readonly fitSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
  /** The function the fit minimises: one value per sweep, and one for the finished factors. */
  readonly objective: readonly number[];
  readonly secondsPerSweep: readonly number[];
}

const fileNames = ['user_factors.npy', 'item_factors.npy', 'user_ids.txt', 'item_ids.txt', 'report.json'] as const;

/** @throws OfflineFault where there is too little to fit, or `out` cannot be taken; FitDiverged */
export async function fitOffline(options: FitOptions): Promise<FitReport> {
  const { train, force, say, signal } = options;
  const out = resolve(options.out);
  await checkOut(out, force);
  const byUser = prepareTrain(train.pairs, say);
  const { recipe: chosen, search } = await searchRecipe(train.pairs, options, say, signal);
  const recipe = fitRecipe(chosen, options.asked.factors, byUser, say);
  const fit = await fitOnThreads({ byUser, recipe, objective: true, ...placeOf(options, signal) });
  const report: FitReport = {
    users: byUser.rows,
    items: byUser.cols,
    interactions: byUser.index.length,
    params: recipe,
    sweeps: recipe.sweeps,
    search,
    threads: fit.threads,
    kernel: fit.kernel,
    fitSeconds: fit.seconds,
    cpuSeconds: fit.cpuSeconds,
    peakMemoryBytes: fit.peakBytes,
    objective: fit.objective ?? [],
    secondsPerSweep: fit.secondsPerSweep,
  };
  await writeFit(out, force, { users: fit.users, items: fit.items, userIds: train.userIds, itemIds: train.itemIds, report }, signal);
  return report;
}

/** What the five files hold. */
export interface FitFiles {
  readonly users: Factors;
  readonly items: Factors;
  readonly userIds: readonly string[];
  readonly itemIds: readonly string[];
  readonly report: object;
}

/** @throws OfflineFault where `out` cannot be taken or written; what is there then is as it was */
export async function writeFit(out: string, force: boolean, { users, items, userIds, itemIds, report }: FitFiles, signal: AbortSignal | undefined): Promise<void> {
  const unfinished = join(dirname(out), `.${basename(out)}.${process.pid}.unfinished`);
  try {
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await writeNpy(join(unfinished, 'user_factors.npy'), users);
    await writeNpy(join(unfinished, 'item_factors.npy'), items);
    await writeLines(join(unfinished, 'user_ids.txt'), userIds);
    await writeLines(join(unfinished, 'item_ids.txt'), itemIds);
    await writeLines(join(unfinished, 'report.json'), [JSON.stringify(report, null, 2)]);
    signal?.throwIfAborted();
    await replaceFolder(unfinished, out, force);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw explainWrite(out, error);
  }
}

/** Asked before the fit, so that nobody waits for a fit that cannot be kept, and again when it is done. */
export async function checkOut(out: string, force: boolean): Promise<'missing' | 'empty' | 'fit'> {
  const facts = await stat(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return null;
    }
    throw explainWrite(out, error);
  });
  if (facts === null) {
    await checkParent(out);
    return 'missing';
  }
  if (!facts.isDirectory()) {
    throw new OfflineFault(`${out} is a file; --out names a folder.`);
  }
  const names = await readdir(out);
  if (names.length === 0) {
    return 'empty';
  }
  const foreign = names.find((name) => !(fileNames as readonly string[]).includes(name));
  if (foreign !== undefined) {
    throw new OfflineFault(`${out} has files of its own (${foreign}); --out takes a folder that is new, empty or, with --force, an earlier fit.`);
  }
  if (!force) {
    throw new OfflineFault(`${out} has a fit already; --force replaces it.`);
  }
  return 'fit';
}

/** Folders on the way that are missing are made later; the nearest that exists must be one to write in. */
async function checkParent(out: string): Promise<void> {
  for (let folder = dirname(out); ; folder = dirname(folder)) {
    try {
      await access(folder, constants.W_OK);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === dirname(folder)) {
        throw explainWrite(out, error);
      }
    }
  }
}

async function replaceFolder(from: string, to: string, force: boolean): Promise<void> {
  const found = await checkOut(to, force);
  if (found === 'empty') {
    await rmdir(to);
  }
  if (found !== 'fit') {
    await rename(from, to);
    return;
  }
  const former = `${from}.former`;
  await rename(to, former);
  try {
    await rename(from, to);
  } catch (error) {
    await rename(former, to);
    throw error;
  }
  await rm(former, { recursive: true });
}

/** One text a line, UTF-8. Ids hold no line breaks: reading refused control characters. */
async function writeLines(path: string, lines: readonly string[]): Promise<void> {
  const file = await open(path, 'wx');
  try {
    const linesAtOnce = 1 << 14;
    for (let from = 0; from < lines.length; from += linesAtOnce) {
      await file.appendFile(`${lines.slice(from, from + linesAtOnce).join('\n')}\n`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

function explainWrite(out: string, error: unknown): unknown {
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'this user may not write there', EPERM: 'this user may not write there', EROFS: 'the file system is read-only', ENOSPC: 'the disk is full', EDQUOT: 'the quota is used up', ENOTDIR: 'a part of the path is a file',
  };
  const reason = reasons[(error as NodeJS.ErrnoException).code ?? ''];
  return reason === undefined ? error : new OfflineFault(`${out} cannot be written: ${reason}.`);
}
