/** What each column of a file means: what was found out, to be changed. */
import { html } from '../../lib/preact.js';
import { Table } from '../../parts/table.js';

const WORDS = {
  user: 'shopper', item: 'item', type: 'type of event', value: 'value or rating', time: 'time', quantity: 'quantity', price: 'price', group: 'basket or order', id: 'id of the event', title: 'title of the item',
};
export const wordOf = (meaning) => WORDS[meaning] ?? meaning;
const EXAMPLES = 3;

export function Mapping({ preview: { columns, meanings, needed, missing, head }, onAssign }) {
  const options = [['', '– not used –'], ...meanings.map((meaning) => [meaning, `${wordOf(meaning)}${needed.includes(meaning) ? ' (needed)' : ''}`])];
  const given = (place) => [...new Set(head.map(({ fields }) => fields[place] ?? '').filter((text) => text !== ''))].slice(0, EXAMPLES).join(' · ');
  return html`${missing.length > 0 && html`<p class="banner plain" role="status"><strong>Say which column is the ${missing.map(wordOf).join(', and which the ')}:</strong> none is called as it usually is.</p>`}
    <div class="mapping"><${Table} name="Columns of the file" rows=${columns} keyOf=${({ name }) => name} columns=${[
      { title: 'Column', isHead: true, cell: ({ name }) => html`<code>${name}</code>` },
      { title: 'Means', cell: ({ name, meaning }) => html`<select aria-label=${`What ${name} means`} value=${meaning ?? ''} onChange=${(event) => onAssign(name, event.currentTarget.value)}>${options.map(([value, text]) => html`<option value=${value} selected=${value === (meaning ?? '')}>${text}</option>`)}</select>` },
      { title: 'In the first rows', cell: (_column, place) => html`<span class="given">${given(place)}</span>` },
    ]} /></div>`;
}
