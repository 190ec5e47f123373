/** The search for a recipe: each trial as it comes, and what was chosen. */
import { html, useMemo, useState } from '../../lib/preact.js';
import { Chart } from '../../parts/chart.js';
import { Panel } from '../../parts/panel.js';
import { Table } from '../../parts/table.js';
import { count, duration, fixed, number } from '../../words.js';
import { describeParameter } from './terms.js';

const ORIGINS = { live: 'the live version’s', default: 'the usual ones', drawn: 'drawn' };

const COLUMNS = [
  { title: 'Candidate', isHead: true, isNumber: true, cell: ({ number: no }) => no },
  { title: 'Settings', cell: ({ origin }) => ORIGINS[origin] ?? origin },
  { title: 'Factors', isNumber: true, cell: ({ factors }) => number(factors) },
  { title: 'λ', isNumber: true, cell: ({ regularization }) => number(regularization, 2) },
  { title: 'α₀', isNumber: true, cell: ({ unobservedWeight }) => number(unobservedWeight, 2) },
  { title: 'Half-life', isNumber: true, cell: ({ halfLifeDays }) => describeParameter('halfLifeDays', halfLifeDays).text },
  { title: 'Sweeps', isNumber: true, cell: ({ sweeps }) => number(sweeps) },
  { title: 'NDCG@20', isNumber: true, cell: ({ ndcg, note }) => (ndcg === null ? html`<span title=${note}>not fitted</span>` : fixed(ndcg, 4)) },
  { title: 'Time', isNumber: true, cell: ({ seconds }) => duration(seconds) },
];

/** One series for each number of sweeps: figures of half the sweeps and of all do not compare. */
function Trials({ trials }) {
  const [x, series] = useMemo(() => {
    const rungs = [...new Set(trials.map(({ sweeps }) => sweeps))];
    return [trials.map((_, index) => index + 1), rungs.map((sweeps) => ({ name: `after ${count(sweeps, 'sweep')}`, values: trials.map((trial) => (trial.sweeps === sweeps ? trial.ndcg : null)), scattered: true }))];
  }, [trials]);
  const most = Math.max(...trials.map(({ sweeps }) => sweeps));
  const measured = trials.filter(({ ndcg, sweeps }) => ndcg !== null && sweeps === most);
  const best = measured.length === 0 ? null : measured.reduce((a, b) => (b.ndcg > a.ndcg ? b : a));
  return html`<${Chart} name="Trials of the search" x=${x} xName="trial" series=${series} unit="NDCG@20" yText=${(value) => fixed(value, 3)} xText=${(value) => (Number.isInteger(value) ? String(value) : '')} height=${190}
    says=${best === null ? '' : `Best ${trials.length > 0 && most === trials[0].sweeps ? 'so far ' : ''}after ${count(most, 'sweep')}: candidate ${best.number} with ${fixed(best.ndcg, 4)} (${count(best.factors, 'factor')}, λ ${number(best.regularization, 2)}).`} />`;
}

/** @param {{ trials: any[], search: any }} props `search`: of the report, null while it goes on */
export function Search({ trials, search }) {
  const [isOpen, setOpen] = useState(false);
  const known = useMemo(() => trials.filter(Boolean), [trials]);
  if (known.length === 0) {
    return null;
  }
  const ended = search === null ? '' : ` It took ${duration(search.seconds)}${search.ended === 'time' ? ', ended by its time limit,' : ''} and chose candidate ${search.chosen}.`;
  return html`<${Panel} title="Search for settings" says=${`Candidates were fitted on the older part and scored on a newer one: with half of the sweeps first, and the best of them with all.${ended}`}>
    <${Trials} trials=${known} />
    <details onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>Each trial’s settings</summary>${isOpen && html`<${Table} name="Trials" columns=${COLUMNS} rows=${known} />`}</details>
  <//>`;
}
