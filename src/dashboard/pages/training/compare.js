/** Two versions side by side: what is known of the difference, and all that differs. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { inPath } from '../../api.js';
import { Intervals } from '../../parts/intervals.js';
import { Head, Panel } from '../../parts/panel.js';
import { Answered } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { hrefOf } from '../../route.js';
import { bytes, count, day, moment, number, percent, signed } from '../../words.js';
import { describeVerdict } from '../../verdicts.js';
import { METRICS, describeOutcome, describeParameter, describeVersionState, isKnown, metricOf, share } from './terms.js';
import { VersionSteps } from './steps.js';
import { figureOf } from './version.js';

/** Where one's gate held it against the other, on the same data and shoppers. @returns the later version, the other, and their paired difference; null where there is none */
function findPaired(first, second) {
  for (const [later, earlier] of [[first, second], [second, first]]) {
    const reason = later.gate?.reasons.find(({ comparison }) => comparison?.version === earlier.version);
    if (reason !== undefined) {
      return { later, earlier, difference: reason.comparison.difference };
    }
  }
  return null;
}

const sameRecipe = (first, second) => JSON.stringify(first.recipe) === JSON.stringify(second.recipe);
const cutOf = (card) => card.test?.heldOut?.cutMs ?? null;

function sayPaired({ later, earlier, difference: { relative, low, high, users } }) {
  const isSure = low > 0 || high < 0;
  return `The settings of version ${later.version} place what shoppers went on to want ${percent(Math.abs(relative), 2)} ${relative < 0 ? 'worse' : 'better'} than those of version ${earlier.version}, both fitted on the same events and asked for the same ${count(users, 'shopper')} (95\u00a0%: ${signed(low)} to ${signed(high)}). ${isSure ? 'That is more than chance.' : 'That may be chance.'}`;
}

function sayWithout(first, second) {
  const isSameData = first.trainedOn.dataHash !== null && first.trainedOn.dataHash === second.trainedOn.dataHash;
  if (isSameData && sameRecipe(first, second)) {
    return 'Both have the same settings and learnt from the same events: they are one model, but for what their fits began from.';
  }
  const tests = isSameData && cutOf(first) === cutOf(second)
    ? 'Both were measured on the same events, but not in pairs: where the bars overlap, the difference may be chance.'
    : 'Each was measured on its own newest events, so these figures compare two stretches of time as well as two models.';
  return `${sameRecipe(first, second) ? 'Both have the same settings and differ in their data alone.' : 'Neither was held against the other on the same events.'} ${tests}`;
}

function Difference({ first, second }) {
  const paired = findPaired(first, second);
  const rows = (key) => [first, second].flatMap((card, index) => {
    const interval = figureOf(card, key);
    return !isKnown(interval) ? [] : [{ name: `Version ${card.version}`, colour: `--series-${index + 1}`, note: cutOf(card) === null ? '' : `asked for what came after ${day(new Date(cutOf(card)).toISOString())}`, ...interval }];
  });
  return html`<${Panel} title="How much better?">
    <p>${paired === null ? sayWithout(first, second) : sayPaired(paired)}</p>
    ${paired !== null && html`<${Intervals} name="Paired difference of NDCG@20" text=${signed} rows=${[{ name: `Version ${paired.later.version} over version ${paired.earlier.version}`, note: 'NDCG@20, in pairs', mean: paired.difference.relative, low: paired.difference.low, high: paired.difference.high, colour: '--series-4' }]}
      least=${Math.min(-0.1, paired.difference.low * 1.1)} most=${Math.max(0.1, paired.difference.high * 1.1)} />
      <p class="muted">Left of the line: worse; right of it: better. Below, each by itself${cutOf(first) === cutOf(second) ? '' : ', on its own newest events'}.</p>`}
    ${['recall', 'ndcg'].map((key) => {
      const metric = metricOf(key);
      return rows(key).length > 0 && html`<h3>${metric.title} <span class="muted">${metric.term}@20</span></h3><${Intervals} name=${metric.title} rows=${rows(key)} text=${metric.text} />`;
    })}
  <//>`;
}

function rowsOf(first, second) {
  const row = (title, of) => ({ title, cells: [of(first), of(second)] });
  const figure = ({ key, title, term, text }) => row(`${title} (${term}@20)`, (card) => {
    const interval = figureOf(card, key);
    return !isKnown(interval) ? '–' : [text(interval.mean), `${text(interval.low)} to ${text(interval.high)}`];
  });
  const parameters = [...new Set([...Object.keys(first.recipe), ...Object.keys(second.recipe)])];
  return [
    row('State', ({ state }) => describeVersionState(state)[0]),
    row('Made', ({ createdAt }) => moment(createdAt)),
    row('Events', ({ trainedOn }) => number(trainedOn.events)),
    row('Newest event', ({ trainedOn }) => moment(trainedOn.newestAt)),
    row('Shoppers', ({ trainedOn }) => number(trainedOn.users)),
    row('Items', ({ trainedOn }) => number(trainedOn.items)),
    row('Shoppers measured on', ({ test }) => (test === null ? '–' : number(test.users))),
    ...METRICS.map(figure),
    row('Share of the catalogue shown', (card) => (card.test === null ? '–' : share(figureOf(card, 'coverage')))),
    row('Verdict', ({ verdict }) => describeVerdict(verdict?.code ?? null)[0]),
    row('Gate', ({ gate }) => (gate === null ? 'not asked' : describeOutcome(gate)[0])),
    row('Fit began', ({ start }) => (start === null ? '–' : start.kind === 'warm' ? `from version ${start.fromVersion}` : 'from the start')),
    row('Size', ({ report }) => (report.bytes ? bytes(report.bytes.item + report.bytes.user) : '–')),
    ...parameters.map((name) => row(describeParameter(name, null).title, ({ recipe }) => describeParameter(name, recipe[name]).text)),
  ];
}

function SideBySide({ first, second }) {
  const columns = [
    { title: '', label: 'What', isHead: true, cell: ({ title }) => title },
    ...[first, second].map((card, index) => ({ title: html`<a href=${hrefOf('training', { version: card.version })}>Version ${card.version}</a>`, cell: ({ cells }) => {
      const [text, between] = [cells[index]].flat();
      return html`<span class=${String(cells[0]) === String(cells[1]) ? 'muted' : ''}>${text}${between && html`<br /><small class="muted">${between}</small>`}</span>`;
    } })),
  ];
  return html`<${Panel} title="Side by side" says="What is the same in both is pale."><${Table} name="Side by side" columns=${columns} rows=${rowsOf(first, second)} keyOf=${({ title }) => title} /><//>`;
}

/** @param {{ pair: string, models: any, settings: any }} props `pair`: two versions, such as `2,1` */
export function Compare({ pair, models, settings }) {
  const [one, other] = pair.split(',');
  const first = useAnswer(`v1/models/${inPath(one)}`);
  const second = useAnswer(`v1/models/${inPath(other ?? '')}`);
  const live = models.answer?.items.find(({ state }) => state === 'live');
  const onDone = () => Promise.all([first.reload(), second.reload(), models.reload()]);
  return html`<${Head} title=${`Version ${one} beside version ${other}`} says="Which of the two should answer your shoppers?"><a class="button" href=${hrefOf('training')}>All runs and versions</a><//>
    <div class="stack"><${Answered} of=${first} what="Looking them up">${(a) => html`<${Answered} of=${second} what="Looking them up">${(b) => html`
      <${Difference} first=${a} second=${b} />
      <${SideBySide} first=${a} second=${b} />
      <div class="row">${[a, b].map((card) => html`<${VersionSteps} key=${card.version} version=${card} live=${live} settings=${settings} onDone=${onDone} />`)}</div>`}<//>`}<//></div>`;
}
