/**
 * How often the verdict is right: six families (`families.mjs`) × seeds, each split, measured and judged as the service does it. Prints the table of confusions. Thresholds were set on seeds 1001 … 1020; the seeds
 * here are others.
 */
import { measureCurves, mostFactorsOf } from '../../dist/model/experiment/curves.js';
import { splitThreeWays } from '../../dist/model/experiment/split.js';
import { foldEvents, newestOccurredAt } from '../../dist/model/interactions.js';
import { indexInteractions, meanWeight, scaleWeights } from '../../dist/model/matrix.js';
import { findRelevance } from '../../dist/model/split.js';
import { giveVerdict } from '../../dist/model/verdict.js';
import { addRow } from '../train/table.mjs';
import { FAMILIES, makeCase } from './families.mjs';
import { createFit, RULES } from './shop.mjs';

const codes = ['underfitted', 'overfitted', 'well-fitted', 'data-limited', 'noise-limited'];

export function judge({ columns, recipe }, fit) {
  const parts = splitThreeWays(columns, RULES);
  if ('reason' in parts) {
    return giveVerdict({ metric: 'NDCG@20', unmeasured: parts.reason, chosen: null, bestBaseline: null, bySweep: [] });
  }
  const { train, held } = parts.validation[0] ?? parts.test;
  const before = foldEvents(train, RULES, newestOccurredAt(train));
  const { userNos, itemNos, matrix } = indexInteractions(before);
  const curves = measureCurves({
    train: scaleWeights(matrix, 1 / meanWeight(matrix)), relevance: findRelevance(held, RULES, before, userNos, itemNos),
    recipe: { ...recipe, factors: Math.min(recipe.factors, mostFactorsOf(matrix.rows, matrix.cols)) },
    fit, kinds: { share: true, factors: true, regularization: true }, seconds: () => performance.now() / 1000,
  });
  return { ...giveVerdict(curves), curves };
}

export async function measureVerdict({ seeds, verbose }) {
  const fit = await createFit();
  const confusions = FAMILIES.map(() => Object.fromEntries(codes.map((code) => [code, 0])));
  for (const [f, family] of FAMILIES.entries()) {
    for (const seed of seeds) {
      const verdict = judge(makeCase(family, seed), fit);
      confusions[f][verdict.code]++;
      if (verbose || verdict.code !== family.wanted) {
        console.log(`  ${family.name}, seed ${seed}: ${verdict.code}. ${verdict.reason}`);
      }
      if (verbose) {
        console.log(`    ${JSON.stringify(verdict.figures, (_key, value) => (typeof value === 'number' ? Number(value.toFixed(3)) : value))}`);
      }
    }
  }
  console.log(`\nverdict: seeds ${seeds[0]} … ${seeds.at(-1)}\n  ${''.padEnd(32)}${codes.map((code) => code.padStart(15)).join('')}`);
  for (const [f, { name, wanted }] of FAMILIES.entries()) {
    console.log(`  ${name.padEnd(32)}${codes.map((code) => `${confusions[f][code]}${code === wanted ? ' ✓' : '  '}`.padStart(15)).join('')}`);
  }
  const right = FAMILIES.reduce((sum, { wanted }, f) => sum + confusions[f][wanted], 0);
  const worst = Math.min(...FAMILIES.map(({ wanted }, f) => confusions[f][wanted]));
  addRow({ measure: 'verdict right', floor: 85, goal: 95, best: 'high', figure: (100 * right) / (FAMILIES.length * seeds.length), unit: '%', digits: 1, raw: `${right} of ${FAMILIES.length} families × ${seeds.length} seeds; the worst family ${worst} of ${seeds.length}` });
}
