/** One estimate with its interval on a scale that its neighbours share: where bars do not overlap, chance is no explanation. What it says in numbers stands beside it. */
import { html } from '../lib/preact.js';

/** @param {{ value: number, low?: number | null, high?: number | null, least: number, most: number, colour?: string }} props `least` … `most`: the ends of the scale; an end of null reaches to it. `colour`: a custom property's name */
export function Track({ value, low, high, least, most, colour = '--series-1' }) {
  const place = (number) => `${Math.min(100, Math.max(0, ((number - least) / (most - least || 1)) * 100))}%`;
  const background = `var(${colour})`;
  return html`<span class="track" aria-hidden="true">
    ${least < 0 && html`<span class="zero" style=${{ left: place(0) }}></span>`}
    <span class="range" style=${{ left: place(low ?? least), right: `calc(100% - ${place(high ?? most)})`, background }}></span>
    <span class="point" style=${{ left: place(value), background }}></span>
  </span>`;
}
