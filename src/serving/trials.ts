/**
 * Running experiments in memory: which lists each is about, and what its variants change. A list is of one experiment: the shop's own first, of the list's scenario or of all lists, and what that leaves is the
 * guard's. Read when Postgres says that one has changed, and kept while it is away.
 */
import { type Assignment, createAssignment } from '../model/assignment.ts';
import type { Database } from '../storage/database.ts';
import { type LiveExperiment, listRunningExperiments } from '../storage/live-experiments.ts';
import type { Scenario } from './steering.ts';

export interface Variant {
  readonly variantNo: number;
  readonly settings: Scenario;
  /** Answers from this version; null: from the live one. */
  readonly version: number | null;
  readonly isOff: boolean;
}

export interface Trial {
  readonly assignment: Assignment;
  readonly variants: readonly Variant[];
}

export interface Trials {
  refresh(): Promise<void>;
  /** Another number whenever `of` may give something else. */
  generation(): number;
  /** Those that shoppers' lists of a scenario may be of, in the order in which they are asked. */
  of(scenario: string | undefined): readonly Trial[];
  /** Versions that variants name. */
  versions(): ReadonlySet<number>;
}

interface Known extends Trial {
  readonly scenario: string | undefined;
}

function read({ experimentNo, kind, definition: { scenario, traffic, variants }, firstVariantNo }: LiveExperiment): Known {
  return {
    scenario,
    assignment: createAssignment(`${kind} ${experimentNo}`, traffic, variants.map(({ share }) => share)),
    // What a definition holds was checked when it was stored.
    variants: variants.map(({ settings = {}, modelVersion = null, off = false }, n) => ({ variantNo: (firstVariantNo ?? 0) + n, settings: settings as Scenario, version: modelVersion, isOff: off })),
  };
}

export function createTrials(database: Database): Trials {
  let known: Known[] = [];
  let versions: ReadonlySet<number> = new Set();
  let generation = 0;
  let running = '';

  return {
    async refresh() {
      const found = await listRunningExperiments(database);
      // A definition does not change while it runs.
      const text = found.map(({ experimentNo }) => experimentNo).join();
      if (text !== running) {
        running = text;
        generation++;
        known = [...found.filter(({ kind }) => kind === 'shop'), ...found.filter(({ kind }) => kind === 'guard')].map(read);
        versions = new Set(known.flatMap(({ variants }) => variants.map(({ version }) => version).filter((version) => version !== null)));
      }
    },
    generation: () => generation,
    of: (scenario) => known.filter((trial) => trial.scenario === undefined || trial.scenario === scenario),
    versions: () => versions,
  };
}
