import type { EventTypeRule } from '../model/interactions.ts';
import { type Queryable, run } from './database.ts';

/** All event types in the order in which they were made. `hidesDays` null: for ever. */
export async function listEventTypes(database: Queryable): Promise<EventTypeRule[]> {
  return await run<EventTypeRule & Record<string, unknown>>(
    database,
    `SELECT type_no AS "typeNo", name, weight, mode, half_life_days AS "halfLifeDays", threshold, use_value AS "useValue", hides_days AS "hidesDays"
     FROM event_types ORDER BY type_no`,
  );
}
