/** An estimate within its 95 % interval, drawn on a scale that its neighbours share, and as numbers: intervals that overlap a lot are not different. */
import { html } from '../lib/preact.js';

/** @param {{ estimate: { value: number, low: number | null, high: number | null } | null, least?: number, most: number, text: (value: number) => string }} props `least` … `most`: the ends of the scale; an end of null reaches to it */
export function Span({ estimate, least = 0, most, text }) {
  if (estimate === null) {
    return '–';
  }
  const place = (value) => `${Math.min(100, Math.max(0, ((value - least) / (most - least || 1)) * 100))}%`;
  const { value, low, high } = estimate;
  return html`<div class="ranged"><span class="track" aria-hidden="true"><span class="range" style=${{ left: place(low ?? least), right: `calc(100% - ${place(high ?? most)})` }}></span>${least < 0 && html`<span class="zero" style=${{ left: place(0) }}></span>`}<span class="point" style=${{ left: place(value) }}></span></span>
    <span class="amount">${text(value)} <small class="muted">${low === null ? 'anything less' : text(low)} to ${high === null ? 'anything more' : text(high)}</small></span></div>`;
}
