/**
 * How often the gate errs. Real fits of one generated shop, every user of its test part measured once; a trial draws test users from these and lets the gate compare candidate and live recipe on them, as the service
 * does (1,000 resamples, popularity as baseline). What is true of two recipes is their difference over the whole test part.
 *
 *   equal, same recipe       the live recipe, fitted with another seed
 *   equal, other recipe      32 factors against 64 whose λ was raised (or lowered on 32) until both are as good: other lists, as good on the whole
 *   worse by a tenth         λ raised until it is; half of the trials compare fits of one seed, half of different ones
 *   nothing in common        the live recipe against itself with the users' figures shuffled: what no pairing would do. No two recipes are like that; it is shown, not judged
 */
import { comparePaired, createResamples } from '../../dist/model/evaluation/bootstrap.js';
import { judgeCandidate } from '../../dist/model/gate.js';
import { DEFAULT_RECIPE } from '../../dist/model/recipe.js';
import { evaluateRanking, meanOf, rankByFactors } from '../../dist/model/metrics.js';
import { rankByScore, scorePopularity } from '../../dist/model/popularity.js';
import { createRandom } from '../../dist/model/random.js';
import { addRow, check } from '../train/table.mjs';
import { createFit, generateColumns, splitShop } from './shop.mjs';

const shop = { users: 60_000, items: 3000, events: 1_500_000 };
const seeds = [11, 12, 13, 14];
const testUsers = 5000;

export async function measureGate({ trials, seed }) {
  const { train, relevance } = splitShop(generateColumns({ ...shop, seed }));
  const fit = await createFit();
  const ndcg = (rank) => evaluateRanking(rank, relevance, [20]).at[0].ndcg;
  const measure = (recipe) => {
    const { users, items } = fit(train, { ...DEFAULT_RECIPE, ...recipe }, {});
    return ndcg(rankByFactors(users, items, train, 20));
  };
  const ofSeeds = (recipe) => seeds.map((one) => measure({ ...recipe, seed: one }));
  const meanOfAll = (columns) => meanOf(Float64Array.from(columns, meanOf));
  /** λ at which the mean over the seeds has come down to what is wanted (figures fall as λ rises): by one seed, then corrected for what the others are off. */
  const weaken = (recipe, wanted) => {
    let [low, high] = [DEFAULT_RECIPE.regularization, 100 * DEFAULT_RECIPE.regularization];
    let columns = [];
    for (let pass = 0, sought = wanted; pass < 3; pass++) {
      while (high / low > 1.004) {
        const middle = Math.sqrt(low * high);
        if (meanOf(measure({ ...recipe, regularization: middle, seed: seeds[0] })) > sought) low = middle;
        else high = middle;
      }
      const regularization = Math.sqrt(low * high);
      columns = ofSeeds({ ...recipe, regularization });
      if (Math.abs(meanOfAll(columns) / wanted - 1) < 0.001) break;
      sought *= wanted / meanOfAll(columns);
      [low, high] = [regularization / 1.1, regularization * 1.1];
    }
    return columns;
  };
  const live = ofSeeds({});
  const worse = weaken({}, 0.9 * meanOfAll(live));
  const smaller = ofSeeds({ factors: 32 });
  const [better, other] = meanOfAll(smaller) > meanOfAll(live) ? [{ factors: 32 }, live] : [{}, smaller];
  const equal = weaken(better, meanOfAll(other));
  const popularity = ndcg(rankByScore(scorePopularity(train), train));
  const all = popularity.length;
  const random = createRandom(seed);
  const shuffled = live.map((column) => {
    const order = Int32Array.from(column, (_, n) => n);
    for (let n = all - 1; n > 0; n--) {
      const at = random.integer(n + 1);
      [order[n], order[at]] = [order[at], order[n]];
    }
    return Float64Array.from(order, (n) => column[n]);
  });
  const relative = (a, b) => meanOfAll(a) / meanOfAll(b) - 1;
  const say = (share) => `${(100 * share).toFixed(2)} %`;
  console.log(`\ngate: ${train.rows} users × ${train.cols} items, ${train.index.length} interactions; ${all} test users, of whom a trial draws ${testUsers}; NDCG@20 ${meanOfAll(live).toFixed(4)}, popularity ${meanOf(popularity).toFixed(4)}`);
  console.log(`  fits of another seed differ by up to ${say(Math.max(...live.map((one) => Math.abs(meanOf(one) / meanOf(live[0]) - 1))))} over all test users; the worse recipe by ${say(relative(worse, live))}, the equal one by ${say(relative(equal, other))}`);
  check(Math.abs(relative(worse, live) + 0.1) < 0.003 && Math.abs(relative(equal, other)) < 0.003, 'the recipes are not as far apart as they should be');

  /** @param pair of the trial: candidate and live, columns of one value a test user */
  const run = (pair, users, count = trials) => {
    let published = 0;
    let underpowered = 0;
    for (let trial = 0; trial < count; trial++) {
      const drawn = Int32Array.from({ length: users }, () => random.integer(all));
      const of = (column) => Float64Array.from(drawn, (user) => column[user]);
      const [candidate, reference] = pair(trial).map(of);
      const resamples = createResamples(users, { seed: trial });
      const decision = judgeCandidate({
        metric: 'NDCG@20', unmeasured: null, baselines: [{ name: 'popularity', difference: comparePaired(resamples, candidate, of(popularity)) }],
        live: { version: 1, sameRecipe: false, difference: comparePaired(resamples, candidate, reference) },
      });
      published += decision.publish ? 1 : 0;
      underpowered += decision.reasons.some(({ code }) => code.startsWith('underpowered')) ? 1 : 0;
    }
    return { published: (100 * published) / count, rejected: (100 * (count - published)) / count, underpowered: (100 * underpowered) / count };
  };
  const seedOf = (trial, shift) => (trial + shift) % seeds.length;
  const different = (trial) => seedOf(trial, 1 + (trial >> 2) % (seeds.length - 1));
  const sameRecipe = (trial) => [live[different(trial)], live[seedOf(trial, 0)]];
  const otherRecipe = (trial) => (trial & 1 ? [equal[different(trial)], other[seedOf(trial, 0)]] : [other[different(trial)], equal[seedOf(trial, 0)]]);
  const tenthWorse = (again) => (trial) => [worse[again ? different(trial) : seedOf(trial, 0)], live[seedOf(trial, 0)]];
  const half = Math.ceil(trials / 2);

  const reseeded = run(sameRecipe, testUsers, half);
  const others = run(otherRecipe, testUsers, half);
  const equals = (reseeded.rejected + others.rejected) / 2;
  const [once, again] = [run(tenthWorse(false), testUsers, half), run(tenthWorse(true), testUsers, half)];
  const unrelated = run((trial) => [shuffled[seedOf(trial, 0)], live[seedOf(trial, 0)]], testUsers, half);
  const size = `${testUsers} test users, ${trials} trials`;
  addRow({ measure: 'gate: a tenth worse, published', floor: 5, goal: 1, figure: (once.published + again.published) / 2, unit: '%', digits: 1, raw: `${size}; fits of one seed ${once.published.toFixed(1)} %, of different ones ${again.published.toFixed(1)} %; underpowered ${((once.underpowered + again.underpowered) / 2).toFixed(1)} %` });
  addRow({ measure: 'gate: equal, rejected', floor: 10, goal: 5, figure: equals, unit: '%', digits: 1, raw: `${size}; the same recipe with another seed ${reseeded.rejected.toFixed(1)} %, another recipe ${others.rejected.toFixed(1)} %; underpowered ${reseeded.underpowered.toFixed(1)} and ${others.underpowered.toFixed(1)} %` });
  addRow({ measure: 'gate: equal but nothing in common, rejected', figure: unrelated.rejected, unit: '%', digits: 1, raw: `${testUsers} test users, ${half} trials; underpowered ${unrelated.underpowered.toFixed(1)} %` });
  for (const users of [1000, 300]) {
    const count = Math.ceil(trials / 4);
    console.log(`  with ${users} test users (${count} trials each): a tenth worse, published ${run(tenthWorse(true), users, count).published.toFixed(1)} %; equal, rejected: same recipe ${run(sameRecipe, users, count).rejected.toFixed(1)} %, another ${run(otherRecipe, users, count).rejected.toFixed(1)} %`);
  }
  const correlation = correlate(equal[0], other[0]);
  console.log(`  users’ figures of two fits go together by ${correlate(live[0], live[1]).toFixed(3)} (another seed), ${correlation.toFixed(3)} (another recipe as good), ${correlate(worse[0], live[0]).toFixed(3)} (a tenth worse)`);
}

function correlate(a, b) {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let [both, squaresA, squaresB] = [0, 0, 0];
  for (let n = 0; n < a.length; n++) {
    both += (a[n] - meanA) * (b[n] - meanB);
    squaresA += (a[n] - meanA) ** 2;
    squaresB += (b[n] - meanB) ** 2;
  }
  return both / Math.sqrt(squaresA * squaresB);
}
