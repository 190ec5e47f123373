/**
 * Parameters chosen on held-out parts: successive halving (Jamieson, Talwalkar 2016) over factors, regularization, unobserved weight and half-life, then the
 * weights of the terms one after another.
 *
 * The candidates of the first rung are fitted for half of the sweeps, the best of them as they would be used. The previous best, where there is one, is the
 * first candidate, the default the second, the rest are drawn from log-uniform ranges. The terms need no other fit: for the best candidate a combination
 * costs one pass over kept scores. Whoever calls says how a candidate is scored, so that a file and a shop's events are searched by this one rule.
 */
import { FitDiverged, type Recipe } from '../recipe.ts';
import { createRandom } from '../random.ts';
import type { Terms } from '../terms.ts';

export interface Rung {
  candidates: number;
  /** Of the recipe's sweeps. */
  share: number;
}

export type SearchMode = 'off' | 'light' | 'full';

export const rungsOf: Readonly<Record<Exclude<SearchMode, 'off'>, readonly Rung[]>> = {
  light: [{ candidates: 8, share: 1 / 2 }, { candidates: 3, share: 1 }],
  full: [{ candidates: 16, share: 1 / 2 }, { candidates: 5, share: 1 }],
};

/** What of the recipe is not to be searched. */
export interface Asked {
  readonly factors: boolean;
  readonly regularization: boolean;
  readonly unobservedWeight: boolean;
  readonly terms?: readonly (keyof Terms)[];
}

export const nothingAsked: Asked = { factors: false, regularization: false, unobservedWeight: false };

const factorChoices = [16, 32, 64, 128, 256];
const halfLifeChoices = [0, 30, 60, 120];
const ranges = { regularization: [0.1, 1], unobservedWeight: [0.05, 2] } as const;
/** Tried one after the other, each with the others as they stand. */
const termChoices: readonly { readonly name: keyof Terms; readonly values: readonly Terms[keyof Terms][] }[] = [
  { name: 'recencyWeight', values: [0, 0.05, 0.1, 0.2, 0.4] },
  { name: 'recencyHalfLifeDays', values: [3.5, 7, 14, 28] },
  { name: 'neighbourExponents', values: [[0.75, 0.25], [0.6, 0.4], [0.5, 0.5]] },
  { name: 'neighbours', values: [20, 50, 100, 200] },
  { name: 'neighbourWeight', values: [0, 0.05, 0.15, 0.3, 0.6, 1] },
  { name: 'recencyWeight', values: [0, 0.05, 0.1, 0.2, 0.4] },
];

export interface Candidate {
  /** From 1. */
  readonly number: number;
  readonly origin: 'live' | 'default' | 'drawn';
  readonly recipe: Recipe;
  readonly halfLifeDays: number;
  /** On the held-out parts, in the last rung that it was in; 0 before, and where its fit diverged. */
  ndcg: number;
}

/** One candidate in one rung. */
export interface Trial {
  number: number;
  origin: Candidate['origin'];
  factors: number;
  regularization: number;
  unobservedWeight: number;
  halfLifeDays: number;
  sweeps: number;
  /** Null where it was not fitted: `note` says why. */
  ndcg: number | null;
  seconds: number;
  note: string | null;
}

/** One combination of terms: the parameter that was changed, to what; the first is the terms as they were given, or those of the live version. */
export interface TermTrial {
  name: keyof Terms | 'given' | 'live';
  value: Terms[keyof Terms] | null;
  ndcg: number;
}

export interface SearchTask {
  recipe: Recipe;
  terms: Terms;
  /** The previous best: kept unless something is better by more than `worthChanging`. */
  live: { recipe: Recipe; terms: Terms } | null;
  asked: Asked;
  rungs: readonly Rung[];
  /** Half of the shorter side. */
  mostFactors: number;
  /** Whether there are times, so that a half-life means something. */
  fades: boolean;
  /** Quality of the factors alone on the held-out parts. May throw FitDiverged: then it is 0. */
  tryRecipe(recipe: Recipe, halfLifeDays: number): number | Promise<number>;
  /** Fits once, and gives the quality of any combination of terms of that half-life. */
  fitForTerms(recipe: Recipe, terms: Terms): TermScorer | Promise<TermScorer>;
  /** A clock; the model has none. */
  seconds(): number;
  /** By which the search should have ended, on that clock. A fit that has begun is finished; one that would not be is not begun. */
  deadline?: number;
  onTrial?(trial: Trial): void;
  onTerms?(trial: TermTrial): void;
}

export type TermScorer = (terms: Terms) => number | Promise<number>;

export interface SearchOutcome {
  recipe: Recipe;
  terms: Terms;
  /** Of what was chosen, on the parts it was chosen on: optimistic. */
  ndcg: number;
  chosen: number;
  trials: Trial[];
  termTrials: TermTrial[];
  ended: 'done' | 'time';
}

/**
 * A recipe that changes every night for a gain within chance would begin every fit cold, and every comparison anew. So what is live stays, unless something is
 * better by this much.
 */
export const worthChanging = 0.01;

export async function search(task: SearchTask): Promise<SearchOutcome> {
  const { recipe, terms: given, live, rungs, seconds, deadline = Infinity } = task;
  let candidates = drawCandidates(task);
  const trials: Trial[] = [];
  let ended: SearchOutcome['ended'] = 'done';
  /** Seconds per factor and sweep of the fits so far, the slowest: what the next one is expected to take. */
  let pace = 0;
  for (const rung of rungs) {
    candidates = candidates.slice(0, rung.candidates);
    const sweeps = Math.max(1, Math.ceil(recipe.sweeps * rung.share));
    const tried: Candidate[] = [];
    for (const candidate of candidates) {
      const { factors, regularization, unobservedWeight } = candidate.recipe;
      const trial = { number: candidate.number, origin: candidate.origin, factors, regularization, unobservedWeight, halfLifeDays: candidate.halfLifeDays, sweeps };
      const expected = pace * factors * sweeps;
      const beganAt = seconds();
      if (tried.length > 0 && beganAt + expected > deadline) {
        ended = 'time';
        report({ ...trial, ndcg: null, seconds: 0, note: `Not fitted: it would take about ${expected.toFixed(1)} s, and ${Math.max(0, deadline - beganAt).toFixed(1)} s are left.` });
        continue;
      }
      let note: string | null = null;
      try {
        candidate.ndcg = await task.tryRecipe({ ...candidate.recipe, sweeps }, candidate.halfLifeDays);
      } catch (error) {
        if (!(error instanceof FitDiverged)) throw error;
        candidate.ndcg = 0;
        note = error.message;
      }
      const took = seconds() - beganAt;
      pace = Math.max(pace, took / (factors * sweeps));
      tried.push(candidate);
      report({ ...trial, ndcg: candidate.ndcg, seconds: took, note });
    }
    // Figures of half the sweeps and of all do not compare: who was not tried in this rung is out.
    candidates = tried.toSorted((a, b) => b.ndcg - a.ndcg || a.number - b.number);
  }
  const best = preferLive(candidates);
  const start: Terms = { ...given, halfLifeDays: best.halfLifeDays };
  const termTrials: TermTrial[] = [];
  if (best.ndcg === 0 || seconds() > deadline) {
    const chosenTerms = best.origin === 'live' ? live!.terms : start;
    return { recipe: best.recipe, terms: chosenTerms, ndcg: best.ndcg, chosen: best.number, trials, termTrials, ended: best.ndcg === 0 ? ended : 'time' };
  }
  const score = await task.fitForTerms(best.recipe, start);
  const found = await searchTerms(task, start, best, score, termTrials);
  return { recipe: best.recipe, terms: found.terms, ndcg: found.ndcg, chosen: best.number, trials, termTrials, ended: found.ended === 'time' ? 'time' : ended };

  function report(trial: Trial): void {
    trials.push(trial);
    task.onTrial?.(trial);
  }
}

/** @param candidates best first */
function preferLive(candidates: readonly Candidate[]): Candidate {
  const [best] = candidates;
  const live = candidates.find(({ origin }) => origin === 'live');
  return live !== undefined && live.ndcg * (1 + worthChanging) >= best!.ndcg ? live : best!;
}

/** Coordinate by coordinate; what was asked for stays, and so does what no other value beats. */
async function searchTerms({ live, asked, seconds, deadline = Infinity, onTerms }: SearchTask, start: Terms, best: Candidate, score: TermScorer, termTrials: TermTrial[]): Promise<{ terms: Terms; ndcg: number; ended: 'done' | 'time' }> {
  const note = (trial: TermTrial) => {
    termTrials.push(trial);
    onTerms?.(trial);
    return trial.ndcg;
  };
  let terms = start;
  let ndcg = note({ name: 'given', value: null, ndcg: await score(start) });
  if (live !== null) {
    const other: Terms = { ...live.terms, halfLifeDays: best.halfLifeDays };
    const found = note({ name: 'live', value: null, ndcg: await score(other) });
    if (found * (1 + worthChanging) >= ndcg) [terms, ndcg] = [other, found];
  }
  const least = live === null ? 1 : 1 + worthChanging;
  const kept = terms;
  const keptNdcg = ndcg;
  let ended: 'done' | 'time' = 'done';
  search: for (const { name, values } of termChoices) {
    // No lists without K, whatever their weight.
    if (asked.terms?.includes(name) === true || (terms.neighbours === 0 && name.startsWith('neighbour'))) continue;
    for (const value of values) {
      const other = { ...terms, [name]: value };
      if (JSON.stringify(other) === JSON.stringify(terms)) continue;
      if (seconds() > deadline) {
        ended = 'time';
        break search;
      }
      const found = note({ name, value, ndcg: await score(other) });
      if (found > ndcg) [terms, ndcg] = [other, found];
    }
  }
  return ndcg > keptNdcg * least ? { terms, ndcg, ended } : { terms: kept, ndcg: keptNdcg, ended };
}

/** Different ones only: where everything but one thing was asked for there may be fewer than the first rung has room for. */
export function drawCandidates({ recipe, terms, live, asked, rungs, mostFactors, fades }: Pick<SearchTask, 'recipe' | 'terms' | 'live' | 'asked' | 'rungs' | 'mostFactors' | 'fades'>): Candidate[] {
  const random = createRandom(recipe.seed);
  const wanted = rungs[0]!.candidates;
  const choices = factorChoices.filter((factors) => factors <= mostFactors);
  const logUniform = ([low, high]: readonly [number, number]) => Number((low * (high / low) ** random.uniform()).toPrecision(3));
  const drawn = new Map<string, Omit<Candidate, 'number' | 'ndcg'>>();
  const add = (origin: Candidate['origin'], one: Recipe, halfLifeDays: number) => {
    const key = JSON.stringify([one, halfLifeDays]);
    if (!drawn.has(key)) drawn.set(key, { origin, recipe: one, halfLifeDays });
  };
  const capped = (one: Recipe): Recipe => ({ ...one, factors: Math.min(one.factors, mostFactors) });
  if (live !== null) add('live', { ...capped(live.recipe), sweeps: recipe.sweeps, stepsPerSweep: recipe.stepsPerSweep, seed: recipe.seed }, live.terms.halfLifeDays);
  add('default', capped(recipe), terms.halfLifeDays);
  for (let attempt = 0; attempt < 4 * wanted && drawn.size < wanted; attempt++) {
    const factors = choices.length === 0 ? mostFactors : choices[random.integer(choices.length)]!;
    const regularization = logUniform(ranges.regularization);
    const unobservedWeight = logUniform(ranges.unobservedWeight);
    const days = halfLifeChoices[random.integer(halfLifeChoices.length)]!;
    add('drawn', {
      ...recipe,
      factors: asked.factors ? Math.min(recipe.factors, mostFactors) : factors,
      regularization: asked.regularization ? recipe.regularization : regularization,
      unobservedWeight: asked.unobservedWeight ? recipe.unobservedWeight : unobservedWeight,
    }, fades && asked.terms?.includes('halfLifeDays') !== true ? days : terms.halfLifeDays);
  }
  return [...drawn.values()].map((one, n) => ({ number: n + 1, ...one, ndcg: 0 }));
}
