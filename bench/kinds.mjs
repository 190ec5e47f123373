/**
 * What an answer's extras cost beyond the list itself, on a model really fitted on the generator's shop: reranking a pool, shares of a user's own items, signed ids. One thread, best of several rounds.
 *
 *   npm run bench:kinds [-- --seed 1]
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { DEMO_EVENT_TYPES, generateDemoShop } from '../dist/demo/generator.js';
import { findAudience } from '../dist/model/audience.js';
import { createPart, fitPart } from '../dist/model/experiment/part.js';
import { createFoldIn } from '../dist/model/fold-in.js';
import { gramOf } from '../dist/model/gram.js';
import { createHybridScan } from '../dist/model/hybrid.js';
import { vectorsOf } from '../dist/model/matrix.js';
import { createReasoner } from '../dist/model/reasons.js';
import { DEFAULT_RECIPE } from '../dist/model/recipe.js';
import { createReranker } from '../dist/model/rerank.js';
import { spanOf } from '../dist/model/span.js';
import { DEFAULT_TERMS } from '../dist/model/terms.js';
import { createRecommendationIds } from '../dist/serving/recommendation-id.js';
import { createTopN } from '../dist/model/top-n.js';

const { values: options } = parseArgs({ options: { seed: { type: 'string', default: '1' } } });
const seed = Number(options.seed);
const RULES = [['view', 1], ['cart', 3], ['purchase', 6], ['rating', 4]].map(([name, weight], n) => ({
  typeNo: n + 1, name, weight, mode: name === 'rating' ? 'latest' : 'sum', halfLifeDays: null, threshold: name === 'rating' ? 3.5 : null, useValue: false, hidesDays: 0,
}));
const { user, item, type, value, quantity, occurredAtMs, length } = generateDemoShop({ seed, users: 2_000, items: 1_000, events: 100_000, endMs: Date.UTC(2026, 0, 1) }).events;
const columns = {
  length, user, item, type: Int16Array.from(type, (no) => RULES.find((rule) => rule.name === DEMO_EVENT_TYPES[no]).typeNo), value, quantity, occurredAtMs, eventNo: Float64Array.from({ length }, (_, n) => n + 1),
};
const part = createPart(columns, RULES, null);
const { users, items, hybrid, folded } = fitPart(part, { ...DEFAULT_RECIPE, seed }, DEFAULT_TERMS);
const { rowStart, index, weight } = folded.histories;
const history = { index, weight, hidden: new Uint8Array(index.length).fill(1) };
console.log(`${cpus()[0].model}, node ${process.version}; ${users.rows} users × ${items.rows} items, ${items.factors} factors, ${index.length} entries, seed ${seed}`);

/** Microseconds for one call of `work`, which makes `calls` of them. */
function time(name, calls, work, unit = 'µs') {
  let best = Infinity;
  for (let round = 0; round < 30; round++) {
    const startedMs = performance.now();
    work();
    best = Math.min(best, (performance.now() - startedMs) / calls);
  }
  console.log(`  ${name.padEnd(64)} ${(best * (unit === 'ns' ? 1e6 : 1e3)).toFixed(unit === 'ns' ? 0 : 1).padStart(7)} ${unit}`);
}

const scan = createHybridScan(items, hybrid, 200);
const asked = Array.from({ length: 200 }, (_, n) => Math.floor((n * users.rows) / 200));
const vectorOf = (row) => users.data.subarray(row * users.stride, (row + 1) * users.stride);
const pools = asked.map((row) => {
  const { count, items: best, scores: worth } = scan.rank({ vector: vectorOf(row), history, from: rowStart[row], to: rowStart[row + 1], limit: 200, mask: 0 });
  return { pool: { count, items: best.slice(0, count), scores: worth.slice(0, count) }, span: spanOf(worth, count) };
});
const reranker = createReranker(vectorsOf(items), part.itemNos, null, 200);
const out = createTopN(200);
for (const [diversity, rotation] of [[0, 0.3], [0.3, 0], [0.5, 0], [1, 0], [0.5, 0.5]]) {
  const how = { popularityDiscount: 0, diversity, rotation, key: 1, periodNo: 1, span: 1 };
  time(`rerank 200 to 10, diversity ${diversity}, rotation ${rotation}`, pools.length, () => {
    for (const { pool, span } of pools) {
      how.span = span;
      reranker.rerank(pool, 10, how, out);
    }
  });
}

time(`the best 100 of ${users.rows} users for an item`, 20, () => {
  for (let k = 0; k < 20; k++) {
    findAudience(users, scan, rowStart, history, { item: k * 40, limit: 100, includeHidden: false }, out);
  }
});

const foldIn = createFoldIn(items, DEFAULT_RECIPE, folded.weightScale);
const reasoner = createReasoner(vectorsOf(items), items.rows, gramOf(items), DEFAULT_RECIPE, folded.weightScale);
const shares = new Float64Array(10 * 5_000);
for (const n of [8, 27, 40, 41, 64, 200]) {
  const entries = Array.from({ length: n }, (_, e) => Math.floor((e * items.rows) / n));
  const [weights, targets] = [new Float32Array(n).map((_, e) => 1 + (e % 6)), new Float32Array(n).fill(1)];
  const top = pools[0].pool.items.subarray(0, 10);
  time(`shares of ${n} entries in 10 items' factor scores`, 100, () => {
    for (let k = 0; k < 100; k++) {
      reasoner.explain(entries, weights, targets, n, top, 10, shares);
    }
  });
  if (n === 27) {
    const x = new Float32Array(items.stride);
    time(`  beside it, folding ${n} entries in`, 100, () => {
      for (let k = 0; k < 100; k++) {
        foldIn.solve(entries, weights, targets, n, x);
      }
    });
    const [from, to] = [rowStart[asked[3]], rowStart[asked[3] + 1]];
    time(`shares of ${to - from} entries in 10 items' neighbourhood`, 100, () => {
      for (let k = 0; k < 100; k++) {
        scan.neighbourShares(history, from, to, top, shares);
      }
    });
  }
}

// Ten thousand lists a second, each of a shopper of one of a hundred buckets and of one of three lengths.
const asks = Array.from({ length: 10_000 }, (_, n) => ({ scenarioNo: 0, variantNo: n % 2, modelVersion: 3, bucket: (Math.imul(n, 0x9e3779b1) >>> 0) % 100, length: [10, 20, 50][n % 3], source: 'personal' }));
let nowMs = 1e12;
const ids = createRecommendationIds(Buffer.alloc(32, 1), () => nowMs, 86_400_000);
time('a recommendation id, 10,000 lists a second', asks.length, () => {
  nowMs += 1000;
  for (const ask of asks) {
    ids.issue(ask);
  }
}, 'ns');
time('a recommendation id, never the same second', 1_000, () => {
  for (let n = 0; n < 1_000; n++) {
    nowMs += 1000;
    ids.issue(asks[n]);
  }
}, 'ns');
const read = Array.from({ length: 1_000 }, (_, n) => ids.issue(asks[n]));
time('reading one', read.length, () => read.forEach(ids.read), 'ns');
