/**
 * Nothing of the test part may reach what is scored on it. The examination: train twice on the same past, once with another future. Whatever was scored must be the same to the bit, which
 * the report's fingerprint tells. Both ways in which a live version leaks are planted, and the examination must find them.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { fitPlain, type FitFunction } from '../../../src/model/fitting.ts';
import { DEFAULT_RECIPE, type Recipe } from '../../../src/model/recipe.ts';
import { type Training, trainModel, type TrainingInput } from '../../../src/model/pipeline.ts';
import { createRandom } from '../../../src/model/random.ts';
import { DEFAULT_TERMS } from '../../../src/model/terms.ts';
import { columnsOf, ruleOf, type TestEvent } from '../events.ts';

const rules = [ruleOf({ weight: 6 })];
const recipe: Recipe = { ...DEFAULT_RECIPE, factors: 4, sweeps: 2 };

/** A shop whose last fifth is drawn with another seed; everybody comes to want something then. */
function shop(future: number): TestEvent[] {
  const [past, later] = [createRandom(1), createRandom(future)];
  return Array.from({ length: 3000 }, (_, n) => {
    const random = n < 2400 ? past : later;
    const user = random.integer(80);
    return { user: user + 1, item: 4 * random.integer(15) + (random.uniform() < 0.85 ? user % 4 : random.integer(4)) + 1, day: n / 30 };
  });
}
const [one, other] = [columnsOf(shop(7)), columnsOf(shop(8))];

type Plan = (columns: TrainingInput['columns'], live: Training) => Partial<TrainingInput>;

/** Whether what was scored depends on the future. `live` was fitted on all of it, as live versions are. */
async function leaks(plan: Plan): Promise<boolean> {
  const fingerprints = await Promise.all([one, other].map(async (columns) => {
    const live = await trainModel({ columns, rules, recipe, settings: { gate: null } });
    const { report } = await trainModel({ columns, rules, recipe, ...plan(columns, live) });
    expect(report.test!.users).toBeGreaterThan(50);
    return report.test!.fingerprint;
  }));
  return fingerprints[0] !== fingerprints[1];
}

const startOf = (live: Training, columns: TrainingInput['columns']): NonNullable<TrainingInput['start']> =>
  ({ version: 1, events: columns.length, users: live.report.users, warmInARow: 0, items: live.model!.itemSide, userSide: live.model!.userSide });

describe('what is scored', () => {
  let honest: boolean;
  beforeAll(async () => {
    honest = await leaks((columns, live) => ({ start: startOf(live, columns), live: { version: 1, recipe: { ...recipe, regularization: 0.6 }, terms: DEFAULT_TERMS }, settings: { search: 'light' } }));
  });

  it('does not depend on what came after, with search, a live version and its factors at hand', () => {
    expect(honest).toBe(false);
  });

  it('would, had the live snapshot been scored: the examination finds it', async () => {
    const scoresSnapshot: Plan = (_columns, live) => {
      const { itemSide, userSide } = live.model!;
      const fit: FitFunction = (byUser, used, hooks) =>
        byUser.rows === userSide.factors.rows && byUser.cols === itemSide.factors.rows ? { users: userSide.factors, items: itemSide.factors, objective: [] } : fitPlain(byUser, used, hooks);
      return { fit };
    };
    expect(await leaks(scoresSnapshot)).toBe(true);
  });

  it('would, had its fit begun at the live factors: the examination finds it', async () => {
    const startsWarm: Plan = (_columns, live) => {
      const { factors } = live.model!.itemSide;
      const fit: FitFunction = (byUser, used, hooks) => fitPlain(byUser, used, byUser.cols === factors.rows && used.factors === factors.factors ? { ...hooks, start: { items: factors } } : hooks);
      return { fit };
    };
    expect(await leaks(startsWarm)).toBe(true);
  });
});

it('a published fit does begin at the live factors where they are near', async () => {
  const live = await trainModel({ columns: one, rules, recipe, settings: { gate: null } });
  const again = await trainModel({ columns: one, rules, recipe, start: startOf(live, one), live: { version: 1, recipe, terms: DEFAULT_TERMS }, settings: { gate: null } });
  expect(again.report.start).toMatchObject({ kind: 'warm', fromVersion: 1 });
  expect(again.report.test).toEqual(live.report.test);
});
