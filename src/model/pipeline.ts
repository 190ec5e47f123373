/**
 * One training, from events to a decision and, where that is yes, a model: what a training thread runs. Pure: no clock of its own, no I/O.
 *
 *   split by time: train | validation | test  →  search on validation  →  the chosen recipe, and that of the live version, fitted on all before the test part and
 *   measured on it beside the baselines  →  learning curves and a verdict  →  gate  →  refit on everything, from the live factors where these are given and
 *   near  →  checks of the refit  →  arrays
 *
 * Recipes are compared, never snapshots: the live snapshot has been fitted on this run's test part. Whatever is scored begins cold, for the same reason. The test part is
 * looked at once, after everything has been chosen. Where no honest split is possible the gate says so, and its rules decide.
 */
import { createResamples, comparePaired, type Resamples } from './evaluation/bootstrap.ts';
import { measureRanking, type MeasuredRanking, type RankingContext, summarizeRanking } from './evaluation/ranking.ts';
import { measureCurves } from './experiment/curves.ts';
import { createPart, type FittedRecipe, fitPart, type Part } from './experiment/part.ts';
import { type LiveSnapshot, measurePrequential } from './experiment/prequential.ts';
import { type CurvesReport, jsonOf, type SearchReport, type TestReport, type TrainingPhase, type TrainingReport } from './experiment/report.ts';
import { createTermScorer, meanOfScorers, mostUsers, scoreFactors } from './experiment/scoring.ts';
import { nothingAsked, rungsOf, search, type SearchMode, type TermTrial, type Trial } from './experiment/search.ts';
import { type SplitMethod, splitThreeWays, type ThreeWaySplit } from './experiment/split.ts';
import { type FitFunction, fitPlain } from './fitting.ts';
import { checkRefit, defaultGateRules, type GateDecision, type GateRules, judgeCandidate, judgeRefit, meanOverlap, type RefitCheck } from './gate.ts';
import { sampleRelevance } from './holdout.ts';
import { DEFAULT_RECIPE, FitDiverged, type Recipe } from './ials.ts';
import { type EventColumns, type EventTypeRule, foldEvents, type Interactions, newestOccurredAt } from './interactions.ts';
import { findItemNeighbours, rankByNeighbours } from './item-knn.ts';
import { type Factors, indexInteractions, indexOfNo, type SparseRows, transpose } from './matrix.ts';
import type { Ranker } from './metrics.ts';
import { mostPerUser } from './neighbours.ts';
import { rankByScore, scorePopularity, scoreRecentPopularity } from './popularity.ts';
import type { ItemSide, UserHistory, UserSide } from './snapshot.ts';
import type { NoHoldout } from './split.ts';
import { DEFAULT_TERMS, type Terms } from './terms.ts';
import { giveVerdict, type Verdict } from './verdict.ts';
import { type ColdStart, type LiveModel, planStart, type StartReport } from './warm-start.ts';

export type { FitFunction } from './fitting.ts';
export type { TrainingPhase, TrainingReport } from './experiment/report.ts';

/** How the experiment is made. */
export interface ExperimentSettings {
  search: SearchMode;
  /** Wall time that the search may take; Infinity: what it takes. */
  searchSeconds: number;
  /** Curves by share of the data, factors and regularization besides that by sweep. */
  curves: boolean;
  split: SplitMethod;
  /** Null: publish whatever comes. For what is not measured by a gate, tests of other things. */
  gate: GateRules | null;
}

export const defaultSettings: ExperimentSettings = { search: 'off', searchSeconds: Infinity, curves: false, split: 'time', gate: defaultGateRules };

/** The live version, as its recipe. */
export interface LiveRecipe {
  version: number;
  recipe: Recipe;
  terms: Terms;
}

export interface TrainingInput {
  columns: EventColumns;
  rules: readonly EventTypeRule[];
  /** The default: what is taken without a search, and what a search begins with. */
  recipe?: Recipe;
  terms?: Terms;
  settings?: Partial<ExperimentSettings>;
  /** What the candidate is compared with; null: no version is live. */
  live?: LiveRecipe | null;
  /** Its factors, for the published fit to go on from; or why it cannot. Whatever is scored never sees them. */
  start?: LiveModel | { code: ColdStart; note: string };
  /** Its whole snapshot, to see how it really did. */
  snapshot?: LiveSnapshot | null;
  /** How to fit, the plain fit where not given. What it returns need not outlive its next call. */
  fit?: FitFunction;
  /** A clock in seconds, from anywhere. Without one no time passes. */
  seconds?(): number;
  /** `fraction` of the whole training, 0 … 1, never falling. */
  onProgress?(phase: TrainingPhase, fraction: number): void;
  onTrial?(trial: Trial): void;
  onTerms?(trial: TermTrial): void;
  onPoint?: Parameters<typeof measureCurves>[0]['onPoint'];
}

export interface TrainedModel {
  /** Complete but for the ids, which are the caller's to add: `itemNos` and `userNos` say whose. */
  itemSide: Omit<ItemSide, 'itemIds'>;
  userSide: Omit<UserSide, 'userIds'>;
}

export interface Training {
  report: TrainingReport;
  /** Null where the gate said no. Where it said that a person decides, it is here and waits. */
  model: TrainedModel | null;
}

/** Fewer than this and there is nothing to factorise. */
const minimum = { users: 2, items: 2, positiveInteractions: 1 };
/** Lists compared between the scored fit and the refit. */
const comparedUsers = 300;
const mostTestUsers = 20_000;
const ks = [10, 20];
/** Of which the decision goes by. */
const decidingMetric = 'NDCG@20';
/** Where a phase ends, as a share of the whole. */
const phaseEnds: Readonly<Record<TrainingPhase, number>> = { fold: 0.02, split: 0.05, search: 0.55, evaluate: 0.65, curves: 0.8, refit: 0.95, finish: 1 };
const phases = Object.keys(phaseEnds) as TrainingPhase[];

/** Too little data for any model. `missing` names what, in words, with both numbers. */
export class NotEnoughData extends Error {
  readonly users: number;
  readonly items: number;
  readonly interactions: number;
  readonly missing: string[];

  constructor(users: number, items: number, interactions: number, missing: string[]) {
    super(`Not enough data to train: ${missing.join(', ')}.`);
    this.name = 'NotEnoughData';
    this.users = users;
    this.items = items;
    this.interactions = interactions;
    this.missing = missing;
  }
}

/** What one run's steps share. */
interface Context {
  input: TrainingInput;
  rules: readonly EventTypeRule[];
  recipe: Recipe;
  terms: Terms;
  settings: ExperimentSettings;
  fit: FitFunction;
  live: LiveRecipe | null;
  seconds(): number;
  /** A phase begins: the one before has ended. `rows`: what it has to do with. */
  enter(phase: TrainingPhase, rows: number): void;
  /** Within the phase, 0 … 1. */
  progress(done: number): void;
  spent: TrainingReport['seconds'];
  rows: TrainingReport['rows'];
}

/** Throws `NotEnoughData` and `FitDiverged`. Rejects nothing by itself: what the gate says is in the report. */
export async function trainModel(input: TrainingInput): Promise<Training> {
  const context = createContext(input);
  const { columns, rules } = input;
  context.enter('fold', columns.length);
  checkEnoughData(foldEvents(columns, rules, newestOccurredAt(columns)));

  context.enter('split', columns.length);
  const split = splitThreeWays(columns, rules, { by: context.settings.split });
  const found = 'reason' in split ? null : await chooseRecipe(context, split);
  const chosen = found ?? { recipe: context.recipe, terms: context.terms, search: null, curvesPart: null };

  const measured = 'reason' in split ? { unmeasured: split.reason } : measureOnTest(context, split, chosen);
  const { curves, verdict } = drawCurves(context, chosen);
  const decision = decide(context, measured, chosen);

  const prequential = input.snapshot == null ? null : measurePrequential(input.snapshot, columns);
  const served = createPart(columns, rules, null);
  const refit = decision === null || decision.publish || decision.outcome === 'needs-approval' ? refitAll(context, served, chosen, measured) : null;
  const gate = decision === null || refit === null ? decision : judgeRefit(decision, refit.check, context.settings.gate!);
  context.enter('finish', 0);
  const report: TrainingReport = jsonOf({
    events: columns.length,
    users: served.userNos.length,
    items: served.itemNos.length,
    interactions: served.fold(chosen.terms.halfLifeDays).matrix.index.length,
    oldestMs: oldestOccurredAt(columns),
    newestMs: served.newestMs,
    newestEventNo: columns.eventNo.reduce((newest, no) => Math.max(newest, no), 0),
    params: { ...chosen.recipe, ...chosen.terms },
    factors: refit?.recipe.factors ?? capFactors(chosen.recipe, served.userNos.length, served.itemNos.length).used.factors,
    factorsNote: refit?.note ?? null,
    start: refit?.start ?? null,
    sweeps: refit?.sweeps ?? chosen.recipe.sweeps,
    objective: refit?.objective ?? [],
    split: split.report,
    unmeasured: measured.unmeasured,
    search: chosen.search,
    test: 'test' in measured ? measured.test : null,
    curves,
    verdict,
    prequential,
    gate,
    seconds: {},
    rows: context.rows,
  });
  const model = refit !== null && (gate === null || gate.publish || gate.outcome === 'needs-approval') ? modelOf(context, served, refit, chosen.terms) : null;
  context.progress(1);
  return { report: { ...report, seconds: context.spent }, model };
}

function createContext(input: TrainingInput): Context {
  const { rules, recipe = DEFAULT_RECIPE, terms = DEFAULT_TERMS, live = null, fit = fitPlain, onProgress } = input;
  const seconds = input.seconds ?? (() => 0);
  const spent: TrainingReport['seconds'] = {};
  const rows: TrainingReport['rows'] = {};
  let phase: TrainingPhase = 'fold';
  let since = seconds();
  return {
    input, rules, recipe, terms, live, fit, seconds, spent, rows,
    settings: { ...defaultSettings, ...input.settings },
    enter(next, count) {
      const now = seconds();
      if (next !== phase) spent[phase] = (spent[phase] ?? 0) + now - since;
      since = now;
      phase = next;
      rows[next] = count;
      onProgress?.(next, startOf(next));
    },
    progress(done) {
      if (done === 1 && phase === 'finish') spent.finish = seconds() - since;
      onProgress?.(phase, startOf(phase) + (phaseEnds[phase] - startOf(phase)) * Math.min(1, done));
    },
  };
}

function startOf(phase: TrainingPhase): number {
  const at = phases.indexOf(phase);
  return at === 0 ? 0 : phaseEnds[phases[at - 1]!];
}

interface Chosen {
  recipe: Recipe;
  terms: Terms;
  search: SearchReport | null;
  /** The latest validation window, for the curves; null where nobody in it can be scored. */
  curvesPart: Part | null;
}

/** What is live stays where nothing is searched; whatever is searched is searched on parts before the test part. */
async function chooseRecipe(context: Context, split: ThreeWaySplit): Promise<Chosen> {
  const { input, rules, recipe, terms, live, settings, fit, seconds } = context;
  const windows = split.validation.map(({ train, held }) => sampled(createPart(train, rules, held), recipe.seed));
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
      return scoreFactors({ ...fit(byUser, one, {}), histories, relevance: part.relevance! });
    }),
    fitForTerms: (one, { halfLifeDays }) =>
      meanOfScorers(windows.map((part) => {
        const { byUser, histories } = part.fold(halfLifeDays);
        return createTermScorer({ ...fit(byUser, one, {}), histories, relevance: part.relevance!, seed: recipe.seed, findNeighbours: part.findNeighbours, countFreshUsers: part.countFreshUsers });
      })),
    onTrial(trial) {
      tried++;
      context.progress((0.6 * tried) / planned);
      input.onTrial?.(trial);
    },
    onTerms(trial) {
      input.onTerms?.(trial);
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

interface Measured {
  unmeasured: null;
  test: TestReport;
  ndcg: { candidate: Float64Array; baselines: { name: string; values: Float64Array }[]; live: Float64Array | null };
  resamples: Resamples;
  /** What the refit is held against. */
  scored: { items: Factors; userNos: Int32Array; lists: Int32Array[] };
}

/** The one look at the test part: everything has been chosen. */
function measureOnTest(context: Context, split: ThreeWaySplit, chosen: Chosen): Measured {
  const { rules, live, fit, recipe } = context;
  const part = createPart(split.test.train, rules, split.test.held);
  const all = part.relevance!;
  context.enter('evaluate', all.userRows.length);
  const relevance = sampleRelevance(all, mostTestUsers, recipe.seed);
  const resamples = createResamples(relevance.userRows.length, { seed: recipe.seed });

  const candidate = fitPart(part, capFactors(chosen.recipe, part.userNos.length, part.itemNos.length).used, chosen.terms, fit);
  const items: Factors = { ...candidate.items, data: candidate.items.data.slice() };
  const fingerprint = fingerprintOf(candidate);
  const train = part.fold(0).matrix; // baselines know no half-life
  const ranking: RankingContext = { relevance, train, itemFactors: items, ks };
  const ofCandidate = measureRanking(candidate.rank(20), ranking);
  const scored = { items, ...listsOf(candidate.rank(20), part, everyNth(relevance.userRows)) };
  context.progress(0.4);
  const baselines: { key: 'popularity' | 'recentPopularity' | 'itemKnn'; name: string; measured: MeasuredRanking }[] = [
    { key: 'popularity', name: 'popularity', measured: measureRanking(rankByScore(scorePopularity(train), train), ranking) },
    { key: 'recentPopularity', name: 'popularity of 28 days', measured: measureRanking(rankByScore(scoreRecentPopularity(part.columns, rules, part.itemNos), train), ranking) },
    { key: 'itemKnn', name: 'item-kNN', measured: measureRanking(rankItemKnn(train), ranking) },
  ];
  context.progress(0.7);
  const ofLive = live === null || sameRecipe(live, chosen) ? null : measureLive(context, part, ranking);
  const summarize = (measured: MeasuredRanking) => summarizeRanking(measured, ranking, resamples);
  const test: TestReport = {
    users: relevance.userRows.length,
    relevant: all.itemIndex.length,
    coldShare: all.itemIndex.reduce((count, item) => count + (item < 0 ? 1 : 0), 0) / all.itemIndex.length,
    candidate: summarize(ofCandidate),
    popularity: summarize(baselines[0]!.measured),
    recentPopularity: summarize(baselines[1]!.measured),
    itemKnn: summarize(baselines[2]!.measured),
    live: ofLive === null ? null : summarize(ofLive),
    fingerprint,
  };
  const deciding = (measured: MeasuredRanking) => measured.at.find(({ k }) => k === 20)!.ndcg;
  const ndcg = { candidate: deciding(ofCandidate), baselines: baselines.map(({ name, measured }) => ({ name, values: deciding(measured) })), live: ofLive === null ? null : deciding(ofLive) };
  context.progress(1);
  return { unmeasured: null, test, ndcg, resamples, scored };
}

/** The recipe of the live version, on the same events: never its snapshot, which has seen the test part. Null where it has no solution any more. */
function measureLive({ live, fit }: Context, part: Part, ranking: RankingContext): MeasuredRanking | null {
  const { used } = capFactors(live!.recipe, part.userNos.length, part.itemNos.length);
  try {
    return measureRanking(fitPart(part, used, live!.terms, fit).rank(20), ranking);
  } catch (error) {
    if (error instanceof FitDiverged) return null;
    throw error;
  }
}

/** Neighbours of plain cosine; the busiest users count with a thousand items, spread over theirs, as in `neighbours.ts`. */
function rankItemKnn(train: SparseRows): Ranker {
  const rowStart = new Int32Array(train.rows + 1);
  const index = new Int32Array(train.index.length);
  let entries = 0;
  for (let u = 0; u < train.rows; u++) {
    const from = train.rowStart[u]!;
    const length = train.rowStart[u + 1]! - from;
    const kept = Math.min(mostPerUser, length);
    for (let n = 0; n < kept; n++) index[entries++] = train.index[from + Math.floor((n * length) / kept)]!;
    rowStart[u + 1] = entries;
  }
  const thinned: SparseRows = { ...train, rowStart, index: index.subarray(0, entries), weight: new Float32Array(entries), target: new Float32Array(entries) };
  return rankByNeighbours(findItemNeighbours(thinned, transpose(thinned)), train, 20);
}

function everyNth(rows: Int32Array): Int32Array {
  const step = Math.max(1, Math.floor(rows.length / comparedUsers));
  return rows.filter((_, n) => n % step === 0);
}

/** Lists as item numbers, which other fits of the shop share. */
function listsOf(rank: Ranker, { userNos, itemNos }: Pick<Part, 'userNos' | 'itemNos'>, rows: Int32Array): { userNos: Int32Array; lists: Int32Array[] } {
  const out = new Int32Array(20);
  return { userNos: Int32Array.from(rows, (row) => userNos[row]!), lists: Array.from(rows, (row) => Int32Array.from(out.subarray(0, rank(row, out)), (item) => itemNos[item]!)) };
}

function drawCurves(context: Context, { recipe, terms, curvesPart }: Chosen): { curves: CurvesReport | null; verdict: Verdict } {
  const { input, rules, fit, seconds, settings } = context;
  if (curvesPart === null) return { curves: null, verdict: giveVerdict({ metric: decidingMetric, chosen: null, bestBaseline: null, bySweep: [] }) };
  const { userNos, itemNos, relevance, columns } = curvesPart;
  context.enter('curves', relevance!.userRows.length);
  const { byUser } = curvesPart.fold(terms.halfLifeDays);
  const { matrix } = curvesPart.fold(0);
  const { used } = capFactors(recipe, userNos.length, itemNos.length);
  const curves = measureCurves({
    train: byUser, relevance: relevance!, recipe: used, fit, seconds,
    kinds: { share: settings.curves, factors: settings.curves, regularization: settings.curves },
    baselines: [
      { name: 'popularity', rank: rankByScore(scorePopularity(matrix), matrix) },
      { name: 'popularity of 28 days', rank: rankByScore(scoreRecentPopularity(columns, rules, itemNos), matrix) },
    ],
    onPoint(curve, point, made, of) {
      context.progress(made / of);
      input.onPoint?.(curve, point, made, of);
    },
  });
  const { metric, users, complete, bySweep, byShare, byFactors, byRegularization } = curves;
  return { curves: { metric, users, complete, bySweep, byShare, byFactors, byRegularization }, verdict: giveVerdict(curves) };
}

function decide({ settings, live }: Context, measured: Measured | { unmeasured: NoHoldout }, chosen: Chosen): GateDecision | null {
  if (settings.gate === null) return null;
  const against = (compared: Measured, values: Float64Array) => comparePaired(compared.resamples, compared.ndcg.candidate, values);
  const isMeasured = 'test' in measured;
  return judgeCandidate({
    metric: decidingMetric,
    unmeasured: measured.unmeasured,
    baselines: isMeasured ? measured.ndcg.baselines.map(({ name, values }) => ({ name, difference: against(measured, values) })) : [],
    live: live === null ? null : { version: live.version, sameRecipe: sameRecipe(live, chosen), difference: isMeasured && measured.ndcg.live !== null ? against(measured, measured.ndcg.live) : null },
  }, settings.gate);
}

function sameRecipe(live: { recipe: Recipe; terms: Terms }, chosen: { recipe: Recipe; terms: Terms }): boolean {
  const text = ({ recipe: { factors, regularization, unobservedWeight, frequencyExponent }, terms }: { recipe: Recipe; terms: Terms }) =>
    JSON.stringify([factors, regularization, unobservedWeight, frequencyExponent, terms.halfLifeDays, terms.neighbours, terms.neighbourWeight, terms.neighbourExponents, terms.recencyWeight, terms.recencyHalfLifeDays]);
  return text(live) === text(chosen);
}

interface Refit extends FittedRecipe {
  note: string | null;
  start: StartReport;
  sweeps: number;
  check: RefitCheck;
}

/** On everything, and the only fit that may begin at live factors. */
function refitAll(context: Context, served: Part, { recipe, terms }: Chosen, measured: Measured | { unmeasured: NoHoldout }): Refit {
  const { input, fit } = context;
  context.enter('refit', input.columns.length);
  const { userNos, itemNos } = served;
  const { used, note } = capFactors(recipe, userNos.length, itemNos.length);
  const { items: begin, sweeps, report: start } = planStart(input.start ?? noLiveModel, used, served.fold(terms.halfLifeDays).rules, itemNos, input.columns.length, userNos.length);
  const fitted = fitPart(served, { ...used, sweeps }, terms, fit, {
    objective: true, ...(begin ? { start: { items: begin } } : {}), onSweep: (sweep, of) => context.progress((0.8 * sweep) / of),
  });
  checkFinite(fitted.users, 'user', sweeps);
  checkFinite(fitted.items, 'item', sweeps);
  let overlap: number | null = null;
  let scoredItems = fitted.items;
  if ('scored' in measured) {
    const { scored } = measured;
    const rows = Int32Array.from(scored.userNos, (no) => indexOfNo(userNos, no));
    overlap = meanOverlap(scored.lists.filter((_, n) => rows[n]! >= 0), listsOf(fitted.rank(20), served, rows.filter((row) => row >= 0)).lists);
    scoredItems = scored.items;
  }
  return { ...fitted, recipe: used, note, start, sweeps, check: checkRefit(fitted.users, fitted.items, scoredItems, overlap) };
}

const noLiveModel = { code: 'no-live-model', note: 'There is no live version to go on from.' } as const;

function modelOf({ input: { columns, rules } }: Context, served: Part, refit: Refit, terms: Terms): TrainedModel {
  const { userNos, itemNos, newestMs } = served;
  const { recipe, folded, users, items, hybrid } = refit;
  const { interactions, weightScale } = folded;
  return {
    itemSide: {
      recipe, weightScale, newestMs, rules: folded.rules, terms: { ...terms }, hybrid, itemNos, factors: items,
      popularity: scorePopularity(served.fold(0).matrix), recentPopularity: scoreRecentPopularity(columns, rules, itemNos),
    },
    userSide: { userNos, factors: users, history: historyOf(interactions, userNos, itemNos) },
  };
}

/** FNV-1a over the bytes of both sides: equal exactly where the factors are. */
function fingerprintOf({ users, items }: FittedRecipe): string {
  let hash = 0x811c9dc5;
  for (const { data } of [users, items]) {
    const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
    for (let n = 0; n < words.length; n++) hash = Math.imul(hash ^ words[n]!, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** A matrix has no more directions than its shorter side; half of that leaves the fit something to generalise from. */
export function capFactors(recipe: Recipe, users: number, items: number): { used: Recipe; note: string | null } {
  const most = Math.max(1, Math.floor(Math.min(users, items) / 2));
  if (recipe.factors <= most) return { used: recipe, note: null };
  const note = `${most} factors in place of ${recipe.factors}: at most half of the shorter side of ${users} users × ${items} items.`;
  return { used: { ...recipe, factors: most }, note };
}

/** The users' entries by item index, hidden ones included; entries of items the model does not know are left out. */
function historyOf(interactions: Interactions, userNos: Int32Array, itemNos: Int32Array): UserHistory {
  const rowStart = new Int32Array(userNos.length + 1);
  const kept = new Int32Array(interactions.itemNos.length);
  const itemIndex = new Int32Array(interactions.itemNos.length);
  let entries = 0;
  let row = 0;
  for (let r = 0; r < interactions.userNos.length; r++) {
    if (interactions.userNos[r] !== userNos[row]) continue;
    for (let e = interactions.rowStart[r]!; e < interactions.rowStart[r + 1]!; e++) {
      const item = indexOfNo(itemNos, interactions.itemNos[e]!);
      if (item < 0) continue;
      kept[entries] = e;
      itemIndex[entries++] = item;
    }
    rowStart[++row] = entries;
  }
  const pick = <T extends Float32Array | Float64Array | Uint8Array>(to: T, from: T): T => {
    for (let e = 0; e < entries; e++) to[e] = from[kept[e]!]!;
    return to;
  };
  return {
    rowStart,
    itemIndex: itemIndex.slice(0, entries),
    weight: pick(new Float32Array(entries), interactions.weight),
    target: pick(new Float32Array(entries), interactions.target),
    lastMs: pick(new Float64Array(entries), interactions.lastMs),
    hidden: pick(new Uint8Array(entries), interactions.hidden),
  };
}

function checkEnoughData(interactions: Interactions): void {
  const missing = findShortage(interactions);
  if (missing.length === 0) return;
  const { users, items, entries } = countUsable(interactions);
  throw new NotEnoughData(users, items, entries, missing);
}

function findShortage(interactions: Interactions): string[] {
  const { users, items, positive } = countUsable(interactions);
  const missing: string[] = [];
  if (users < minimum.users) missing.push(`${users} of at least ${minimum.users} users`);
  if (items < minimum.items) missing.push(`${items} of at least ${minimum.items} items`);
  if (positive < minimum.positiveInteractions) missing.push(`${positive} of at least ${minimum.positiveInteractions} positive interaction`);
  return missing;
}

function countUsable(interactions: Interactions): { users: number; items: number; entries: number; positive: number } {
  const { userNos, itemNos, matrix } = indexInteractions(interactions);
  let positive = 0;
  for (let e = 0; e < matrix.target.length; e++) if (matrix.target[e]! > 0) positive++;
  return { users: userNos.length, items: itemNos.length, entries: matrix.index.length, positive };
}

function checkFinite(factors: Factors, side: 'user' | 'item', sweep: number): void {
  const at = factors.data.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw new FitDiverged(sweep, side, Math.floor(at / factors.stride));
}

function oldestOccurredAt(columns: EventColumns): number {
  let oldest = Infinity;
  for (let i = 0; i < columns.length; i++) if (columns.occurredAtMs[i]! < oldest) oldest = columns.occurredAtMs[i]!;
  return oldest;
}
