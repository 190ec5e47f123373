/** What kinds of events there are and what each is worth. Training and serving read them anew: changing one needs no import. */
import type { EventTypeRule } from '../model/interactions.ts';
import { type Connection, type Queryable, run } from './database.ts';

/** All event types in the order in which they were made. `hidesDays` null: for ever. */
export async function listEventTypes(database: Queryable): Promise<EventTypeRule[]> {
  return await run<EventTypeRule & Record<string, unknown>>(
    database,
    `SELECT type_no AS "typeNo", name, weight, mode, half_life_days AS "halfLifeDays", threshold, use_value AS "useValue", hides_days AS "hidesDays"
     FROM event_types ORDER BY type_no`,
  );
}

export interface EventTypeChange extends Partial<Omit<EventTypeRule, 'typeNo' | 'name'>> {
  readonly name: string;
}

/** What a type is that says nothing of itself. */
const NEW_TYPE: Omit<EventTypeRule, 'typeNo' | 'name'> = { weight: 1, mode: 'sum', halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0 };

/** Sets of types that kinds of services begin with. */
export const EVENT_TYPE_PRESETS: Readonly<Record<string, { readonly says: string; readonly types: readonly EventTypeChange[] }>> = {
  shop: {
    says: 'views, carts, purchases that hide an item for 90 days, ratings',
    types: [
      { ...NEW_TYPE, name: 'view' },
      { ...NEW_TYPE, name: 'cart', weight: 3 },
      { ...NEW_TYPE, name: 'purchase', weight: 6, hidesDays: 90 },
      { ...NEW_TYPE, name: 'rating', weight: 4, mode: 'latest', threshold: 3.5, hidesDays: null },
    ],
  },
  streaming: {
    says: 'clicks, plays that fade, completions that hide an item for 30 days, likes (value 1 or 0), skips that speak against an item, ratings',
    types: [
      { ...NEW_TYPE, name: 'click', weight: 0.5, halfLifeDays: 30 },
      { ...NEW_TYPE, name: 'play', weight: 2, halfLifeDays: 90 },
      { ...NEW_TYPE, name: 'complete', weight: 5, halfLifeDays: 180, hidesDays: 30 },
      { ...NEW_TYPE, name: 'like', weight: 5, mode: 'latest', threshold: 0.5 },
      { ...NEW_TYPE, name: 'skip', weight: -1, halfLifeDays: 30 },
      { ...NEW_TYPE, name: 'rating', weight: 4, mode: 'latest', threshold: 3.5 },
    ],
  },
  ratings: {
    says: 'ratings above all: positive from 3.5, rated items are not shown again; views count little',
    types: [
      { ...NEW_TYPE, name: 'rating', weight: 1, mode: 'latest', threshold: 3.5, hidesDays: null },
      { ...NEW_TYPE, name: 'view', weight: 0.1 },
    ],
  },
};

/** Changes the types named, inside the caller's transaction; new ones are made, others stay as they are, and so do fields that are left out. Every process hears of it. */
export async function changeEventTypes(connection: Connection, changes: readonly EventTypeChange[]): Promise<void> {
  // One at a time: two who change types at once must not lock each other out.
  await run(connection, 'LOCK TABLE event_types IN SHARE ROW EXCLUSIVE MODE');
  const known = new Map((await listEventTypes(connection)).map((type) => [type.name, type]));
  for (const change of changes) {
    const { weight, mode, halfLifeDays, threshold, useValue, hidesDays } = { ...(known.get(change.name) ?? NEW_TYPE), ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) };
    await run(
      connection,
      known.has(change.name)
        ? 'UPDATE event_types SET weight = $2, mode = $3, half_life_days = $4, threshold = $5, use_value = $6, hides_days = $7 WHERE name = $1'
        : 'INSERT INTO event_types (name, weight, mode, half_life_days, threshold, use_value, hides_days) VALUES ($1, $2, $3, $4, $5, $6, $7)',
      [change.name, weight, mode, halfLifeDays, threshold, useValue, hidesDays],
    );
    known.set(change.name, { typeNo: 0, name: change.name, weight, mode, halfLifeDays, threshold, useValue, hidesDays });
  }
  await run(connection, `SELECT pg_notify('jongleur_types', '')`);
}
