/** Runs and versions, newest first. */
import { html, useState } from '../../lib/preact.js';
import { Panel, Tag } from '../../parts/panel.js';
import { StackedBar, StackedLegend } from '../../parts/stacked.js';
import { Answered, Empty } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { go, hrefOf } from '../../route.js';
import { ago, count, duration, moment, number, percent } from '../../words.js';
import { describeVerdict } from '../../verdicts.js';
import { VersionSteps } from './steps.js';
import { PHASE_PIECES, describeRunState, describeStart, describeVersionState, metricOf, piecesOf, secondsOf } from './terms.js';

const RUN_COLUMNS = [
  { title: 'Run', isHead: true, cell: ({ no }) => html`<a href=${hrefOf('training', { run: no })}>${no}</a>` },
  { title: 'Ended', cell: ({ state, progress }) => { const [word, tone] = describeRunState(state); return html`<${Tag} tone=${tone}>${word}${state === 'running' ? ` ${percent(progress, 2)}` : ''}<//>`; } },
  { title: 'Made', cell: ({ version }) => (version === null ? '–' : html`<a href=${hrefOf('training', { version })}>version ${version}</a>`) },
  { title: 'Began', cell: ({ startedAt, startedBy }) => html`<span title=${moment(startedAt)}>${ago(startedAt)}</span> <span class="muted">${describeStart(startedBy)}</span>` },
  { title: 'Took', isNumber: true, cell: (run) => (run.state === 'skipped' ? '–' : duration(secondsOf(run))) },
  { title: 'By phase', cell: (run) => (run.seconds === null ? html`<span class="muted">${run.message ?? ''}</span>` : html`<${StackedBar} name=${`Run ${run.no}`} pieces=${piecesOf(run.seconds)} />`) },
];

export function Runs({ runs }) {
  return html`<${Panel} title="Runs" says="Each reads all events, looks for settings, measures what it made on what it had not seen, and asks the gate.">
    <${Answered} of=${runs}>${({ items }) => (items.length === 0
      ? html`<${Empty} title="No training yet" says="Start one above, or wait for the schedule. It needs 1,000 shopper–item pairs, of 25 shoppers with two items each." />`
      : html`<${StackedLegend} pieces=${PHASE_PIECES} /><${Table} name="Training runs" columns=${RUN_COLUMNS} rows=${items} keyOf=${({ no }) => no} classOf=${({ state }) => (state === 'skipped' ? 'faded' : '')} />`)}<//>
  <//>`;
}

function between(key, interval) {
  const { text } = metricOf(key);
  return interval === null ? '–' : html`${text(interval.mean)}<br /><span class="muted">${text(interval.low)} to ${text(interval.high)}</span>`;
}

function Comparison({ items }) {
  const live = items.find(({ state }) => state === 'live') ?? items[0];
  const [first, setFirst] = useState(String(items.find(({ version }) => version !== live.version).version));
  const [second, setSecond] = useState(String(live.version));
  const choice = (label, value, onChange) => html`<select aria-label=${label} value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>${items.map(({ version, state }) => html`<option value=${version} selected=${String(version) === value}>version ${version}${state === 'live' ? ', live' : ''}</option>`)}</select>`;
  return html`<form class="row" onSubmit=${(event) => { event.preventDefault(); go('training', { compare: `${first},${second}` }); }}>
    ${choice('Compare', first, setFirst)}<span class="muted">beside</span>${choice('With', second, setSecond)}<button disabled=${first === second}>Compare</button>
  </form>`;
}

/** @param {{ models: any, settings: any, onDone: () => Promise<unknown> }} props `models`: what `useAnswer` gave */
export function Versions({ models, settings, onDone }) {
  const live = models.answer?.items.find(({ state }) => state === 'live');
  const columns = [
    { title: 'Version', isHead: true, cell: ({ version }) => html`<a href=${hrefOf('training', { version })}>${version}</a>` },
    { title: 'State', cell: ({ state, guard }) => { const [word, tone] = describeVersionState(state); return html`<${Tag} tone=${tone}>${word}<//>${guard?.ended === 'rolled-back' && html` <${Tag} tone="bad" title="Shoppers clicked it less than the version before">rolled back<//>`}`; } },
    { title: html`Found again <span class="muted">recall@20</span>`, isNumber: true, cell: ({ recall }) => between('recall', recall) },
    { title: html`Well placed <span class="muted">NDCG@20</span>`, isNumber: true, cell: ({ ndcg }) => between('ndcg', ndcg) },
    { title: 'Verdict', cell: ({ verdict }) => (verdict === null ? '–' : describeVerdict(verdict)[0]) },
    { title: 'Learnt from', isNumber: true, cell: ({ trainedOn }) => html`${count(trainedOn.events, 'event')}${trainedOn.newestAt !== null && html`<br /><span class="muted">until ${moment(trainedOn.newestAt)}</span>`}` },
    { title: '', label: 'What can be done', cell: (version) => (version.state === 'retired' && !version.isKept ? html`<span class="muted">report only</span>` : html`<${VersionSteps} version=${version} live=${live} settings=${settings} onDone=${onDone} isSmall=${true} />`) },
  ];
  return html`<${Panel} title="Versions" says="What the runs made. One of them answers; the newest that were live are kept, so that you can go back to them." end=${settings !== null && html`<span class="muted">${number(settings.keepVersions)} are kept</span>`}>
    <${Answered} of=${models}>${({ items }) => (items.length === 0
      ? html`<${Empty} title="No version yet" says="The first training makes one. Until then everybody is shown what is trending." />`
      : html`${items.length > 1 && html`<${Comparison} key=${live?.version} items=${items} />`}<${Table} name="Model versions" columns=${columns} rows=${items} keyOf=${({ version }) => version} classOf=${({ state, isKept }) => (state === 'rejected' || !isKept ? 'faded' : '')} />`)}<//>
  <//>`;
}
