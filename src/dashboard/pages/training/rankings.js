/** How good a model's lists are: each figure beside simple rules, for whom it is good, and all figures as a table. */
import { html, useState } from '../../lib/preact.js';
import { Choice } from '../../parts/field.js';
import { Intervals } from '../../parts/intervals.js';
import { Panel } from '../../parts/panel.js';
import { Empty } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { count, day, moment, percent } from '../../words.js';
import { METRICS, describeRanking, describeSegment, isKnown, metricOf, share } from './terms.js';

/** Of what the figures are. */
function describeHoldout({ heldOut, users, coldShare }) {
  const what = heldOut === null ? '' : heldOut.by === 'time' ? ` It learnt from what happened until ${moment(new Date(heldOut.cutMs).toISOString())} and was asked what comes next: ${count(heldOut.heldEvents, 'event')} until ${day(new Date(heldOut.newestMs).toISOString())} that it had not seen.` : ' Each shopper’s last item was held back, and it was asked for it.';
  return `Measured on ${count(users, 'shopper')}.${what}${coldShare > 0 ? ` ${percent(coldShare, 2)} of what they came to want was new to the shop, so nothing could have found it; it counts as missed.` : ''}`;
}

/** One figure of all rankings, and then by shopper and item. */
function Figure({ test, metric, k }) {
  const rows = test.rankings.flatMap(({ name, figures }) => {
    const interval = figures.at.find((one) => one.k === k)?.[metric.key];
    const [title, note, colour] = describeRanking(name);
    return isKnown(interval) ? [{ name: title, note, colour, ...interval }] : [];
  });
  return html`<p>${metric.says(k)}${metric.isBetterHigher ? '' : ' Neither good nor bad by itself.'}</p>
    <${Intervals} name=${`${metric.title}, ${metric.term}@${k}`} rows=${rows} text=${metric.text} />
    <small class="muted">The bar is where the truth lies with 95\u00a0% confidence: other shoppers would have given another figure. Where bars do not overlap, chance is no explanation.</small>`;
}

function Segments({ figures, metric, k }) {
  const rows = figures.segments.flatMap(({ segment, users, at }) => {
    const interval = at.find((one) => one.k === k)?.[metric.key];
    const [name, says] = describeSegment(segment);
    return isKnown(interval) && users > 0 ? [{ name, note: `${says} · ${count(users, 'shopper')}`, colour: segment === 'head' || segment === 'tail' ? '--series-5' : '--series-1', ...interval }] : [];
  });
  return rows.length > 0 && html`<${Intervals} name=${`${metric.title} by shopper and item`} rows=${rows} text=${metric.text} />`;
}

function AllFigures({ test }) {
  const [isOpen, setOpen] = useState(false);
  const ks = test.rankings[0].figures.at.map(({ k }) => k);
  const rows = [...ks.flatMap((k) => METRICS.map((metric) => ({ ...metric, k }))), ...ks.map((k) => ({ key: 'coverage', title: 'Share of the catalogue shown to anybody', term: 'coverage', k }))];
  const cell = (figures, { key, k, text }) => {
    const value = figures.at.find((one) => one.k === k)?.[key];
    return key === 'coverage' ? share(value) : isKnown(value) ? html`${text(value.mean)}<br /><span class="muted">${text(value.low)} to ${text(value.high)}</span>` : '–';
  };
  const columns = [
    { title: 'Figure', isHead: true, cell: ({ title, term, k }) => html`${title} <span class="muted">${term}@${k}</span>` },
    ...test.rankings.map(({ name, figures }) => ({ title: describeRanking(name)[0], isNumber: true, cell: (row) => cell(figures, row) })),
  ];
  return html`<details onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>All figures, with their intervals</summary>${isOpen && html`<${Table} name="All figures" columns=${columns} rows=${rows} />`}</details>`;
}

/** @param {{ test: any, unmeasured: string | null }} props of a run's findings */
export function Rankings({ test, unmeasured }) {
  const [key, setKey] = useState('recall');
  const [k, setK] = useState(20);
  if (test === null) {
    return html`<${Panel} title="How good its lists are"><${Empty} title="It was not measured" says=${unmeasured} /><//>`;
  }
  const metric = metricOf(key);
  const choose = html`<${Choice} label="Figure" value=${key} options=${METRICS.map(({ key: name, title, term }) => [name, `${title} (${term})`])} onChange=${setKey} />
    <${Choice} label="Places of a list" value=${String(k)} options=${test.rankings[0].figures.at.map((one) => [String(one.k), `the first ${one.k}`])} onChange=${(value) => setK(Number(value))} />`;
  const hasSegments = metric.key === 'recall' || metric.key === 'ndcg';
  return html`<${Panel} title="How good its lists are" says=${describeHoldout(test)}>
    <div class="row">${choose}</div>
    <${Figure} test=${test} metric=${metric} k=${k} />
    ${hasSegments && html`<h3>For whom, and of what</h3><${Segments} figures=${test.rankings[0].figures} metric=${metric} k=${k} />`}
    <${AllFigures} test=${test} />
  <//>`;
}
