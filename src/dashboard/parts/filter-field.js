/** A filter as it is written: what may come next below it, and what the service found wrong with it in place. */
import { html, useState } from '../lib/preact.js';
import { complete, insert } from '../filter-completion.js';
import { Combo } from './combo.js';

/** @param {{ label: string, hint?: any, value: string, wrong?: string | null, placeholder?: string, catalogue: { schema: any, values: ReadonlyMap<string, ReadonlySet<string>> }, onChange: (text: string) => void }} props `catalogue`: of `useCatalogue` */
export function FilterField({ label, hint, value, wrong, placeholder = 'price < 100', catalogue: { schema, values }, onChange }) {
  const [caret, setCaret] = useState(0);
  const place = complete(value, caret, schema, values);
  const pick = ({ text }) => {
    const next = insert(value, place, text);
    setCaret(next.caret);
    onChange(next.text);
    return next.caret;
  };
  return html`<${Combo} label=${label} hint=${hint} wrong=${wrong} isCode value=${value} placeholder=${placeholder} options=${place.options} onPick=${pick} onInput=${(text, at) => {
    setCaret(at);
    if (text !== value) {
      onChange(text);
    }
  }} />`;
}
