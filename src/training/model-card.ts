/**
 * The card of a model version (Mitchell et al. 2019): what it was trained on, how good it is and beside what, why it went live or did not, and when not to trust it. Made from
 * the version's row and report; whatever an earlier program did not write into its report is null here.
 */
import type { RankingReport } from '../model/evaluation/ranking.ts';
import type { CurvesReport, PrequentialReport, TestReport } from '../model/experiment/report.ts';
import type { RatingsReport } from '../model/experiment/ratings.ts';
import type { HeldOutReport } from '../model/experiment/split.ts';
import type { GateDecision } from '../model/gate.ts';
import type { Interval } from '../model/metrics.ts';
import type { Finding } from '../model/quality/findings.ts';
import type { Verdict } from '../model/verdict.ts';
import type { StartReport } from '../model/warm-start.ts';
import type { Model } from '../storage/models.ts';
import type { RunReport } from './run.ts';

/** All may be missing: what is stored was written by this program or by any before it. */
export type KeptReport = { readonly [Name in keyof RunReport]?: RunReport[Name] | null };

/** A model, or a simple rule beside it, on the test users. */
export interface Ranked {
  readonly name: 'this model' | 'live recipe' | 'popularity' | 'recent popularity' | 'item-kNN';
  readonly figures: RankingReport;
}

/** Without examples: which shoppers and items they were is looked up where data quality is asked for. */
export type CardFinding = Pick<Finding, 'severity' | 'message' | 'advice'> & { readonly code: string };

/** What a run found out, whether a version came of it or not. */
export interface Findings {
  /** Where the published fit began. */
  readonly start: StartReport | null;
  /** How the recipe was chosen; its trials are in the report. */
  readonly search: { readonly mode: string; readonly trials: number; readonly seconds: number; readonly ended: 'done' | 'time' } | null;
  /** null: it was not measured. */
  readonly test: { readonly heldOut: HeldOutReport | null; readonly users: number; readonly relevant: number; readonly coldShare: number; readonly rankings: readonly Ranked[] } | null;
  /** How well ratings can be foretold, where there are any; null where there are too few to tell. */
  readonly ratings: RatingsReport | null;
  /** Why it was not measured. */
  readonly unmeasured: string | null;
  readonly gate: GateDecision | null;
  readonly verdict: Verdict | null;
  /** What the verdict was read from, on validation. */
  readonly curves: CurvesReport | null;
  /** How the version before it really did on what came after it. */
  readonly prequential: PrequentialReport | null;
  readonly quality: readonly CardFinding[] | null;
}

export interface ModelCard extends Findings {
  readonly version: number;
  readonly state: Model['state'];
  readonly runNo: number | null;
  /** Whether it can be made live. */
  readonly isKept: boolean;
  readonly createdAt: string;
  readonly activatedAt: string | null;
  readonly codeVersion: string | null;
  readonly trainedOn: {
    readonly events: number | null;
    readonly users: number | null;
    readonly items: number | null;
    readonly interactions: number | null;
    readonly oldestAt: string | null;
    readonly newestAt: string | null;
    /** Events of transactions from here on may be missing. */
    readonly watermark: string;
    readonly dataHash: string | null;
  };
  readonly recipe: Readonly<Record<string, unknown>>;
  /** What the guard saw after it went live. */
  readonly guard: Model['guard'];
  /** When not to trust it, in sentences. */
  readonly limits: string[];
}

/** Of a version, for a list. */
export interface ModelSummary extends Pick<ModelCard, 'version' | 'state' | 'runNo' | 'isKept' | 'createdAt' | 'activatedAt' | 'codeVersion' | 'trainedOn' | 'recipe' | 'guard'> {
  readonly outcome: GateDecision['outcome'] | null;
  readonly verdict: Verdict['code'] | null;
  /** At 20, with their intervals; null where it was not measured. */
  readonly recall: Interval | null;
  readonly ndcg: Interval | null;
}

/** With fewer, a figure is of a handful of people. */
const FEW_USERS = 200;
const FEW_SEGMENT_USERS = 30;
const MUCH_COLD = 0.1;

export function makeModelCard(model: Model): ModelCard {
  const report = model.report as KeptReport;
  const card = { ...factsOf(model, report), ...readFindings(report) };
  return { ...card, limits: limitsOf(card) };
}

/** Also of a run that made no version. */
export function readFindings({ start, search, test, split, unmeasured, ratings, gate, verdict, curves, prequential, quality }: KeptReport): Findings {
  return {
    start: start ?? null,
    search: search == null ? null : { mode: search.mode, trials: search.trials.length, seconds: search.seconds, ended: search.ended },
    test: test == null ? null : { heldOut: split?.test ?? null, users: test.users, relevant: test.relevant, coldShare: test.coldShare, rankings: rankingsOf(test) },
    unmeasured: test != null ? null : (unmeasured?.message ?? 'Its report has no test figures.'),
    ratings: ratings ?? null,
    gate: gate ?? null,
    verdict: verdict ?? null,
    curves: curves ?? null,
    prequential: prequential ?? null,
    quality: quality == null ? null : quality.findings.map(({ code, severity, message, advice }) => ({ code, severity, message, advice })),
  };
}

export function summarizeModel(model: Model): ModelSummary {
  const report = model.report as KeptReport;
  const at20 = report.test?.candidate.at.find(({ k, ndcg }) => k === 20 && typeof ndcg.mean === 'number') ?? null;
  return { ...factsOf(model, report), outcome: report.gate?.outcome ?? null, verdict: report.verdict?.code ?? null, recall: at20?.recall ?? null, ndcg: at20?.ndcg ?? null };
}

function factsOf({ version, state, runNo, isKept, createdAt, activatedAt, watermark, recipe, guard }: Model, report: KeptReport) {
  const at = (ms: number | null | undefined) => (typeof ms === 'number' && Number.isFinite(ms) ? new Date(ms).toISOString() : null);
  return {
    version, state, runNo, isKept, createdAt: createdAt.toISOString(), activatedAt: activatedAt?.toISOString() ?? null, codeVersion: report.codeVersion ?? null,
    trainedOn: {
      events: report.events ?? null, users: report.users ?? null, items: report.items ?? null, interactions: report.interactions ?? null,
      oldestAt: at(report.oldestMs), newestAt: at(report.newestMs), watermark, dataHash: report.dataHash ?? null,
    },
    recipe: inOrder(recipe, PARAMETERS),
    guard,
  };
}

/** The order in which people think of them; jsonb keeps none. */
const PARAMETERS: readonly string[] = [
  'factors', 'regularization', 'unobservedWeight', 'frequencyExponent', 'sweeps', 'stepsPerSweep', 'halfLifeDays', 'neighbours', 'neighbourWeight', 'neighbourExponents', 'recencyWeight', 'recencyHalfLifeDays', 'seed',
];

/** Entries in the order of names given; others after them, as they are. */
export function inOrder<T>(record: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  const rank = (name: string) => (names.includes(name) ? names.indexOf(name) : names.length);
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => rank(a) - rank(b)));
}

/** This model first, baselines last. */
function rankingsOf(test: TestReport): Ranked[] {
  const all = [['this model', test.candidate], ['live recipe', test.live], ['item-kNN', test.itemKnn], ['popularity', test.popularity], ['recent popularity', test.recentPopularity]] as const;
  return all.filter((one): one is [Ranked['name'], RankingReport] => one[1] != null).map(([name, figures]) => ({ name, figures }));
}

function limitsOf({ test, unmeasured, gate, verdict, quality, trainedOn }: Omit<ModelCard, 'limits'>): string[] {
  const limits: string[] = [];
  if (test === null) {
    limits.push(`It was not measured: ${unmeasured} Nothing here says that it is any good.`);
  } else {
    if (test.users < FEW_USERS) {
      limits.push(`Only ${count(test.users)} shoppers could be tested, so its figures may be far off; read the intervals, not the means.`);
    }
    if (test.coldShare >= MUCH_COLD) {
      limits.push(`${per(test.coldShare)} of what the tested shoppers came to want was new to the shop: no model that learns from behaviour could have listed it, and it counts as missed for all.`);
    }
    const few = test.rankings[0].figures.segments.filter(({ users }) => users > 0 && users < FEW_SEGMENT_USERS);
    if (few.length > 0) {
      limits.push(`Figures of ${few.map(({ segment, users }) => `${segment} (${users})`).join(', ')} rest on few shoppers.`);
    }
    if (test.heldOut?.by === 'leave-last-out') {
      limits.push('What was held out is each shopper’s last item, so the model had seen others’ future; its figures are somewhat too good, for all rankings alike.');
    }
    limits.push('Figures are of the same recipe fitted without the test part; what answers was fitted again on everything.');
    limits.push('They count what shoppers found without these lists. They compare models; they do not say how much more will be sold.');
  }
  if (gate?.outcome === 'underpowered') {
    limits.push('There were too few test users to be sure that it is not worse than the recipe before it.');
  }
  if (verdict !== null && verdict.code !== 'well-fitted') {
    limits.push(`Verdict ${verdict.code}: ${verdict.advice}`);
  }
  const wrong = (quality ?? []).filter(({ severity }) => severity !== 'info');
  if (wrong.length > 0) {
    limits.push(`Its data had ${wrong.length === 1 ? 'a finding' : `${wrong.length} findings`} to look at: ${wrong.map(({ code }) => code).join(', ')}.`);
  }
  if (trainedOn.newestAt !== null) {
    limits.push(`It knows nothing that happened after ${trainedOn.newestAt}: items without an event until then are in its answers only as trending ones.`);
  }
  return limits;
}

export function count(number: number): string {
  return number.toLocaleString('en-US');
}

export function per(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
