/** Finds an item by a part of its title or id. */
import { html, useState } from '../../lib/preact.js';
import { withQuery } from '../../api.js';
import { useAnswer, useSettled } from '../../answers.js';
import { Combo } from '../../parts/combo.js';

const MATCHES = 8;

/** @param onPick is given the item as the catalogue has it */
export function ItemSearch({ label, onPick }) {
  const [text, setText] = useState('');
  const settled = useSettled(text);
  const found = useAnswer(withQuery('v1/items', { q: settled, limit: MATCHES }));
  const options = (found.answer?.items ?? []).map((item) => ({ key: item.itemId, text: item.title ?? item.itemId, note: item.title === null ? undefined : item.itemId, item }));
  return html`<${Combo} label=${label} value=${text} placeholder="part of a title or id" options=${options} onInput=${setText} onPick=${({ item }) => {
    setText('');
    onPick(item);
  }} />`;
}
