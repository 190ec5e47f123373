/** Amounts beside one another as bars, each with its name and its number. */
import { html } from '../lib/preact.js';

/**
 * @param {{ name: string, bars: { name: any, value: number, text: string, colour?: string }[], most?: number }} props `most`: the value of a full bar; by default the largest. `colour`: a custom property's name, such as `--series-2`
 */
export function Bars({ name, bars, most = Math.max(...bars.map(({ value }) => value), 0) }) {
  return html`<ul class="bars" aria-label=${name}>${bars.map(({ name, value, text, colour }) => html`<li>
    <span>${name}</span>
    <span class="track" aria-hidden="true"><span class="fill" style=${{ width: `${most > 0 ? Math.max(0, (value / most) * 100) : 0}%`, ...(colour === undefined ? {} : { background: `var(${colour})` }) }}></span></span>
    <span class="amount">${text}</span>
  </li>`)}</ul>`;
}
