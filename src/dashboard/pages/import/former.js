/** Imports so far, newest first. */
import { html } from '../../lib/preact.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { ago, number } from '../../words.js';
import { describeState } from './states.js';

const COLUMNS = [
  { title: 'No', isNumber: true, cell: ({ no }) => no },
  { title: 'File', isHead: true, cell: ({ source }) => source },
  { title: 'Rows of', cell: ({ kind }) => (kind === 'users' ? 'shoppers' : kind) },
  { title: 'Stored', isNumber: true, cell: ({ rowsImported }) => number(rowsImported) },
  { title: 'Kept aside', isNumber: true, cell: ({ rowsQuarantined }) => number(rowsQuarantined) },
  { title: 'When', cell: ({ startedAt }) => ago(startedAt) },
];

export function Former({ former, shown, onShow }) {
  const state = { title: 'State', cell: ({ state: of }) => html`<${Tag} tone=${describeState(of)[1]}>${describeState(of)[0]}<//>` };
  const way = { title: '', label: 'Look at it', cell: ({ no }) => no !== shown && html`<button type="button" class="small" aria-label=${`Show import ${no}`} onClick=${() => onShow(no)}>Show</button>` };
  return html`<${Panel} title="Imports so far">
    <${Answered} of=${former}>${({ items }) => (items.length === 0
      ? html`<${Empty} title="None yet" says="Events that your shop sends as they happen are not in this list." />`
      : html`<${Table} name="Imports so far" rows=${items} keyOf=${({ no }) => no} columns=${[...COLUMNS, state, way]} />`)}<//>
  <//>`;
}
