/** Six kinds of shops whose trouble is known by construction, each with the recipe that a shop of the kind is tried with. Sizes vary with the seed. */
import { DEFAULT_RECIPE } from '../../dist/model/recipe.js';
import { createRandom } from '../../dist/model/random.js';
import { generateColumns } from './shop.mjs';

const between = (random, low, high) => Math.round(low + (high - low) * random.uniform());

/** Every event a user and an item drawn alone: items by popularity, users by activity, nothing in common. */
function drawNoise({ users, items, events, days = 180 }, random) {
  const skewed = (count, power) => 1 + Math.floor(count * random.uniform() ** power);
  const columns = {
    length: events, user: new Int32Array(events), item: new Int32Array(events), type: new Int16Array(events), value: new Float32Array(events).fill(Number.NaN),
    quantity: new Float32Array(events).fill(Number.NaN), occurredAtMs: new Float64Array(events), eventNo: Float64Array.from({ length: events }, (_, n) => n + 1),
  };
  for (let n = 0; n < events; n++) {
    columns.user[n] = skewed(users, 1.5);
    columns.item[n] = skewed(items, 2.5);
    columns.type[n] = 1 + random.integer(3);
    columns.occurredAtMs[n] = random.integer(days * 86_400) * 1000;
  }
  return columns;
}

/** Shoppers with tastes in `rank` dimensions, and nothing else: each meets `perUser` distinct items, drawn by popularity · exp(taste · trait), in random order. */
function drawTastes({ users, items, perUser, rank, days = 180 }, random) {
  const vectors = (count) => Float64Array.from({ length: count * rank }, () => random.gaussian());
  const [tastes, traits] = [vectors(users), vectors(items)];
  const popularity = Float64Array.from({ length: items }, () => 0.7 * random.gaussian());
  const events = users * perUser;
  const columns = drawNoise({ users: 1, items: 1, events, days }, random);
  const key = new Float64Array(items);
  const strength = 2.5 / Math.sqrt(rank);
  for (let u = 0; u < users; u++) {
    for (let i = 0; i < items; i++) {
      let match = popularity[i];
      for (let k = 0; k < rank; k++) match += strength * tastes[u * rank + k] * traits[i * rank + k];
      key[i] = match - Math.log(-Math.log(1 - random.uniform())); // Gumbel: the largest keys are a draw without replacement
    }
    const met = Int32Array.from(key, (_, i) => i).sort((a, b) => key[b] - key[a]).subarray(0, perUser);
    columns.user.fill(u + 1, u * perUser, (u + 1) * perUser);
    for (let n = 0; n < perUser; n++) columns.item[u * perUser + n] = met[n] + 1;
  }
  return columns;
}

const plenty = (random) => drawTastes({ users: between(random, 2000, 3000), items: between(random, 400, 600), perUser: between(random, 60, 90), rank: between(random, 3, 5) }, random);

export const FAMILIES = [
  { name: 'too few factors', wanted: 'underfitted', make: (_seed, random) => ({ columns: plenty(random), recipe: { ...DEFAULT_RECIPE, factors: 1 + random.integer(2) } }) },
  {
    name: 'no regularization, sparse data', wanted: 'overfitted',
    make: (seed, random) => ({
      columns: generateColumns({ seed, users: between(random, 2500, 4000), items: between(random, 800, 1500), events: between(random, 30_000, 45_000) }),
      recipe: { ...DEFAULT_RECIPE, factors: 128, regularization: 1e-4 },
    }),
  },
  { name: 'plenty of data', wanted: 'well-fitted', make: (_seed, random) => ({ columns: plenty(random), recipe: { ...DEFAULT_RECIPE, factors: 8 } }) },
  { name: 'pure noise', wanted: 'noise-limited', make: (_seed, random) => ({ columns: drawNoise({ users: between(random, 1500, 2500), items: between(random, 300, 600), events: between(random, 40_000, 80_000) }, random), recipe: { ...DEFAULT_RECIPE } }) },
  { name: 'one-item shop', wanted: 'data-limited', make: (_seed, random) => ({ columns: drawNoise({ users: between(random, 200, 2000), items: 1, events: between(random, 2000, 20_000) }, random), recipe: { ...DEFAULT_RECIPE } }) },
  {
    name: 'fresh shop', wanted: 'data-limited',
    make: (seed, random) => ({ columns: generateColumns({ seed, users: between(random, 60, 200), items: between(random, 100, 300), events: between(random, 1000, 2500), days: between(random, 5, 20) }), recipe: { ...DEFAULT_RECIPE } }),
  },
];

export function makeCase(family, seed) {
  const { columns, recipe } = family.make(seed, createRandom(1000 * seed + FAMILIES.indexOf(family)));
  return { columns, recipe: { ...recipe, seed } };
}
