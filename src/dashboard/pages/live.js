/** What recommendations did: how often lists are clicked and what was bought after, by day and by whatever may make a difference. */
import { html, useMemo, useState } from '../lib/preact.js';
import { withQuery } from '../api.js';
import { useAnswer } from '../answers.js';
import { Chart } from '../parts/chart.js';
import { Choice } from '../parts/field.js';
import { Figure, Figures } from '../parts/figure.js';
import { Head, Panel } from '../parts/panel.js';
import { Span } from '../parts/span.js';
import { Answered, Empty } from '../parts/states.js';
import { Table } from '../parts/table.js';
import { go, hrefOf } from '../route.js';
import { count, day, moment, number, percent } from '../words.js';

const EVERY_MS = 30_000;
const DAY_MS = 86_400_000;
const PERIODS = [['1', 'the last 24 hours'], ['7', 'the last 7 days'], ['30', 'the last 30 days'], ['90', 'the last 90 days']];
const GROUPINGS = [['scenario', 'scenario'], ['version', 'model version'], ['variant', 'variant of an experiment'], ['position', 'place in the list'], ['source', 'kind of list'], ['day', 'day (UTC)']];
const MEASURES = {
  clickRate: { title: 'Click rate', unit: 'clicks of all items shown', text: (value) => percent(value) },
  clicksPerList: { title: 'Clicks a list', unit: 'clicks a list', text: (value) => number(value) },
  purchasesPerList: { title: 'Purchases a list', unit: 'purchases a list', text: (value) => number(value, 2) },
  revenuePerList: { title: 'Revenue a list', unit: 'revenue a list, in the shop’s currency', text: (value) => money(value) },
};
const WHY = { malformed: 'cut off or no id at all', forged: 'not signed by this installation', expired: 'older than 30 days', preview: 'of a list that was asked for with preview', early: 'of an event before its list', outside: 'with a position beyond the end of the list' };

/** To cents, with what stands before the point as it is. */
const money = (value) => number(Math.round(value * 100) / 100, 12);

const nameOf = (by, { key, name }) => {
  switch (by) {
    case 'scenario':
      return key === '' ? 'without a scenario' : key;
    case 'version':
      return key === '0' ? 'without a model' : `model ${key}`;
    case 'variant':
      return key === '0' ? 'in no experiment' : (name ?? `variant ${key}`);
    case 'position':
      return key === '' ? 'not said' : key;
    case 'day':
      return day(`${key}T12:00:00Z`);
    default:
      return key;
  }
};

const capital = (text) => `${text[0].toUpperCase()}${text.slice(1)}`;
const endsOf = (estimate, text) => (estimate === null ? {} : { low: text(estimate.low), high: text(estimate.high) });

const perList = (estimate, text, more) => [estimate === null ? undefined : `${text(estimate.value)} a list (${text(estimate.low)} to ${text(estimate.high)} with 95\u00a0% confidence)`, more].filter((part) => part !== undefined).join(' · ');

function Total({ total: { lists, items, clicks, carts, purchases, revenue, clickRate, purchasesPerList, revenuePerList } }) {
  return html`<${Figures} label="All lists together">
    <${Figure} name="Lists shown" value=${number(lists)} note=${lists === 0 ? undefined : `${number(items / lists)} items each`} />
    <${Figure} name="Click rate" value=${clickRate === null ? '–' : percent(clickRate.value)} ...${endsOf(clickRate, MEASURES.clickRate.text)} note=${`${count(clicks, 'click')} on ${count(items, 'item')} shown`} />
    <${Figure} name="Purchases of clicked items" value=${number(purchases)} note=${perList(purchasesPerList, (value) => number(value, 2), count(carts, 'cart'))} />
    <${Figure} name="Revenue of these" value=${money(revenue)} unit="in your currency" note=${perList(revenuePerList, money)} />
  <//>`;
}

function Curve({ rows, measure }) {
  const { title, unit, text } = MEASURES[measure];
  const [x, series] = useMemo(
    () => [rows.map(({ key }) => Date.parse(`${key}T00:00:00Z`) / 1000), [{ name: title, values: rows.map((row) => row[measure]?.value ?? null), low: rows.map((row) => row[measure]?.low ?? null), high: rows.map((row) => row[measure]?.high ?? null), points: true }]],
    [JSON.stringify([measure, rows])],
  );
  const last = rows.at(-1)[measure];
  return html`<${Chart} name=${`${title} by day`} x=${x} xName="day (UTC)" isTime series=${series} unit=${unit} yText=${text} least=${0} says=${`The band is where it truly lies with 95\u00a0% confidence.${last === null ? '' : ` Last: ${text(last.value)}, ${text(last.low)} to ${text(last.high)}.`}`} />`;
}

function Beside({ by, rows, measure }) {
  const { title, text } = MEASURES[measure];
  const shown = rows.filter(({ lists, clicks }) => lists > 0 || clicks > 0);
  const most = Math.max(...shown.map((row) => row[measure]?.high ?? 0), 0);
  const columns = [
    { title: capital(GROUPINGS.find(([name]) => name === by)[1]), isHead: true, cell: (row) => nameOf(by, row) },
    { title: 'Lists', isNumber: true, cell: ({ lists }) => number(lists) },
    { title: `${title}, with its 95\u00a0% interval`, cell: (row) => html`<${Span} estimate=${row[measure]} most=${most} text=${text} />` },
    { title: 'Clicks', isNumber: true, cell: ({ clicks }) => number(clicks) },
    { title: 'Carts', isNumber: true, cell: ({ carts }) => number(carts) },
    { title: 'Purchases', isNumber: true, cell: ({ purchases }) => number(purchases) },
    { title: 'Revenue', isNumber: true, cell: ({ revenue }) => money(revenue) },
  ];
  return html`<${Table} name=${`By ${by}`} columns=${columns} rows=${shown} keyOf=${({ key }) => key} />`;
}

function WithoutList({ faults }) {
  const all = Object.entries(faults);
  return all.length > 0 && html`<div class="fault mild"><strong>${count(all.reduce((sum, [, times]) => sum + times, 0), 'event')} named a list that told nothing.</strong><p>They are stored, and count for no list: ${all.map(([why, times]) => `${number(times)} ${WHY[why] ?? why}`).join(', ')}. Send back the recommendationId of the answer exactly as it came.</p></div>`;
}

export default function Live({ parameters: { days = '30', scenario, by = 'scenario', measure: wanted } }) {
  const [from] = useState(() => (span) => new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - span * DAY_MS).toISOString());
  const span = PERIODS.some(([name]) => name === days) ? days : '30';
  const grouping = GROUPINGS.some(([name]) => name === by) ? by : 'scenario';
  const measure = wanted in MEASURES ? wanted : 'clickRate';
  const since = useMemo(() => from(Number(span)), [span]);
  const question = (one) => withQuery('v1/metrics/live', { by: one, from: since, scenario });
  const total = useAnswer(question('total'), { every: EVERY_MS });
  const daily = useAnswer(question('day'), { every: EVERY_MS });
  const beside = useAnswer(question(grouping), { every: EVERY_MS });
  const scenarios = useAnswer('v1/scenarios');
  const set = (name) => (value) => go('live', { days: span, scenario, by: grouping, measure, [name]: value }, true);
  const draw = ({ rows, complete, windowHours, withoutList }) => {
    const sums = rows[0];
    if (sums === undefined || sums.lists === 0) {
      return html`<${WithoutList} faults=${withoutList} /><${Panel}><${Empty} title="No list was shown in this time" says="Your shop asks for a list (GET /v1/users/{userId}/recommendations), shows it, and sends its recommendationId back with the event when an item of it is clicked. Then this page says how often that happens, and what is bought after."><a class="button primary" href=${hrefOf('connect')}>How to connect a shop</a><//><//>`;
    }
    return html`<${Total} total=${sums} />
      ${sums.clicks === 0 && html`<p class="banner plain">No click yet. Does your shop send <code>recommendationId</code> and <code>position</code> with the event when an item of a list is clicked? <a href=${hrefOf('connect')}>How that looks</a>.</p>`}
      <${WithoutList} faults=${withoutList} />
      <${Panel} title="By day" says=${`Everything counts on the day of its list. A purchase counts up to ${windowHours} hours after the click, so lists since ${moment(complete)} may still lead to more.`}>
        <${Answered} of=${daily}>${(answer) => {
          const shown = answer.rows.filter(({ lists }) => lists > 0);
          return shown.length < 2 ? html`<${Empty} title="One day so far" says="From the second day on there is a curve." />` : html`<${Curve} rows=${shown} measure=${measure} />`;
        }}<//>
      <//>
      <${Panel} title="Beside one another" says="Where intervals overlap a lot, there is no telling which is better. To know whether another list would do better, let some shoppers have it: an experiment."
        end=${html`<a class="button small" href=${hrefOf('experiments')}>Experiments</a>`}>
        <div class="fields"><${Choice} label="A row for each" value=${grouping} options=${GROUPINGS} onChange=${set('by')} /></div>
        <${Answered} of=${beside}>${(answer) => html`<${Beside} by=${grouping} rows=${answer.rows} measure=${measure} />`}<//>
      <//>`;
  };
  return html`<${Head} title="Live metrics" says="What came of the lists that shoppers saw: clicks, carts, purchases and revenue." />
    <div class="stack">
      <div class="fields">
        <${Choice} label="Time" value=${span} options=${PERIODS} onChange=${set('days')} />
        <${Choice} label="Lists of" value=${scenario ?? ''} options=${[['', 'all scenarios'], ...(scenarios.answer?.items ?? []).map(({ name }) => [name, name])]} onChange=${set('scenario')} />
        <${Choice} label="What is drawn" value=${measure} options=${Object.entries(MEASURES).map(([name, { title }]) => [name, title])} onChange=${set('measure')} />
      </div>
      <${Answered} of=${total} what="Counting">${draw}<//>
    </div>`;
}
