/** What a whole is made of: one bar, a piece for each part. */
import { html } from '../lib/preact.js';

/** @param {{ name: string, pieces: { name: string, value: number, text: string, colour: string }[] }} props `name`: what the whole is; `colour`: a custom property's name */
export function StackedBar({ name, pieces }) {
  const whole = pieces.reduce((sum, { value }) => sum + value, 0);
  const words = pieces.map(({ name, text }) => `${name} ${text}`).join(', ');
  return html`<span class="stacked" role="img" aria-label=${`${name}: ${words}`} title=${words}>${pieces.map(({ value, colour }) => html`<span style=${{ width: `${whole > 0 ? (value / whole) * 100 : 0}%`, background: `var(${colour})` }}></span>`)}</span>`;
}

/** The colours' names, for bars that share them. @param {{ pieces: { name: string, colour: string }[] }} props */
export function StackedLegend({ pieces }) {
  return html`<ul class="legend">${pieces.map(({ name, colour }) => html`<li><span class="swatch" style=${{ background: `var(${colour})` }}></span>${name}</li>`)}</ul>`;
}
