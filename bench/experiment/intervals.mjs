/**
 * How often 95 % intervals hold the truth. 100,000 generated shoppers, one fixed model, every shopper that can be scored measured: their mean is the truth. Then again and again a few of them are
 * drawn, with resamples of their own seed, and the interval of their mean is made as the service makes it.
 *
 * Two populations: the later fifth by time, where most want several items, and leave-last-out, where nearly everybody wants one, so that most figures are 0 and a few are 1.
 */
import { DEFAULT_RECIPE } from '../../dist/model/recipe.js';
import { intervalsOf, createResamples } from '../../dist/model/evaluation/bootstrap.js';
import { measureRanking } from '../../dist/model/evaluation/ranking.js';
import { meanOf, rankByFactors } from '../../dist/model/metrics.js';
import { createRandom } from '../../dist/model/random.js';
import { addRow, check } from '../train/table.mjs';
import { createFit, generateColumns, splitShop } from './shop.mjs';

const shoppers = { users: 100_000, items: 5000, events: 2_500_000 };
const bounds = { 300: { floor: [92, 98], goal: [94, 96] }, 60: { floor: [88, 99], goal: [91, 98] } };
const names = ['recall', 'precision', 'ndcg', 'averagePrecision', 'reciprocalRank', 'hit', 'novelty', 'diversity'];

export async function measureIntervals({ draws, seed }) {
  const columns = generateColumns({ ...shoppers, seed });
  for (const by of ['time', 'leave-last-out']) {
    const { train, relevance } = splitShop(columns, by);
    const { users, items } = (await createFit())(train, { ...DEFAULT_RECIPE, seed }, {});
    const { at } = measureRanking(rankByFactors(users, items, train, 20), { relevance, train, itemFactors: items, ks: [10, 20] });
    const population = at.flatMap((metrics) => names.map((name) => ({ name: `${name}@${metrics.k}`, values: metrics[name] })));
    for (const { name, values } of population) {
      check(values.every((value) => !Number.isNaN(value)), `${name} has no value for some shoppers`);
    }
    console.log(`\nintervals, ${by}: ${shoppers.users} shoppers generated, ${relevance.userRows.length} of them scored, ${draws} draws, seed ${seed}`);
    for (const size of [300, 60]) {
      coverOf({ by, population, draws, size, seed });
    }
  }
}

function coverOf({ by, population, draws, size, seed }) {
  const random = createRandom(seed + size);
  const all = population[0].values.length;
  const truths = population.map(({ values }) => meanOf(values));
  const missed = population.map(() => ({ below: 0, above: 0 }));
  for (let draw = 0; draw < draws; draw++) {
    const drawn = Int32Array.from({ length: size }, () => random.integer(all));
    const resamples = createResamples(size, { seed: draw });
    const intervals = intervalsOf(resamples, population.map(({ values }) => Float64Array.from(drawn, (user) => values[user])));
    for (const [n, { low, high }] of intervals.entries()) {
      if (low > truths[n]) missed[n].below++;
      if (high < truths[n]) missed[n].above++;
    }
  }
  const covered = missed.map(({ below, above }) => 100 * (1 - (below + above) / draws));
  for (const [n, { name }] of population.entries()) {
    const { below, above } = missed[n];
    console.log(`  ${String(size).padStart(3)} shoppers, ${name.padEnd(19)} mean ${truths[n].toFixed(4)}: ${covered[n].toFixed(1)} % (truth below ${((100 * below) / draws).toFixed(1)} %, above ${((100 * above) / draws).toFixed(1)} %)`);
  }
  const [lowest, highest] = [Math.min(...covered), Math.max(...covered)];
  for (const name of ['ndcg@20', 'recall@20']) {
    const figure = covered[population.findIndex((one) => one.name === name)];
    addRow({ measure: `95 % intervals, ${size} shoppers, ${name}, ${by}`, ...bounds[size], figure, unit: '%', digits: 1, raw: `${draws} draws; all ${population.length} metrics ${lowest.toFixed(1)}–${highest.toFixed(1)} %` });
  }
  const [least, most] = bounds[size].floor;
  check(lowest >= least && highest <= most, `a metric of ${size} shoppers is covered in ${lowest.toFixed(1)}–${highest.toFixed(1)} % of the draws, outside ${least}–${most} %`);
}
