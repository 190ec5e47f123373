/** How good each version was when it was measured: are they getting better? */
import { html, useMemo } from '../../lib/preact.js';
import { Chart } from '../../parts/chart.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { percent } from '../../words.js';

const LEAST_VERSIONS = 2;
/** Up to so many each has a tick of its own. */
const MOST_TICKS = 12;

function Curve({ measured }) {
  const [x, series] = useMemo(
    () => [measured.map(({ version }) => version), [{ name: 'Found again (recall@20)', values: measured.map(({ recall }) => recall.mean), low: measured.map(({ recall }) => recall.low), high: measured.map(({ recall }) => recall.high), points: true }]],
    [JSON.stringify(measured.map(({ version }) => version))],
  );
  const [first, last] = [measured[0], measured.at(-1)];
  const live = measured.find(({ state }) => state === 'live');
  return html`<${Chart} name="Quality over versions" x=${x} xName="model version" series=${series} unit="share found again" yText=${(value) => percent(value, 2)} xText=${(value) => (Number.isInteger(value) ? String(value) : '')} least=${0}
    hasTicksAtPoints=${x.length <= MOST_TICKS} marks=${live === undefined ? [] : [{ at: live.version, name: 'live' }]}
    says=${`Version ${last.version} found ${percent(last.recall.mean)} again, version ${first.version} ${percent(first.recall.mean)}. The band is the 95\u00a0% interval; where bands overlap, the difference may be chance.`} />`;
}

export function Quality({ models }) {
  return html`<${Panel} title="Quality over versions" says="Each version was measured on what it had not seen: what share of what shoppers went on to do was among the 20 items it would have shown them.">
    <${Answered} of=${models}>${({ items }) => {
      const measured = items.filter(({ recall }) => recall !== null).toReversed();
      if (measured.length >= LEAST_VERSIONS) {
        return html`<${Curve} measured=${measured} />`;
      }
      return measured.length === 0
        ? html`<${Empty} title="Nothing was measured yet" says="The first training measures its model before it goes live." />`
        : html`<${Empty} title=${`One version so far: ${percent(measured[0].recall.mean)} found again`} says=${`With 95\u00a0% confidence ${percent(measured[0].recall.low)} to ${percent(measured[0].recall.high)}. From the second version on there is a curve.`} />`;
    }}<//>
  <//>`;
}
