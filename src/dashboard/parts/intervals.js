/** Estimates below one another on one scale: a dot each, with the interval in which the truth lies with 95 % confidence as a bar. Where bars do not overlap, chance is no explanation. */
import { html } from '../lib/preact.js';
import { Track } from './track.js';

/**
 * @param {{ name: string, rows: { name: any, note?: any, mean: number, low: number, high: number, colour?: string }[], text: (value: number) => string, least?: number, most?: number }} props `text`: a value in words, with its unit;
 *   `least`, `most`: ends of the scale, by default 0, or the lowest end below it, and the highest. `colour`: a custom property's name
 */
export function Intervals({ name, rows, text, least = Math.min(0, ...rows.map(({ low }) => low)), most = Math.max(0, ...rows.map(({ high }) => high)) }) {
  return html`<ul class="intervals" aria-label=${name}>${rows.map(({ name, note, mean, low, high, colour }) => html`<li>
    <span class="of">${name}${note && html`<span class="muted">${note}</span>`}</span>
    <${Track} ...${{ value: mean, low, high, least, most, colour }} />
    <span class="amount"><strong>${text(mean)}</strong> <span class="muted">${text(low)} to ${text(high)}</span></span>
  </li>`)}</ul>`;
}
