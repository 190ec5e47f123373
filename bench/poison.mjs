/**
 * Poisoning, measured: fake shoppers push cold items, and how many real shoppers have one of these among their ten best, before, with a model that hears everybody alike, with the service's own
 * defences (`model/voices.ts`), and where bursts are left out besides (`model/quality/bursts.ts`). And what the defences cost where nobody attacks: quality on the time split, and time.
 *
 *   npm run bench:poison [-- --file ../shared/data/online-retail.csv.gz] [--seed 1] [--share 0.01] [--quick]
 *
 * The recipe is the default, all terms included. Items that the model does not know yet (the share `explore`) are not among the lists: an attacked item is known after the attack, before it is one
 * of them or, as here, has a shopper or two. `--quick` leaves out what is no row of the floor. Ends with code 1 where a floor is not reached.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addFakeShoppers } from '../dist/demo/attacks.js';
import { createResamples, comparePaired } from '../dist/model/evaluation/bootstrap.js';
import { createPart, fitPart } from '../dist/model/experiment/part.js';
import { splitThreeWays } from '../dist/model/experiment/split.js';
import { evaluateRanking } from '../dist/model/metrics.js';
import { leaveOutBursts } from '../dist/model/quality/bursts.js';
import { DEFAULT_RECIPE } from '../dist/model/recipe.js';
import { DEFAULT_TERMS } from '../dist/model/terms.js';
import { defaultVoiceRules, fullVoices, measureVoices } from '../dist/model/voices.js';
import { RULES, createFit } from './experiment/shop.mjs';
import { coldestItems, openShops } from './poison/shops.mjs';
import { addRow, printTable } from './train/table.mjs';

const { values: options } = parseArgs({
  options: { file: { type: 'string', default: process.env.BENCH_RETAIL ?? '../shared/data/online-retail.csv.gz' }, seed: { type: 'string', default: '1' }, share: { type: 'string', default: '0.01' }, quick: { type: 'boolean', default: false } },
});
const [seed, share] = [Number(options.seed), Number(options.share)];
const TARGETS = 20;
const git = (...args) => execFileSync('git', args, { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) }).trim();
console.log(`${cpus()[0].model}, ${cpus().length} cores, node ${process.version}; commit ${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}; seed ${seed}`);
const fit = await createFit();

/** Percentage of real shoppers with a target among their ten best. */
function reached(columns, targets, firstFake, voices) {
  const part = createPart(columns, RULES, null, voices);
  const rank = fitPart(part, DEFAULT_RECIPE, DEFAULT_TERMS, fit).rank(10);
  const wanted = new Set(targets);
  const out = new Int32Array(10);
  let [hits, real] = [0, 0];
  for (let row = 0; row < part.userNos.length && part.userNos[row] < firstFake; row++) {
    real++;
    if (out.subarray(0, rank(row, out)).some((item) => wanted.has(part.itemNos[item]))) {
      hits++;
    }
  }
  return (100 * hits) / real;
}

/** The floor's: twenty targets each, as many fillers as people have items. Beyond it: what an attacker would rather do. */
const FLOOR_ATTACKS = ['random', 'average', 'bandwagon'].flatMap((kind) => ['hour', 'day', 'drip'].flatMap((pace) => [{ kind, pace, fillers: 30, typeNo: 3 }]));
const views = ['random', 'average', 'bandwagon'].map((kind) => ({ kind, pace: 'hour', fillers: 30, typeNo: 1, repeats: 10, floor: true }));
const HARDER = [
  ...['hour', 'day', 'drip'].map((pace) => ({ kind: 'bandwagon', pace, fillers: 4, typeNo: 3, repeats: 10, targets: 1 })),
  { kind: 'average', pace: 'hour', fillers: 4, typeNo: 3, repeats: 10, targets: 1 },
  { kind: 'bandwagon', pace: 'hour', fillers: 4, typeNo: 3, repeats: 10, share: 5 * share },
];
const attacks = [...FLOOR_ATTACKS.map((one) => ({ ...one, floor: true })), ...views, ...(options.quick ? [] : HARDER)];

for (const [name, columns] of await openShops(options.file, seed)) {
  const users = new Set(columns.user).size;
  console.log(`\n${name}: ${columns.length} events of ${users} shoppers`);
  console.log(`  ${'fake shoppers, and what they do'.padEnd(62)} before  open  heard less  without bursts`);
  let worst = { rise: -Infinity };
  const before = new Map();
  for (const attack of attacks) {
    const targets = coldestItems(columns, attack.targets ?? TARGETS);
    const fakes = Math.ceil(users * (attack.share ?? share));
    const { columns: attacked, firstFake } = addFakeShoppers(columns, { seed, ...attack, users: fakes, targets });
    if (!before.has(targets.length)) {
      before.set(targets.length, reached(columns, targets, Infinity, defaultVoiceRules));
    }
    const base = before.get(targets.length);
    const { columns: left, leftOut } = leaveOutBursts(attacked, RULES, Infinity);
    const [open, less, without] = [reached(attacked, targets, firstFake, fullVoices), reached(attacked, targets, firstFake, defaultVoiceRules), leftOut === null ? null : reached(left, targets, firstFake, defaultVoiceRules)];
    const caught = leftOut === null ? 'none found' : `${leftOut.items.filter(({ itemNo }) => targets.includes(itemNo)).length} of ${targets.length} targets, ${leftOut.items.filter(({ itemNo }) => !targets.includes(itemNo)).length} others`;
    const words = `${fakes} × ${targets.length} target${targets.length === 1 ? '' : 's'}, ${attack.fillers} fillers, ${attack.kind}, ${attack.pace}, ${attack.repeats ?? 1} ${attack.typeNo === 3 ? 'bought' : 'viewed'}`;
    console.log(`  ${words.padEnd(62)} ${base.toFixed(2).padStart(6)} ${open.toFixed(2).padStart(5)} ${less.toFixed(2).padStart(11)}  ${(without === null ? '–' : without.toFixed(2)).padStart(5)} (${caught})`);
    if (attack.floor && less - base > worst.rise) {
      worst = { rise: less - base, words };
    }
  }
  addRow({ measure: `${name}: real shoppers with one of ${TARGETS} targets in their ten best, rise in points, worst attack`, floor: 1, goal: 0.5, unit: '', digits: 2, figure: worst.rise, raw: worst.words });

  const split = splitThreeWays(columns, RULES);
  console.log(`  nobody attacks: recall@20 / NDCG@20 heard alike → heard less, and the paired difference of NDCG with its 95 % interval`);
  for (const [part, { train, held }] of [['test', split.test], ...split.validation.map((one, n) => [`window ${n + 1}`, one])]) {
    const [alike, less] = [fullVoices, defaultVoiceRules].map((voices) => {
      const made = createPart(train, RULES, held, voices);
      return evaluateRanking(fitPart(made, DEFAULT_RECIPE, DEFAULT_TERMS, fit).rank(20), made.relevance, [20]).at[0];
    });
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const { relative, low, high } = comparePaired(createResamples(less.ndcg.length, { seed }), less.ndcg, alike.ndcg);
    const per = (value) => `${(100 * value).toFixed(1)} %`;
    console.log(`    ${part.padEnd(9)} ${mean(alike.recall).toFixed(4)} / ${mean(alike.ndcg).toFixed(4)} → ${mean(less.recall).toFixed(4)} / ${mean(less.ndcg).toFixed(4)}   ${per(relative)} [${per(low)}, ${per(high)}]`);
  }
  const { userNos } = createPart(columns, RULES, null, fullVoices);
  const startedMs = performance.now();
  const voices = measureVoices(columns, RULES, userNos, defaultVoiceRules);
  const voicesMs = performance.now() - startedMs;
  const { leftOut } = leaveOutBursts(columns, RULES, Infinity);
  console.log(`  voices: ${voicesMs.toFixed(0)} ms, ${voices === null ? 0 : voices.filter((voice) => voice < 1).length} of ${userNos.length} shoppers heard less; bursts found though nobody attacks: ${leftOut?.items.length ?? 0}`);
}
printTable();
