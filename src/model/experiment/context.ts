/** What the steps of one training share: what they were given, whose clock, how far it is. */
import { type FitFunction, fitPlain } from '../fitting.ts';
import { defaultGateRules, type GateRules } from '../gate.ts';
import { DEFAULT_RECIPE, type Recipe } from '../recipe.ts';
import type { EventColumns, EventTypeRule } from '../interactions.ts';
import type { LeftOut } from '../quality/bursts.ts';
import { DEFAULT_TERMS, type Terms } from '../terms.ts';
import type { ColdStart, LiveModel } from '../warm-start.ts';
import type { CurvesInput } from './curves.ts';
import type { LiveSnapshot } from './prequential.ts';
import type { TrainingPhase, TrainingReport } from './report.ts';
import type { SearchMode, Trial } from './search.ts';
import type { SplitMethod } from './split.ts';
import { defaultVoiceRules, type VoiceRules } from '../voices.ts';

/** How the experiment is made. */
export interface ExperimentSettings {
  search: SearchMode;
  /** Wall time that the search may take; Infinity: what it takes. */
  searchSeconds: number;
  /** Curves by share of the data, factors and regularization besides that by sweep. */
  curves: boolean;
  split: SplitMethod;
  /** How much users count for others. */
  voices: VoiceRules;
  /** Null: publish whatever comes. For what is not measured by a gate, tests of other things. */
  gate: GateRules | null;
}

export const defaultSettings: ExperimentSettings = { search: 'off', searchSeconds: Infinity, curves: false, split: 'time', voices: defaultVoiceRules, gate: defaultGateRules };

/** The live version, as its recipe. */
export interface LiveRecipe {
  version: number;
  recipe: Recipe;
  terms: Terms;
}

export interface TrainingInput {
  columns: EventColumns;
  rules: readonly EventTypeRule[];
  /** What is not among the columns any more, for the report. */
  leftOut?: LeftOut | null;
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
  onPoint?: CurvesInput['onPoint'];
}

/** Where a phase ends, as a share of the whole. */
const phaseEnds: Readonly<Record<TrainingPhase, number>> = { fold: 0.02, split: 0.05, search: 0.55, evaluate: 0.65, curves: 0.8, refit: 0.95, finish: 1 };
const phases = Object.keys(phaseEnds) as TrainingPhase[];

/** What one run's steps share. */
export interface Context {
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

export function createContext(input: TrainingInput): Context {
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
