/**
 * What a live experiment has found, and the looks at it.
 *
 * Figures stand as of the last look, and looks come by the clock and by how much was measured, never because somebody asks: reading a result a hundred times a day shows the same hundred times, so it
 * cannot be stopped at a lucky moment. What was counted so far is told at any time; whether it means anything is told by the looks.
 */
import { mismatchOf, rateOf, differenceWithin } from '../model/evaluation/arms.ts';
import { type ListSums, type OutcomeSums, sumClicks, sumLists, sumOutcomes } from '../storage/attribution.ts';
import type { Database } from '../storage/database.ts';
import type { ExperimentMeasure, LiveExperiment } from '../storage/live-experiments.ts';
import { readTrainingSettings } from '../storage/settings.ts';
import { GUARD_PLAN, planOf } from './experiment-plan.ts';
import { type ArmCounts, type Comparison, type LookPlan, type StoredBounds, type Verdict, openPair, progressOf } from './sequential-look.ts';

const HOUR_MS = 3_600_000;
const BUCKETS = 100;
const Z95 = 1.959964;
/** Groups of another size than was meant are told of below this p: once in a thousand experiments without a reason. */
export const MISMATCH_LEVEL = 0.001;

const COUNTS = ['lists', 'items', 'clicks', 'carts', 'purchases', 'revenue'] as const;
type Count = (typeof COUNTS)[number];
/** By variant: each count by bucket. */
export type VariantCounts = Readonly<Record<Count, Float64Array>>;

/** What was counted of one variant. */
export interface VariantFigures extends Readonly<Record<Count, number>> {
  /** Of what is measured, a list, with its 95 % interval; null: too few to tell. */
  readonly rate: StoredBounds | null;
}

/** As it is stored. */
export interface ExperimentLook {
  readonly at: string;
  readonly variants: readonly VariantFigures[];
  /** Of each variant but the first with the first; null: nothing new was to be seen of it. */
  readonly comparisons: readonly (Comparison | null)[];
  readonly mismatch: number;
}

export interface ExperimentResult {
  readonly asOf: string | null;
  readonly variants: readonly VariantFigures[];
  /** Last looks of each variant but the first; null: there was none yet. */
  readonly comparisons: readonly (Comparison | null)[];
  /** Share of the plan, 0 … 1. */
  readonly progress: number | null;
  /** Lists that are still to come until the plan is through; null: too early to tell. */
  readonly needsLists: number | null;
  /** p of groups of these sizes, where they are as they were meant to be. */
  readonly mismatch: number;
}

export function planFor({ kind, definition }: LiveExperiment): LookPlan {
  return kind === 'guard' ? GUARD_PLAN : planOf(definition.variants.length, { minEffect: definition.minEffect, power: definition.power });
}

/** The counts of the variants of one that was started. @throws DatabaseUnavailable */
export async function countVariants(database: Database, experiment: LiveExperiment, now: Date, clicksAlone: boolean): Promise<VariantCounts[]> {
  const { startedAt, stoppedAt, firstVariantNo, definition } = experiment;
  if (startedAt === null || firstVariantNo === null) {
    return definition.variants.map(emptyCounts);
  }
  // Up to the end of the hour: lists are counted by the hour in which they were made.
  const to = new Date(Math.ceil(((stoppedAt ?? now).getTime() + 1) / HOUR_MS) * HOUR_MS);
  const scope = { from: new Date(Math.floor(startedAt.getTime() / HOUR_MS) * HOUR_MS), to, by: 'variant', scenarioNo: null } as const;
  const outcomes = clicksAlone ? sumClicks(database, scope) : sumOutcomes(database, scope, (await readTrainingSettings(database)).attributionHours);
  const counts = definition.variants.map(emptyCounts);
  for (const row of [...(await sumLists(database, scope)), ...(await outcomes)]) {
    const own = counts[Number(row.key) - firstVariantNo];
    for (const count of own === undefined ? [] : COUNTS) {
      own[count][row.bucket] += (row as Partial<ListSums & OutcomeSums>)[count] ?? 0;
    }
  }
  return counts;
}

function emptyCounts(): VariantCounts {
  return Object.fromEntries(COUNTS.map((count) => [count, new Float64Array(BUCKETS)])) as unknown as VariantCounts;
}

const sumOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);

export function armOf(counts: VariantCounts, measure: ExperimentMeasure): ArmCounts {
  return { lists: counts.lists, outcomes: counts[measure], happenings: measure === 'revenue' ? counts.purchases : counts[measure] };
}

function figuresOf(counts: VariantCounts, measure: ExperimentMeasure): VariantFigures {
  const rate = rateOf(counts[measure], counts.lists);
  const around = rate === null ? null : differenceWithin({ value: rate.rate, deviation: Math.sqrt(rate.variance), information: 1 / rate.variance, freedom: rate.freedom }, Z95);
  const sums = Object.fromEntries(COUNTS.map((count) => [count, sumOf(counts[count])])) as Record<Count, number>;
  return { ...sums, rate: around };
}

/** Looks of one pair, oldest first. */
function pastOf(looks: readonly ExperimentLook[], pair: number): Comparison[] {
  return looks.map(({ comparisons }) => comparisons[pair]).filter((one) => one !== null);
}

export function looksOf(experiment: LiveExperiment): readonly ExperimentLook[] {
  return experiment.looks as unknown as readonly ExperimentLook[];
}

/** Shares as lists must show them. */
const sharesOf = ({ definition }: LiveExperiment) => definition.variants.map(({ share }) => share);

/** @returns null: there is nothing new to be seen */
export function takeLook(experiment: LiveExperiment, counts: readonly VariantCounts[], now: Date): ExperimentLook | null {
  const { definition, startedAt } = experiment;
  const plan = planFor(experiment);
  const elapsed = definition.hours === undefined || startedAt === null ? 0 : Math.min(1, (now.getTime() - startedAt.getTime()) / (definition.hours * HOUR_MS));
  const [control, ...others] = counts.map((own) => armOf(own, definition.measure));
  const comparisons = others.map((other, pair) => openPair(plan, pastOf(looksOf(experiment), pair)).look(control, other, elapsed));
  return comparisons.every((one) => one === null)
    ? null
    : { at: now.toISOString(), variants: counts.map((own) => figuresOf(own, definition.measure)), comparisons, mismatch: mismatchOf(counts.map(({ lists }) => lists), sharesOf(experiment)) };
}

/** What is known now, of one that was started or of a draft. */
export function resultOf(experiment: LiveExperiment, counts: readonly VariantCounts[]): ExperimentResult {
  const { definition } = experiment;
  const plan = planFor(experiment);
  const looks = looksOf(experiment);
  const [control, ...others] = counts.map((own) => armOf(own, definition.measure));
  const progress = others.map((other) => progressOf(plan, control, other));
  const least = progress.some((one) => one === null) ? null : Math.min(...(progress as number[]));
  const lists = counts.reduce((sum, own) => sum + sumOf(own.lists), 0);
  return {
    asOf: looks.at(-1)?.at ?? null,
    variants: counts.map((own) => figuresOf(own, definition.measure)),
    comparisons: others.map((_, pair) => pastOf(looks, pair).at(-1) ?? null),
    progress: least === null ? null : Math.min(1, least),
    needsLists: least === null || least <= 0 ? null : Math.max(0, Math.ceil(lists / least - lists)),
    mismatch: mismatchOf(counts.map((own) => own.lists), sharesOf(experiment)),
  };
}

/** Of all variants together: decided once each is. */
export function isDecided(comparisons: readonly (Comparison | null)[]): boolean {
  return comparisons.every((one) => one !== null && one.verdict !== 'open');
}

export function verdictsOf(comparisons: readonly (Comparison | null)[]): Verdict[] {
  return comparisons.map((one) => one?.verdict ?? 'open');
}
