/**
 * How often live experiments and the guard are right, on counters: shoppers who differ as an exponential distribution in how willingly they click, and in how often they come; assigned, counted by bucket
 * and looked at by the service's own functions, as often as the service looks.
 */
import { openPair } from '../../dist/insight/sequential-look.js';
import { createAssignment, variantOf } from '../../dist/model/assignment.js';
import { createRandom } from '../../dist/model/random.js';
import { createBuckets } from '../../dist/serving/recommendation-id.js';
import { GUARD_PLAN, planOf } from '../../dist/insight/experiment-plan.js';
import { addRow } from '../train/table.mjs';

const BUCKETS = 100;
/** Lists of a shopper over all of the time, on average. */
const VISITS = 8;
/** Clicks a list. */
const RATE = 0.25;
const DAYS = 30;
const HOURS = 24;

const idsOf = (count) => Array.from({ length: count }, (_, n) => `shopper-${n}`);

/** Counters by variant and step, each of all steps up to it. */
function simulate({ random, ids, buckets, assignment, steps, visits, rates }) {
  const counts = rates.map(() => Array.from({ length: steps }, () => ({ lists: new Float64Array(BUCKETS), clicks: new Float64Array(BUCKETS) })));
  const again = 1 - 1 / visits;
  for (let n = 0; n < ids.length; n++) {
    const variant = variantOf(assignment, ids[n]);
    const rate = -Math.log(1 - random.uniform()) * rates[variant];
    const none = Math.exp(-rate);
    const bucket = buckets[n];
    do {
      const counted = counts[variant][random.integer(steps)];
      counted.lists[bucket]++;
      // Poisson, by products of uniform numbers (Knuth).
      for (let product = random.uniform(); product > none; product *= random.uniform()) {
        counted.clicks[bucket]++;
      }
    } while (random.uniform() < again);
  }
  for (const ofVariant of counts) {
    for (let step = 1; step < steps; step++) {
      for (let b = 0; b < BUCKETS; b++) {
        ofVariant[step].lists[b] += ofVariant[step - 1].lists[b];
        ofVariant[step].clicks[b] += ofVariant[step - 1].clicks[b];
      }
    }
  }
  return counts.map((ofVariant) => ofVariant.map(({ lists, clicks }) => ({ lists, outcomes: clicks, happenings: clicks })));
}

/** What is said in the end. */
function judge(plan, [control, other], steps) {
  const pair = openPair(plan, []);
  for (let step = 0; step < steps; step++) {
    const verdict = pair.look(control[step], other[step], (step + 1) / steps)?.verdict ?? 'open';
    if (verdict !== 'open') {
      return verdict;
    }
  }
  return 'open';
}

/** @returns how often each verdict was given */
function repeat({ runs, shoppers, shares, plan, steps, visits, rates, seed }) {
  const ids = idsOf(shoppers);
  const buckets = ids.map(createBuckets('bucket'));
  const random = createRandom(seed);
  const said = { open: 0, none: 0, better: 0, worse: 0 };
  for (let run = 0; run < runs; run++) {
    const assignment = createAssignment(`experiment ${seed} ${run}`, 1, shares);
    said[judge(plan, simulate({ random, ids, buckets, assignment, steps, visits, rates }), steps)]++;
  }
  return said;
}

const words = (said) => Object.entries(said).filter(([, count]) => count > 0).map(([verdict, count]) => `${count} ${verdict}`).join(', ');

export function measureExperiments(seed) {
  const half = [0.5, 0.5];
  const aa = repeat({ runs: 4_000, shoppers: 3_000, shares: half, plan: planOf(2, { minEffect: 0.2, power: 0.8 }), steps: DAYS, visits: VISITS, rates: [RATE, RATE], seed });
  addRow({ measure: 'A/A, false alarms at 95 %', floor: [4, 6], goal: [4.5, 5.5], figure: (aa.better + aa.worse) / 40, unit: '%', raw: `4,000 experiments, ${DAYS} looks each: ${words(aa)}` });
  for (const [power, shoppers] of [[0.8, 11_000], [0.9, 14_500]]) {
    const runs = 1_000;
    const ab = repeat({ runs, shoppers, shares: half, plan: planOf(2, { minEffect: 0.1, power }), steps: DAYS, visits: VISITS, rates: [RATE, RATE * 1.1], seed: seed + 1 });
    const promised = 100 * power;
    addRow({ measure: `A/B +10 %, found, promised ${promised} %`, floor: [promised - 5, promised + 5], goal: [promised - 2, promised + 2], figure: (100 * ab.better) / runs, unit: '%', digits: 1, raw: `${runs} experiments: ${words(ab)}` });
  }
}

/** A day of the guard: 20 % of shoppers on the former version. */
export function measureGuard(seed) {
  const shares = [0.2, 0.8];
  const visits = 3;
  const dayOf = (shoppers, newRate, runs) => repeat({ runs, shoppers, shares, plan: GUARD_PLAN, steps: HOURS, visits, rates: [RATE, newRate], seed: seed + 2 });
  const lists = 30_000;
  const worse = dayOf(lists / visits, 0.8 * RATE, 1_000);
  addRow({ measure: 'guard, 20 % worse is rolled back', floor: 90, goal: 97, best: 'high', figure: worse.worse / 10, unit: '%', digits: 1, raw: `1,000 days of ${lists} lists with ${RATE} clicks each: ${words(worse)}` });
  const equal = dayOf(lists / visits, RATE, 2_000);
  addRow({ measure: 'guard, an equal one is rolled back', floor: 2, goal: 1, figure: equal.worse / 20, unit: '%', digits: 2, raw: `2,000 days: ${words(equal)}` });
  for (const few of [3_000, 10_000, 20_000]) {
    const said = dayOf(few / visits, 0.8 * RATE, 500);
    addRow({ measure: `guard, 20 % worse, ${few} lists a day`, figure: said.worse / 5, unit: '%', digits: 1, raw: words(said) });
  }
}
