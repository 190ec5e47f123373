/** Counts by range as upright columns: a histogram. Drawn by the style sheet, so that it follows the scheme and the window; each column says its range and count. */
import { html } from '../lib/preact.js';
import { number } from '../words.js';
import { Table } from './table.js';

const MOST_LABELS = 8;

/**
 * @param {{ name: string, says: string, bars: { name: string, count: number }[], xName: string, unit: string, colour?: string }} props `says`: what is to be seen, as a sentence; `unit`: what is counted
 */
export function Columns({ name, says, bars, xName, unit, colour = '--series-1' }) {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const step = Math.max(1, Math.ceil(bars.length / MOST_LABELS));
  return html`<figure class="chart" aria-label=${name}>
    ${says && html`<figcaption class="muted">${says}</figcaption>`}
    <div class="axis-name">${unit}, ${number(most)} at most</div>
    <div class="columns" aria-hidden="true">${bars.map((bar, index) => html`<div class="column" title=${`${bar.name}: ${number(bar.count)} ${unit}`}>
      <span class="bar-space"><span class="bar" style=${{ height: `${bar.count === 0 ? 0 : Math.max(1, (bar.count / most) * 100)}%`, background: `var(${colour})` }}></span></span>
      <span class="label">${index % step === 0 && (step === 1 || index + step / 2 < bars.length) ? bar.name : ''}</span>
    </div>`)}</div>
    <div class="axis-name x-name">${xName}</div>
    <details><summary>As a table</summary><${Table} name=${`${name}, as a table`} rows=${bars} columns=${[{ title: xName, isHead: true, cell: (bar) => bar.name }, { title: unit, isNumber: true, cell: (bar) => number(bar.count) }]} /></details>
  </figure>`;
}
