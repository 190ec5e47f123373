/** What somebody fills in: a label, the control, what it means, and what is wrong with it, in place. */
import { html, useState } from '../lib/preact.js';

let fields = 0;
const nextId = () => `field-${++fields}`;

/**
 * @param {{ label: string, hint?: any, wrong?: string | null, children: (attributes: { id: string, 'aria-invalid'?: string, 'aria-describedby'?: string }) => any, id?: string }} props
 *   children: draws the control with these attributes; `id` where a page needs to know it
 */
export function Field({ label, hint, wrong, end, id, children }) {
  const [made] = useState(nextId);
  const own = id ?? made;
  const isWrong = wrong !== undefined && wrong !== null && wrong !== '';
  const about = [hint && `${own}-hint`, isWrong && `${own}-wrong`].filter(Boolean).join(' ');
  return html`<div class="field">
    <label for=${own}>${label}${end}</label>
    ${children({ id: own, ...(isWrong ? { 'aria-invalid': 'true' } : {}), ...(about === '' ? {} : { 'aria-describedby': about }) })}
    ${isWrong && html`<p class="wrong" id=${`${own}-wrong`}>${wrong}</p>`}
    ${hint && html`<p class="hint" id=${`${own}-hint`}>${hint}</p>`}
  </div>`;
}

export function Slider({ label, hint, value, min = 0, max = 1, step = 0.05, onChange, show = String }) {
  return html`<${Field} label=${label} hint=${hint} end=${html`<output>${show(value)}</output>`}>
    ${(attributes) => html`<input type="range" ...${attributes} min=${min} max=${max} step=${step} value=${value} onInput=${(event) => onChange(Number(event.currentTarget.value))} />`}
  <//>`;
}

export function Choice({ label, hint, wrong, value, options, onChange }) {
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong}>
    ${(attributes) => html`<select ...${attributes} value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>${options.map(([name, text]) => html`<option value=${name} selected=${name === value}>${text}</option>`)}</select>`}
  <//>`;
}
