/** Scenarios: how the lists of one place of a shop (home, product page, cart, mail) are steered, under a name. Numbers of deleted ones are never given again. */
import { type Queryable, run } from './database.ts';

export interface StoredScenario extends Record<string, unknown> {
  readonly scenarioNo: number;
  readonly name: string;
  readonly definition: Record<string, unknown>;
  readonly updatedAt: Date;
}

/** In the order of their names. */
export async function listScenarios(database: Queryable): Promise<StoredScenario[]> {
  return await run<StoredScenario>(database, 'SELECT scenario_no AS "scenarioNo", name, definition, updated_at AS "updatedAt" FROM scenarios ORDER BY name');
}

/** Makes or replaces it; every process hears of it. */
export async function putScenario(database: Queryable, name: string, definition: object): Promise<StoredScenario> {
  const [row] = await run<StoredScenario>(
    database,
    `WITH stored AS (
       INSERT INTO scenarios (name, definition) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, updated_at = now() RETURNING *),
     told AS (SELECT pg_notify('jongleur_scenarios', '') FROM stored)
     SELECT scenario_no AS "scenarioNo", name, definition, updated_at AS "updatedAt" FROM stored, told`,
    [name, JSON.stringify(definition)],
  );
  return row;
}

/** @returns false where there is none of that name */
export async function deleteScenario(database: Queryable, name: string): Promise<boolean> {
  const rows = await run(database, `WITH gone AS (DELETE FROM scenarios WHERE name = $1 RETURNING 1) SELECT pg_notify('jongleur_scenarios', '') FROM gone`, [name]);
  return rows.length > 0;
}
