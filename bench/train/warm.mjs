/** A refit that goes on from the live items after 2 % new events, beside a cold fit of the same events; later events, in neither, say how good they are. */
import { fitOnThreads } from '../../dist/training/threads/fit.js';
import { sampleRelevance } from '../../dist/model/holdout.js';
import { indexOfNo, meanWeight, scaleWeights } from '../../dist/model/matrix.js';
import { evaluateRanking, rankByFactors } from '../../dist/model/metrics.js';
import { planStart } from '../../dist/model/warm-start.js';
import { renumber, toMatrix } from './matrices.mjs';
import { addRow, boundsAt, check, median } from './table.mjs';

const VALIDATION_SHARE = 0.05;
const NEW_SHARE = 0.02;
const MOST_USERS = 5000;

export async function measureWarm({ size, events, recipe, threads, rounds }) {
  const until = Math.floor(events.user.length * (1 - VALIDATION_SHARE));
  const liveUntil = Math.floor(until / (1 + NEW_SHARE));
  const scaled = ({ matrix }) => scaleWeights(matrix, 1 / meanWeight(matrix));
  const before = renumber(toMatrix(events, 0, liveUntil));
  const now = renumber(toMatrix(events, 0, until));
  const byUser = scaled(now);
  const relevance = sampleRelevance(findLater(now, toMatrix(events, until, events.user.length)), MOST_USERS, 1);
  const ndcgOf = ({ users, items }) => {
    check(users.data.every(Number.isFinite) && items.data.every(Number.isFinite), 'factors that are not finite numbers');
    const { ndcg } = evaluateRanking(rankByFactors(users, items, byUser, 20), relevance, [20]).at[0];
    return ndcg.reduce((sum, value) => sum + value, 0) / ndcg.length;
  };
  const first = await fitOnThreads({ byUser: scaled(before), recipe, threads });
  const live = {
    version: 1, events: liveUntil, users: before.userNos.length, warmInARow: 0,
    items: { recipe, rules: [], itemNos: before.itemNos, factors: { ...first.items, data: first.items.data.slice() } },
    userSide: { userNos: before.userNos, factors: { ...first.users, data: first.users.data.slice() } },
  };
  const seconds = { cold: [], warm: [] };
  let cold;
  let warm;
  let plan;
  for (let round = 0; round < rounds; round++) {
    cold = await fitOnThreads({ byUser, recipe, threads });
    seconds.cold.push(cold.seconds);
    const startedMs = performance.now();
    plan = planStart(live, recipe, [], now.itemNos, until, now.userNos);
    check(plan.start !== null, `a cold start: ${plan.report.note}`);
    warm = await fitOnThreads({ byUser, recipe: { ...recipe, sweeps: plan.sweeps }, threads, start: plan.start });
    seconds.warm.push((performance.now() - startedMs) / 1000);
  }
  const [coldNdcg, warmNdcg] = [ndcgOf(cold), ndcgOf(warm)];
  check(warmNdcg >= 0.995 * coldNdcg, `warm NDCG@20 ${warmNdcg} is more than 0.5 % below the cold fit's ${coldNdcg}`);
  const [a, b] = [median(seconds.warm), median(seconds.cold)];
  addRow({
    measure: `warm refit after 2 % new events, ${size}, ${recipe.factors} factors`, ...boundsAt(size, 0.4, 0.2), figure: a / b, unit: '×',
    raw: `${a.toFixed(2)} s / ${b.toFixed(2)} s; ${plan.sweeps} for ${recipe.sweeps} sweeps (${sum(warm.secondsPerSweep).toFixed(2)} s of ${warm.seconds.toFixed(2)}; ${sum(cold.secondsPerSweep).toFixed(2)} s of ${cold.seconds.toFixed(2)}; the rest starts threads and solves the users exactly), ${plan.report.newItems} new items, ${plan.report.newUsers} new users; NDCG@20 ${warmNdcg.toFixed(5)} / ${coldNdcg.toFixed(5)} (${relevance.userRows.length} users)`,
  });
}

const sum = (list) => list.reduce((all, one) => all + one, 0);

/** What known users came to want: new to them; items nobody knew are −1. */
function findLater({ userNos, itemNos, matrix }, later) {
  const userRows = [];
  const rowStart = [0];
  const itemIndex = [];
  for (let user = 0; user < later.rows; user++) {
    const row = indexOfNo(userNos, user);
    if (row < 0) {
      continue;
    }
    const known = matrix.index.subarray(matrix.rowStart[row], matrix.rowStart[row + 1]);
    const before = itemIndex.length;
    for (let e = later.rowStart[user]; e < later.rowStart[user + 1]; e++) {
      const item = indexOfNo(itemNos, later.index[e]);
      if (item < 0 || indexOfNo(known, item) < 0) {
        itemIndex.push(item);
      }
    }
    if (itemIndex.length > before) {
      userRows.push(row);
      rowStart.push(itemIndex.length);
    }
  }
  return { userRows: Int32Array.from(userRows), rowStart: Int32Array.from(rowStart), itemIndex: Int32Array.from(itemIndex) };
}
