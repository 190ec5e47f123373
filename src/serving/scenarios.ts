/** The shop's scenarios, and what holds without one, in memory: read when Postgres says that one has changed, and kept while it is away. */
import type { Database } from '../storage/database.ts';
import { type StoredScenario, listScenarios } from '../storage/scenarios.ts';
import { readTrainingSettings } from '../storage/settings.ts';
import { DEFAULTS, type Scenario, type Steered, type SteeringRequest, steer } from './steering.ts';

export type ScenarioRow = Pick<StoredScenario, 'name' | 'scenarioNo' | 'definition'>;

export interface Scenarios {
  refresh(): Promise<void>;
  /** What a local copy has of them. */
  restore(stored: readonly ScenarioRow[], explore: number): void;
  names(): string[];
  /** Another number whenever what `apply` gives may have changed. */
  generation(): number;
  /**
   * @param over what an experiment's variant puts in place of the scenario's settings
   * @returns null where there is no scenario of that name
   */
  apply(request: SteeringRequest, name: string | undefined, over?: Scenario): Steered | null;
}

export function createScenarios(database: Database): Scenarios {
  let defaults = DEFAULTS;
  let generation = 0;
  let read = '';
  let known = new Map<string, { readonly no: number; readonly scenario: Scenario }>();

  function use(stored: readonly ScenarioRow[], explore: number): void {
    const text = JSON.stringify([stored.map(({ name, scenarioNo, definition }) => [name, scenarioNo, definition]), explore]);
    if (text !== read) {
      read = text;
      generation++;
      // What a definition holds was checked when it was stored.
      known = new Map(stored.map(({ name, scenarioNo, definition }) => [name, { no: scenarioNo, scenario: definition as Scenario }]));
      defaults = { ...DEFAULTS, explore };
    }
  }

  return {
    async refresh() {
      use(await listScenarios(database), (await readTrainingSettings(database)).explore);
    },
    restore: use,
    generation: () => generation,
    names: () => [...known.keys()],
    apply(request, name, over) {
      if (name === undefined) {
        return steer(request, defaults, over);
      }
      const found = known.get(name);
      return found === undefined ? null : steer(request, defaults, over === undefined ? found.scenario : { ...found.scenario, ...over }, found.no);
    },
  };
}
