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
import { comparePaired } from './evaluation/bootstrap.ts';
import { checkEnoughData } from './enough.ts';
import { type Chosen, chooseRecipe, sameRecipe } from './experiment/choose.ts';
import { type Context, createContext, type TrainingInput } from './experiment/context.ts';
import { measureCurves, mostCurveUsers } from './experiment/curves.ts';
import { type Measured, measureOnTest } from './experiment/measure.ts';
import { createPart, fitPart } from './experiment/part.ts';
import { measurePrequential } from './experiment/prequential.ts';
import { measureRatings } from './experiment/ratings.ts';
import { modelOf, refitAll, type TrainedModel } from './experiment/refit.ts';
import { type CurvesReport, jsonOf, type TrainingReport } from './experiment/report.ts';
import { splitThreeWays } from './experiment/split.ts';
import { capFactors } from './fitting.ts';
import { type GateDecision, judgeCandidate, judgeRefit } from './gate.ts';
import { sampleRelevance } from './holdout.ts';
import { type EventColumns, foldEvents, newestOccurredAt } from './interactions.ts';
import { evaluateRanking, meanOf } from './metrics.ts';
import { rankByScore, scorePopularity, scoreRecentPopularity } from './popularity.ts';
import type { NoHoldout } from './split.ts';
import { giveVerdict, type Verdict } from './verdict.ts';
import { fitWithVoices } from './voices.ts';

export type { TrainingInput } from './experiment/context.ts';
export type { TrainedModel } from './experiment/refit.ts';
export type { TrainingReport } from './experiment/report.ts';

export interface Training {
  report: TrainingReport;
  /** Null where the gate said no. Where it said that a person decides, it is here and waits. */
  model: TrainedModel | null;
}

/** Of which the decision goes by. */
const decidingMetric = 'NDCG@20';

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
  const ratings = 'reason' in split ? null : measureRatings(split.test.train, split.test.held, rules, context.fit);
  const { curves, verdict } = drawCurves(context, chosen, measured.unmeasured);
  const decision = decide(context, measured, chosen);

  const prequential = input.snapshot == null ? null : measurePrequential(input.snapshot, columns);
  const served = createPart(columns, rules, null, context.settings.voices);
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
    quietUsers: served.voices === null ? 0 : served.voices.reduce((count, voice) => count + (voice < 1 ? 1 : 0), 0),
    leftOut: input.leftOut ?? null,
    factors: refit?.recipe.factors ?? capFactors(chosen.recipe, served.userNos.length, served.itemNos.length).used.factors,
    factorsNote: refit?.note ?? null,
    start: refit?.start ?? null,
    sweeps: refit?.sweeps ?? chosen.recipe.sweeps,
    objective: refit?.objective ?? [],
    split: split.report,
    unmeasured: measured.unmeasured,
    search: chosen.search,
    test: 'test' in measured ? measured.test : null,
    ratings,
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

function drawCurves(context: Context, { recipe, terms, curvesPart }: Chosen, unmeasured: NoHoldout | null): { curves: CurvesReport | null; verdict: Verdict } {
  const { input, rules, fit, seconds, settings } = context;
  if (curvesPart === null) return { curves: null, verdict: giveVerdict({ metric: decidingMetric, chosen: null, bestBaseline: null, bySweep: [], ...(unmeasured === null ? {} : { unmeasured }) }) };
  const { userNos, itemNos, relevance, columns, voices } = curvesPart;
  context.enter('curves', relevance!.userRows.length);
  const { byUser } = curvesPart.fold(terms.halfLifeDays);
  const { matrix } = curvesPart.fold(0);
  const { used } = capFactors(recipe, userNos.length, itemNos.length);
  const curves = measureCurves({
    train: byUser, relevance: relevance!, recipe: used, fit: fitWithVoices(fit, voices), seconds,
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
  const served = meanOf(evaluateRanking(fitPart(curvesPart, used, terms, fit).rank(20), sampleRelevance(relevance!, mostCurveUsers, used.seed), [20]).at[0]!.ndcg);
  return { curves: { metric, users, complete, bySweep, byShare, byFactors, byRegularization }, verdict: giveVerdict({ ...curves, served }) };
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

function oldestOccurredAt(columns: EventColumns): number {
  let oldest = Infinity;
  for (let i = 0; i < columns.length; i++) if (columns.occurredAtMs[i]! < oldest) oldest = columns.occurredAtMs[i]!;
  return oldest;
}
