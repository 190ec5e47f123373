/** Learning curves: how quality goes with sweeps, data, factors and regularization, of a run under way or of one that has ended. */
import { html, useMemo, useState } from '../../lib/preact.js';
import { Chart } from '../../parts/chart.js';
import { Panel } from '../../parts/panel.js';
import { Empty } from '../../parts/states.js';
import { bytes, count, duration, fixed, number, percent, short, signed } from '../../words.js';

const LEAST_POINTS = 2;
const whole = (value) => (Number.isInteger(value) ? number(value) : '');

const KINDS = [
  { key: 'bySweep', title: 'By sweep', xName: 'sweeps', xText: whole, says: 'Each sweep fits shoppers and items to one another once more. Where the curve falls again, the model learns by heart.' },
  { key: 'byShare', title: 'By share of your data', xName: 'share of the events', xText: (value) => percent(value, 2), says: 'The same model with a part of what is known. Where the curve still climbs at its end, more events would help.' },
  { key: 'byFactors', title: 'By factors', xName: 'factors', xText: number, isLogarithmic: true, says: 'More factors can tell finer tastes, and cost time and memory.' },
  { key: 'byRegularization', title: 'By regularization', xName: 'regularization λ', xText: (value) => number(value, 2), isLogarithmic: true, says: 'How much the model holds back: too little and it learns by heart, too much and it forgets.' },
];

/** What else the points by factors can be laid out along. */
const COSTS = [
  ['at', 'factors', number],
  ['seconds', 'seconds of a fit', duration],
  ['parameters', 'numbers in the model', short],
  ['bytes', 'memory', bytes],
];

/** The ends of the paired interval, about the point: how far its distance to the chosen model may be chance. */
const endOf = ({ difference }, end) => (difference === null || difference === undefined || typeof difference[end] !== 'number' || difference.reference === 0 ? null : difference.reference * (1 + difference[end]));

/** The words of a curve: where it is best, and by how much. */
function describeCurve(points, { xName, xText }, along) {
  const best = points.reduce((a, b) => (b.validation > a.validation ? b : a));
  const chosen = points.find(({ difference }) => difference?.relative === 0 && difference.low === 0 && difference.high === 0);
  const at = `${xText(best[along])} ${xName === 'factors' || xName === 'sweeps' ? xName : ''}`.trim();
  if (chosen === undefined || best === chosen) {
    return `Best where it was chosen, at ${at}.`;
  }
  const { relative, low, high } = best.difference;
  return `Best at ${at}: ${signed(relative)} over the chosen ${xText(chosen[along])} (${signed(low)} to ${signed(high)})${low > 0 ? '' : ', which may be chance'}.`;
}

function Curve({ kind, points, withTrain, along = 'at', xName = kind.xName, xText = kind.xText }) {
  const sorted = useMemo(() => points.filter(Boolean).toSorted((a, b) => a[along] - b[along]), [points, along]);
  const [x, series] = useMemo(() => [
    sorted.map((point) => point[along]),
    [
      { name: 'on what it had not seen', values: sorted.map(({ validation }) => validation), low: sorted.map((point) => endOf(point, 'low')), high: sorted.map((point) => endOf(point, 'high')) },
      ...(withTrain ? [{ name: 'on what it had seen', values: sorted.map(({ train }) => train), dashed: true, points: true }] : []),
    ],
  ], [sorted, withTrain]);
  return html`<section class="stack"><h3>${kind.title}</h3><p class="muted about">${kind.says}</p>
    ${sorted.length < LEAST_POINTS ? html`<p class="muted">${sorted.length === 0 ? 'No point yet.' : 'One point so far.'}</p>` : html`<${Chart} name=${`NDCG@20 ${kind.title.toLowerCase()}`} says=${describeCurve(sorted, { xName, xText }, along)}
      x=${x} xName=${xName} xText=${xText} series=${series} unit="NDCG@20" yText=${(value) => fixed(value, 3)} isLogarithmic=${along === 'at' ? kind.isLogarithmic === true : along !== 'seconds'} hasTicksAtPoints=${along !== 'seconds'} height=${190} />`}
  </section>`;
}

/**
 * @param {{ curves: Record<string, any[]>, users?: number, isUnderWay?: boolean, complete?: boolean }} props points by the curve's name; `users`: scored for each
 */
export function Curves({ curves, users, isUnderWay = false, complete = true }) {
  const [withTrain, setWithTrain] = useState(false);
  const [along, setAlong] = useState('at');
  const kinds = KINDS.filter(({ key }) => (curves[key] ?? []).length > 0);
  const [, xName, xText] = COSTS.find(([name]) => name === along);
  const chosen = (curves.bySweep ?? []).find(({ difference }) => difference?.low === 0 && difference.high === 0);
  const gap = chosen === undefined || chosen.train === null ? '' : ` The chosen model has ${fixed(chosen.validation)} on what it had not seen, ${fixed(chosen.train)} on what it had.`;
  const says = `Quality (NDCG@20: how well the first 20 places hit, 0 nothing, 1 perfect) of models that differ in one thing. Each point is a fit of its own${users === undefined ? '' : `, scored on the same ${count(users, 'shopper')}`}. The band says how far the distance to the chosen model may be chance.${gap}`;
  return html`<${Panel} title="Learning curves" says=${says}>
    ${kinds.length === 0 ? html`<${Empty} title=${isUnderWay ? 'They come later' : 'None were drawn'} says=${isUnderWay ? 'Each point is drawn as soon as its fit has ended.' : 'Tick “Learning curves” when you start a training.'} />` : html`
      <div class="row choices">
        <label class="check"><input type="checkbox" checked=${withTrain} onChange=${(event) => setWithTrain(event.currentTarget.checked)} /><span>Beside it: on what it had seen</span></label>
        ${kinds.some(({ key }) => key === 'byFactors') && html`<label class="check"><span>By factors: quality against</span><select value=${along} onChange=${(event) => setAlong(event.currentTarget.value)}>${COSTS.map(([name, title]) => html`<option value=${name}>${title}</option>`)}</select></label>`}
      </div>
      <div class="panels curves">${kinds.map((kind) => html`<${Curve} key=${kind.key} kind=${kind} points=${curves[kind.key]} withTrain=${withTrain} ...${kind.key === 'byFactors' ? { along, xName, xText } : {}} />`)}</div>
      ${!complete && html`<p class="warn">Time ran out before all points were made.</p>`}`}
  <//>`;
}

/** Points in the order in which they came, by curve. */
export function groupPoints(points) {
  const curves = {};
  for (const point of points.filter(Boolean)) {
    (curves[point.curve] ??= []).push(point);
  }
  return curves;
}
