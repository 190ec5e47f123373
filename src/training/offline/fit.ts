/**
 * A fit as files for other programs: two NPY matrices, the ids of their rows, a report.
 *
 * Everything is written to a folder beside the wanted one and renamed at the end, so a folder of the wanted name is always a whole fit.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { HybridTerms, TermScales } from '../../model/hybrid.ts';
import type { Factors } from '../../model/matrix.ts';
import type { PairData, RecipeChoice, Say } from './data.ts';
import { OfflineFault } from './fault.ts';
import { type FitFigures, fitFile } from './fitting.ts';
import { writeNpy, writeNpyVector } from './npy.ts';

export interface FitOptions extends RecipeChoice {
  readonly train: PairData;
  readonly out: string;
  /** Replace an earlier fit in `out`. */
  readonly force: boolean;
  readonly say: Say;
  readonly signal?: AbortSignal;
}

export interface FitReport extends FitFigures {
  /** What the neighbourhood's sum and recent popularity are multiplied by before they are added to the product of two rows; 0 = not there. */
  readonly scales: TermScales;
  /** The function the fit minimises: one value per sweep, and one for the finished factors. */
  readonly objective: readonly number[];
  readonly secondsPerSweep: readonly number[];
}

const neighbourFiles = ['neighbour_start.npy', 'neighbour_index.npy', 'neighbour_similarity.npy'] as const;
const fileNames = ['user_factors.npy', 'item_factors.npy', 'user_ids.txt', 'item_ids.txt', 'report.json', ...neighbourFiles, 'recent_popularity.npy'] as const;

/** @throws OfflineFault where there is too little to fit, or `out` cannot be taken; FitDiverged */
export async function fitOffline(options: FitOptions): Promise<FitReport> {
  const { train, force, say, signal } = options;
  const out = resolve(options.out);
  await checkOut(out, force);
  const { fit, terms, figures } = await fitFile(train.pairs, options, true, say, signal);
  const report: FitReport = {
    ...figures,
    scales: terms.scales,
    objective: fit.objective ?? [],
    secondsPerSweep: fit.secondsPerSweep,
  };
  await writeFit(out, force, { users: fit.users, items: fit.items, userIds: train.userIds, itemIds: train.itemIds, report, terms }, signal);
  return report;
}

/** What the files hold. */
export interface FitFiles {
  readonly users: Factors;
  readonly items: Factors;
  readonly userIds: readonly string[];
  readonly itemIds: readonly string[];
  readonly report: object;
  /** What is added to the factors' score, each in files of its own; absent: nothing. */
  readonly terms?: HybridTerms;
}

/** @throws OfflineFault where `out` cannot be taken or written; what is there then is as it was */
export async function writeFit(out: string, force: boolean, { users, items, userIds, itemIds, report, terms }: FitFiles, signal: AbortSignal | undefined): Promise<void> {
  const unfinished = join(dirname(out), `.${basename(out)}.${process.pid}.unfinished`);
  try {
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await writeNpy(join(unfinished, 'user_factors.npy'), users);
    await writeNpy(join(unfinished, 'item_factors.npy'), items);
    if (terms?.neighbours != null) {
      const { rowStart, index, similarity } = terms.neighbours;
      for (const [n, values] of [rowStart, index, similarity].entries()) {
        await writeNpyVector(join(unfinished, neighbourFiles[n]), values);
      }
    }
    if (terms?.recentPopularity != null) {
      await writeNpyVector(join(unfinished, 'recent_popularity.npy'), terms.recentPopularity);
    }
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
