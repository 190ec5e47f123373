/** Fields of a form: text, numbers, yes or no, and rows of them. What is typed stays a text until it is sent, so that the service can say what is wrong with it. */
import { html } from '../lib/preact.js';
import { Field } from './field.js';

/** What was typed as a number: null where nothing was, the text itself where it is none. */
export function numberOf(text) {
  if (typeof text !== 'string') {
    return text ?? null;
  }
  const trimmed = text.trim();
  const number = Number(trimmed.replace(',', '.'));
  return trimmed === '' ? null : Number.isNaN(number) ? text : number;
}

/** @param {{ label: string, hint?: any, wrong?: string | null, end?: any, value: any, onChange: (text: string) => void, isNumber?: boolean, lines?: number }} props all others are attributes of the control */
export function Input({ label, hint, wrong, end, value, onChange, isNumber = false, lines, ...more }) {
  const onInput = (event) => onChange(event.currentTarget.value);
  const text = value ?? '';
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong} end=${end}>${(attributes) => (lines === undefined
    ? html`<input type="text" autocomplete="off" spellcheck=${false} inputmode=${isNumber ? 'decimal' : undefined} ...${more} ...${attributes} value=${text} onInput=${onInput} />`
    : html`<textarea rows=${lines} spellcheck=${false} ...${more} ...${attributes} value=${text} onInput=${onInput}></textarea>`)}<//>`;
}

export function Check({ label, hint, wrong, value, onChange }) {
  return html`<div class="field"><label class="check"><input type="checkbox" checked=${value} aria-invalid=${wrong ? 'true' : undefined} onChange=${(event) => onChange(event.currentTarget.checked)} /><span>${label}</span></label>
    ${wrong && html`<p class="wrong">${wrong}</p>`}${hint && html`<p class="hint">${hint}</p>`}</div>`;
}

/**
 * Any number of rows of the same fields.
 *
 * @param {{ label: string, hint?: any, wrong?: string | null, rows: any[], blank: any, add: string, onChange: (rows: any[]) => void, children: (row: any, change: (row: any) => void, index: number) => any }} props `blank`: a new row; `add`: what the button says
 */
export function Rows({ label, hint, wrong, rows, blank, add, onChange, children }) {
  const change = (index) => (row) => onChange(rows.map((one, n) => (n === index ? row : one)));
  return html`<fieldset class="field rows"><legend class="label">${label}</legend>
    ${hint && html`<p class="hint">${hint}</p>`}
    ${rows.map((row, index) => html`<div class="entry" key=${index}><div class="entry-fields">${children(row, change(index), index)}</div><button type="button" class="small quiet" onClick=${() => onChange(rows.filter((_, n) => n !== index))}>Remove<span class="hidden-label"> ${label.toLowerCase()}, ${index + 1}</span></button></div>`)}
    ${wrong && html`<p class="wrong">${wrong}</p>`}
    <div><button type="button" class="small" onClick=${() => onChange([...rows, blank])}>${add}</button></div>
  </fieldset>`;
}
