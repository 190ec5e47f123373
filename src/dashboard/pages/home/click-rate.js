/** Whether what is recommended is clicked, day by day. */
import { html, useMemo } from '../../lib/preact.js';
import { Chart } from '../../parts/chart.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { count, day, percent } from '../../words.js';

function Curve({ rows }) {
  const [x, series] = useMemo(
    () => [
      rows.map(({ key }) => Date.parse(`${key}T00:00:00Z`) / 1000),
      [{ name: 'Click rate', values: rows.map(({ clickRate }) => clickRate?.value ?? null), low: rows.map(({ clickRate }) => clickRate?.low ?? null), high: rows.map(({ clickRate }) => clickRate?.high ?? null), points: true }],
    ],
    [JSON.stringify(rows.map(({ key, items, clicks }) => [key, items, clicks]))],
  );
  const last = rows.at(-1);
  return html`<${Chart} name="Click rate by day" x=${x} xName="day (UTC)" isTime series=${series} unit="clicks of all items shown" yText=${(value) => percent(value, 2)} least=${0}
    says=${`On ${day(last.key)} shoppers clicked ${count(last.clicks, 'item')} of ${count(last.items, 'item')} shown${last.clickRate === null ? '' : `: ${percent(last.clickRate.value)}, with 95\u00a0% confidence ${percent(last.clickRate.low)} to ${percent(last.clickRate.high)}`}.`} />`;
}

export function ClickRate({ rates }) {
  return html`<${Panel} title="Click rate by day" says="Of the items that lists showed, how many shoppers did something with.">
    <${Answered} of=${rates}>${({ rows }) => {
      const shown = rows.filter(({ items }) => items > 0);
      if (shown.length >= 2) {
        return html`<${Curve} rows=${shown} />`;
      }
      return shown.length === 0
        ? html`<${Empty} title="No list was shown yet" says="Once your shop shows lists, and names them in what shoppers do next, this says how often they are clicked." />`
        : html`<${Empty} title=${`One day so far: ${count(shown[0].clicks, 'click')} on ${count(shown[0].items, 'item')}`} says="From the second day on there is a curve." />`;
    }}<//>
  <//>`;
}
