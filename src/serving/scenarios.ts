/** The shop's scenarios, and what holds without one, in memory: read when Postgres says that one has changed, and kept while it is away. */
import type { Database } from '../storage/database.ts';
import { listScenarios } from '../storage/scenarios.ts';
import { readTrainingSettings } from '../storage/settings.ts';
import { DEFAULTS, type Scenario, type Steered, type SteeringRequest, steer } from './steering.ts';

export interface Scenarios {
  refresh(): Promise<void>;
  names(): string[];
  /** What a request gets that says nothing. */
  defaults(): Steered;
  /** @returns null where there is no scenario of that name */
  apply(request: SteeringRequest, name: string | undefined): Steered | null;
}

export function createScenarios(database: Database): Scenarios {
  let defaults = DEFAULTS;
  let known = new Map<string, { readonly no: number; readonly scenario: Scenario }>();
  return {
    async refresh() {
      // What a definition holds was checked when it was stored.
      known = new Map((await listScenarios(database)).map(({ name, scenarioNo, definition }) => [name, { no: scenarioNo, scenario: definition as Scenario }]));
      const { explore } = await readTrainingSettings(database);
      if (explore !== defaults.explore) {
        defaults = { ...DEFAULTS, explore };
      }
    },
    defaults: () => defaults,
    names: () => [...known.keys()],
    apply(request, name) {
      if (name === undefined) {
        return steer(request, defaults);
      }
      const found = known.get(name);
      return found === undefined ? null : steer(request, defaults, found.scenario, found.no);
    },
  };
}
