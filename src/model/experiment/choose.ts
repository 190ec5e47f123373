/** The first step: which recipe. Nothing of the test part is seen here. */
import type { Recipe } from '../recipe.ts';
import { sampleRelevance } from '../holdout.ts';
import type { Terms } from '../terms.ts';
import type { Context } from './context.ts';
import { createPart, type Part } from './part.ts';
import type { SearchReport } from './report.ts';
import { createTermScorer, meanOfScorers, mostUsers, scoreFactors } from './scoring.ts';
import { nothingAsked, rungsOf, search } from './search.ts';
import type { ThreeWaySplit } from './split.ts';
import { fitWithVoices } from '../voices.ts';

export interface Chosen {
  recipe: Recipe;
  terms: Terms;
  search: SearchReport | null;
  /** The latest validation window, for the curves; null where nobody in it can be scored. */
  curvesPart: Part | null;
}

/** What is live stays where nothing is searched; whatever is searched is searched on parts before the test part. */
export async function chooseRecipe(context: Context, split: ThreeWaySplit): Promise<Chosen> {
  const { input, rules, recipe, terms, live, settings, fit, seconds } = context;
  const windows = split.validation.map(({ train, held }) => sampled(createPart(train, rules, held, settings.voices), recipe.seed));
  const curvesPart = windows[0] ?? null;
  const asGiven = live === null || input.recipe !== undefined ? { recipe, terms } : { recipe: { ...live.recipe, sweeps: recipe.sweeps, stepsPerSweep: recipe.stepsPerSweep, seed: recipe.seed }, terms: live.terms };
  if (settings.search === 'off' || windows.length === 0) return { ...asGiven, search: null, curvesPart };
  const rungs = rungsOf[settings.search];
  const planned = rungs.reduce((sum, { candidates }) => sum + candidates, 0);
  context.enter('search', planned * windows.length);
  const startedAt = seconds();
  const deadline = startedAt + settings.searchSeconds;
  let tried = 0;
  const found = await search({
    recipe, terms, live, asked: nothingAsked, rungs, seconds, deadline,
    mostFactors: Math.max(1, Math.floor(Math.min(...windows.flatMap(({ userNos, itemNos }) => [userNos.length, itemNos.length])) / 2)),
    fades: true,
    tryRecipe: (one, halfLifeDays) => meanOver(windows, (part) => {
      const { byUser, histories } = part.fold(halfLifeDays);
      return scoreFactors({ ...fitWithVoices(fit, part.voices)(byUser, one, {}), histories, relevance: part.relevance! });
    }),
    fitForTerms: (one, { halfLifeDays }) =>
      meanOfScorers(windows.map((part) => {
        const { byUser, histories } = part.fold(halfLifeDays);
        return createTermScorer({ ...fitWithVoices(fit, part.voices)(byUser, one, {}), histories, relevance: part.relevance!, seed: recipe.seed, findNeighbours: part.findNeighbours, countFreshUsers: part.countFreshUsers });
      })),
    onTrial(trial) {
      tried++;
      context.progress((0.6 * tried) / planned);
      input.onTrial?.(trial);
    },
  });
  const report: SearchReport = {
    mode: settings.search, windows: windows.length, users: windows.reduce((sum, { relevance }) => sum + relevance!.userRows.length, 0),
    seconds: seconds() - startedAt, ended: found.ended, chosen: found.chosen, ndcg: found.ndcg, trials: found.trials, terms: found.termTrials,
  };
  return { recipe: found.recipe, terms: found.terms, search: report, curvesPart };
}

function sampled(part: Part, seed: number): Part {
  return { ...part, relevance: sampleRelevance(part.relevance!, mostUsers, seed) };
}

function meanOver<T>(items: readonly T[], figure: (item: T) => number): number {
  let sum = 0;
  for (const item of items) sum += figure(item);
  return sum / items.length;
}

/** By what is fitted; how often and from which seed are no part of it. */
export function sameRecipe(live: { recipe: Recipe; terms: Terms }, chosen: { recipe: Recipe; terms: Terms }): boolean {
  const text = ({ recipe: { factors, regularization, unobservedWeight, frequencyExponent }, terms }: { recipe: Recipe; terms: Terms }) =>
    JSON.stringify([factors, regularization, unobservedWeight, frequencyExponent, terms.halfLifeDays, terms.neighbours, terms.neighbourWeight, terms.neighbourExponents, terms.recencyWeight, terms.recencyHalfLifeDays]);
  return text(live) === text(chosen);
}
