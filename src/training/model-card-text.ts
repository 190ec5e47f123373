/** A model card in words: Markdown with all figures, for a page or a pull request, and plain lines with the most important ones, for a terminal. */
import type { RankingFigures } from '../model/evaluation/ranking.ts';
import type { CurvesReport } from '../model/experiment/report.ts';
import type { RatingsReport } from '../model/experiment/ratings.ts';
import type { HeldOutReport } from '../model/experiment/split.ts';
import type { GateDecision } from '../model/gate.ts';
import type { Interval } from '../model/metrics.ts';
import type { StartReport } from '../model/warm-start.ts';
import { type ModelCard, type Ranked, count, per } from './model-card.ts';

/** Names of the parameters as their papers have them; what is not here is told by its own name. */
const PARAMETERS: Readonly<Record<string, string>> = {
  factors: 'factors f', sweeps: 'sweeps', stepsPerSweep: 'conjugate-gradient steps a sweep', regularization: 'regularization λ', unobservedWeight: 'weight of what was not observed α₀', frequencyExponent: 'frequency exponent ν', seed: 'seed',
  halfLifeDays: 'half-life of events, days', neighbours: 'neighbours an item K', neighbourWeight: 'weight of the neighbourhood w', neighbourExponents: 'exponents of popularity a, b', recencyWeight: 'weight of recent popularity p', recencyHalfLifeDays: 'half-life of recent popularity, days',
};

const OUTCOMES: Readonly<Record<GateDecision['outcome'], string>> = { published: 'It went live.', rejected: 'It was rejected.', underpowered: 'Too few test users to be sure.', 'needs-approval': 'It waits for somebody’s word.' };

/** Figures of JSON may be null where there was nobody to count. */
function number(value: number | null | undefined, digits = 4): string {
  return typeof value === 'number' && Number.isFinite(value) ? value.toFixed(digits) : '–';
}

export function formatInterval(interval: Interval | null | undefined, digits = 4): string {
  return interval == null || typeof interval.mean !== 'number' ? '–' : `${number(interval.mean, digits)} [${number(interval.low, digits)}, ${number(interval.high, digits)}]`;
}

function stateWords({ state, activatedAt, runNo, isKept }: ModelCard): string {
  const words = { live: `live since ${activatedAt}`, candidate: 'waits for approval', rejected: 'rejected', retired: `was live from ${activatedAt}${isKept ? ', and can be activated again' : '; its bytes are not kept any more'}` }[state];
  return `${words}${runNo === null ? '' : `; made by run ${runNo}`}`;
}

function heldOutWords(heldOut: HeldOutReport | null): string {
  if (heldOut === null) {
    return 'Held out';
  }
  const { by, cutMs, heldEvents, trainEvents } = heldOut;
  const what = by === 'time' && cutMs !== null ? `the ${count(heldEvents)} events from ${new Date(cutMs).toISOString()} on` : `each shopper’s last item, ${count(heldEvents)} events`;
  return `Held out: ${what}; fitted on the ${count(trainEvents)} before`;
}

export function startWords(start: StartReport): string {
  return start.kind === 'warm'
    ? `Went on from version ${start.fromVersion}: ${count(start.newItems)} new items, ${count(start.newUsers)} new users.`
    : `Fitted from the start: ${start.note}`;
}

function gateWords({ outcome, publish }: GateDecision): string {
  return outcome === 'underpowered' ? `${OUTCOMES.underpowered} ${publish ? 'It went live on its estimate.' : 'It did not go live.'}` : OUTCOMES[outcome];
}

/** A table in Markdown; cells hold no pipes. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [`| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows.map((row) => `| ${row.join(' | ')} |`)];
}

const FIGURES: readonly { readonly name: string; readonly of: (figures: RankingFigures) => string }[] = [
  { name: 'recall', of: ({ recall }) => formatInterval(recall) },
  { name: 'NDCG', of: ({ ndcg }) => formatInterval(ndcg) },
  { name: 'MAP', of: ({ map }) => formatInterval(map) },
  { name: 'MRR', of: ({ mrr }) => formatInterval(mrr) },
  { name: 'precision', of: ({ precision }) => formatInterval(precision) },
  { name: 'hit rate', of: ({ hitRate }) => formatInterval(hitRate, 3) },
  { name: 'novelty, bits', of: ({ novelty }) => formatInterval(novelty, 2) },
  { name: 'diversity in a list', of: ({ diversity }) => formatInterval(diversity, 3) },
  { name: 'share of the catalogue shown', of: ({ coverage }) => number(coverage, 3) },
];

const SEGMENTS: Readonly<Record<string, string>> = { new: 'new users (below 5 items)', light: 'light users (5 to 19)', heavy: 'heavy users (20 and more)', head: 'head items (half of all interactions)', tail: 'tail items (the rest)' };

function rankingTable(rankings: readonly Ranked[]): string[] {
  const lengths = rankings[0].figures.at.map(({ k }) => k);
  const rows = FIGURES.flatMap(({ name, of }) => lengths.map((k) => [`${name} @${k}`, ...rankings.map(({ figures }) => of(figures.at.find((at) => at.k === k)!))]));
  return table(['', ...rankings.map(({ name }) => name)], rows);
}

function segmentTable([own, ...others]: readonly Ranked[]): string[] {
  const beside = others.filter(({ name }) => name === 'live recipe' || name === 'popularity');
  const rows = own.figures.segments.map(({ segment, users, at }) => {
    const last = at.at(-1)!;
    const same = beside.map(({ figures }) => figures.segments.find((one) => one.segment === segment)?.at.at(-1)?.ndcg);
    return [SEGMENTS[segment] ?? segment, count(users), formatInterval(last.recall), formatInterval(last.ndcg), ...same.map((ndcg) => formatInterval(ndcg))];
  });
  const k = own.figures.segments[0]?.at.at(-1)?.k ?? 20;
  return table(['', 'users', `recall @${k}`, `NDCG @${k}`, ...beside.map(({ name }) => `NDCG @${k}, ${name}`)], rows);
}

function ratingTable({ trainRatings, testRatings, testUsers, coldShare, model, baselines }: RatingsReport): string[] {
  const rows = ([['factors and biases', model], ['biases alone', baselines.biases], ['the item’s mean', baselines.itemMean], ['the mean', baselines.mean]] as const).map(([name, { rmse, mae }]) => [name, formatInterval(rmse), formatInterval(mae)]);
  return [
    '### Ratings', '',
    `How far predictions are off: ${count(testRatings)} later ratings of ${count(testUsers)} shoppers, ${per(coldShare)} of them with an unknown shopper or item, from ${count(trainRatings)} before. They rank nothing and decide nothing.`, '',
    ...table(['predicted by', 'RMSE', 'MAE'], rows), '',
  ];
}

const CURVES = [['bySweep', 'sweeps'], ['byShare', 'share of the data'], ['byFactors', 'factors'], ['byRegularization', 'regularization λ']] as const;

/** Quality against cost: each point is a model fitted otherwise than the chosen one in one thing. */
function curveTable(curves: CurvesReport): string[] {
  const rows = CURVES.flatMap(([name, words]) =>
    curves[name].map(({ at, train, validation, seconds, parameters, bytes }) => [`${words} ${Number(at.toPrecision(3))}`, number(train), number(validation), number(seconds, 2), count(parameters), `${(bytes / 2 ** 20).toFixed(1)} MiB`]),
  );
  return rows.length === 0 ? [] : [`Learning curves, ${curves.metric} of the factors alone on validation (${count(curves.users)} shoppers):`, '', ...table(['fitted with', 'train', 'validation', 'seconds', 'parameters', 'memory'], rows), ''];
}

export function cardToMarkdown(card: ModelCard): string {
  const { trainedOn, recipe, start, search, test, ratings, gate, verdict, curves, prequential, quality } = card;
  const known = (value: number | null) => (value === null ? '–' : count(value));
  const lines: string[] = [
    `# Model ${card.version}`, '',
    `${stateWords(card).replace(/^./, (letter) => letter.toUpperCase())}. Made ${card.createdAt}${card.codeVersion === null ? '' : ` by Jongleur ${card.codeVersion}`}.`, '',
    '## What it was trained on', '',
    ...table(['', ''], [
      ['events', known(trainedOn.events)], ['shoppers', known(trainedOn.users)], ['items', known(trainedOn.items)], ['interactions (shopper, item)', known(trainedOn.interactions)],
      ['oldest event', trainedOn.oldestAt ?? '–'], ['newest event', trainedOn.newestAt ?? '–'], ['watermark', trainedOn.watermark], ...(trainedOn.dataHash === null ? [] : [['data, SHA-256', `\`${trainedOn.dataHash}\``]]),
    ]),
    '', '## Recipe', '',
    ...table(['parameter', 'value'], Object.entries(recipe).map(([name, value]) => [PARAMETERS[name] ?? name, Array.isArray(value) ? value.join(', ') : String(value)])),
    '',
    ...(search === null ? [] : [`Chosen by ${search.mode} search: ${count(search.trials)} trials in ${search.seconds.toFixed(1)} s${search.ended === 'time' ? ', ended by its time limit' : ''}.`]),
    ...(start === null ? [] : [startWords(start)]),
    '', '## How good it is', '',
  ];
  if (test === null) {
    lines.push(`Not measured: ${card.unmeasured}`, '');
  } else {
    lines.push(
      `${heldOutWords(test.heldOut)}. ${count(test.users)} shoppers, ${count(test.relevant)} items that they came to want, whole catalogue; means with 95 % intervals over shoppers (bootstrap).`, '',
      ...rankingTable(test.rankings), '', '### By kind of shopper and item', '', ...segmentTable(test.rankings), '',
    );
  }
  if (ratings !== null) {
    lines.push(...ratingTable(ratings));
  }
  if (prequential !== null) {
    lines.push(`How version ${prequential.version} really did on the ${count(prequential.events)} events that came after it (${count(prequential.users)} shoppers): recall @20 ${formatInterval(prequential.recall)}, NDCG @20 ${formatInterval(prequential.ndcg)}; its list of bestsellers ${formatInterval(prequential.popularity.recall)} and ${formatInterval(prequential.popularity.ndcg)}.`, '');
  }
  if (gate !== null) {
    lines.push(`## ${card.state === 'live' || card.state === 'retired' ? 'Why it went live' : 'What the gate said'}`, '', gateWords(gate), '', ...gate.reasons.map(({ passed, code, message }) => `- ${passed ? '✓' : '✗'} \`${code}\` ${message}`), '');
  }
  if (verdict !== null) {
    lines.push('## Verdict', '', `**${verdict.code}.** ${verdict.reason} ${verdict.advice}`, '');
  }
  if (curves !== null) {
    lines.push(...curveTable(curves));
  }
  if (quality !== null) {
    lines.push('## Its data', '', ...(quality.length === 0 ? ['Nothing was found wrong with them.'] : quality.map(({ severity, code, message, advice }) => `- ${severity} \`${code}\` ${message} ${advice}`)), '');
  }
  lines.push('## When not to trust it', '', ...card.limits.map((sentence) => `- ${sentence}`), '');
  return lines.join('\n');
}

/** Figures at the longest list, a row a ranking, for a terminal. */
export function rankingLines(rankings: readonly Ranked[]): string[] {
  const rows = rankings.map(({ name, figures }) => {
    const at = figures.at.at(-1)!;
    return [name, formatInterval(at.recall), formatInterval(at.ndcg), number(at.coverage, 3)];
  });
  const k = rankings[0].figures.at.at(-1)!.k;
  return alignColumns([['mean [95 % interval]', `recall@${k}`, `NDCG@${k}`, 'coverage'], ...rows]);
}

/** Cells to columns, two spaces apart. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
}

/** What a run or a version found out, as lines: test figures beside the simple rules, the gate's reasons, the verdict. */
export function resultLines({ test, unmeasured, gate, verdict }: Pick<ModelCard, 'test' | 'unmeasured' | 'gate' | 'verdict'>): string[] {
  const lines: string[] = [];
  if (test === null) {
    lines.push(`Not measured: ${unmeasured}`);
  } else {
    lines.push(`${heldOutWords(test.heldOut)}; ${count(test.users)} shoppers, whole catalogue`, ...rankingLines(test.rankings).map((line) => `  ${line}`));
  }
  if (gate !== null) {
    lines.push(`Gate: ${gateWords(gate)}`, ...gate.reasons.map(({ passed, message }) => `  ${passed ? '✓' : '✗'} ${message}`));
  }
  if (verdict !== null) {
    lines.push(`Verdict: ${verdict.code}. ${verdict.reason}`, `  ${verdict.advice}`);
  }
  return lines;
}

export function cardToText(card: ModelCard): string {
  const { trainedOn, recipe, start, search, quality } = card;
  const known = (value: number | null) => (value === null ? '–' : count(value));
  const day = (at: string | null) => at?.slice(0, 10) ?? '–';
  const lines = [
    `Model ${card.version}: ${stateWords(card)}`,
    `  ${known(trainedOn.events)} events → ${known(trainedOn.interactions)} interactions of ${known(trainedOn.users)} users with ${known(trainedOn.items)} items, ${day(trainedOn.oldestAt)} to ${day(trainedOn.newestAt)}`,
    `  ${Object.entries(recipe).map(([name, value]) => `${name} ${Array.isArray(value) ? value.join('/') : String(value)}`).join(', ')}`,
    ...(search === null ? [] : [`  ${search.mode} search: ${count(search.trials)} trials in ${search.seconds.toFixed(1)} s${search.ended === 'time' ? ', ended by its time limit' : ''}`]),
    ...(start === null ? [] : [`  ${startWords(start)}`]),
    ...resultLines(card),
    ...(quality === null ? [] : [quality.length === 0 ? 'Data: nothing was found wrong' : 'Data:', ...quality.map(({ severity, code, message }) => `  ${severity.padEnd(7)} ${code}: ${message}`)]),
    'When not to trust it:', ...card.limits.map((sentence) => `  - ${sentence}`),
  ];
  return `${lines.join('\n')}\n`;
}

