/** An estimate within its 95 % interval, drawn on a scale that its neighbours share, and as numbers: intervals that overlap a lot are not different. */
import { html } from '../lib/preact.js';
import { Track } from './track.js';

/** @param {{ estimate: { value: number, low: number | null, high: number | null } | null, least?: number, most: number, text: (value: number) => string }} props `least` … `most`: the ends of the scale; an end of null reaches to it */
export function Span({ estimate, least = 0, most, text }) {
  if (estimate === null) {
    return '–';
  }
  const { value, low, high } = estimate;
  return html`<div class="ranged"><${Track} ...${{ value, low, high, least, most }} />
    <span class="amount">${text(value)} <small class="muted">${low === null ? 'anything less' : text(low)} to ${high === null ? 'anything more' : text(high)}</small></span></div>`;
}
