/** One number: its name, its value with a unit, the interval where it is an estimate, and what it means. */
import { html } from '../lib/preact.js';

/** A row of figures. */
export function Figures({ children, label }) {
  return html`<section class="figures" aria-label=${label}>${children}</section>`;
}

/**
 * @param {{ name: string, value: string, unit?: string, low?: string, high?: string, note?: any, tone?: string }} props value, low and high as texts (see `words.js`); low and high: the ends of its 95 % interval
 */
export function Figure({ name, value, unit, low, high, note, tone = '' }) {
  return html`<div class="figure">
    <div class="name">${name}</div>
    <div class=${`value ${tone}`}>${value}${unit && html`<span class="unit">${unit}</span>`}</div>
    ${low !== undefined && html`<div class="between" title="95\u00a0% interval">${low} to ${high} with 95\u00a0% confidence</div>`}
    ${note && html`<div class="note">${note}</div>`}
  </div>`;
}
