/** The first rows as they would be taken, and those that would not; of a catalogue as they stand in the file. */
import { html } from '../../lib/preact.js';
import { Tag } from '../../parts/panel.js';
import { Empty } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { count, moment, number } from '../../words.js';

const EVENT_COLUMNS = [
  { title: 'Line', isNumber: true, cell: ({ line }) => number(line) },
  { title: 'Shopper', isHead: true, cell: ({ userId }) => userId },
  { title: 'Event', cell: ({ type }) => type },
  { title: 'Item', cell: ({ itemId }) => itemId },
  { title: 'When', cell: ({ occurredAt }) => moment(occurredAt) },
];
const OPTIONAL = [['value', 'Value'], ['quantity', 'Quantity'], ['price', 'Price']];

/** Reasons and how often each; with the first line and its text. */
export function Skipped({ skipped }) {
  return html`<${Table} name="Rows that would be kept aside" rows=${Object.entries(skipped)} keyOf=${([reason]) => reason} columns=${[
    { title: 'Kept aside for', isHead: true, cell: ([reason]) => reason },
    { title: 'Rows', isNumber: true, cell: ([, { count: many }]) => number(many) },
    { title: 'First', cell: ([, { firstLine, example }]) => html`<span class="raw">line ${firstLine}: <code>${example}</code></span>` },
  ]} />`;
}

export function Sample({ preview: { sample, missing, head, columns }, kind }) {
  if (sample === null) {
    return html`<${Empty} title="Something is missing" says=${`No column is the ${missing.join(' and the ')} yet. Say which it is, above.`} />`;
  }
  if (kind !== 'events') {
    return html`<${Table} name="First rows of the file" rows=${head} keyOf=${({ line }) => line} columns=${[{ title: 'Line', isNumber: true, cell: ({ line }) => line }, ...columns.map(({ name }, place) => ({ title: name, cell: ({ fields }) => fields[place] ?? '' }))]} />`;
  }
  const bad = Object.values(sample.skipped).reduce((sum, { count: many }) => sum + many, 0);
  const taken = sample.rowsRead - bad;
  const shown = OPTIONAL.filter(([name]) => sample.rows.some((row) => row[name] !== null)).map(([name, title]) => ({ title, isNumber: true, cell: (row) => number(row[name]) }));
  return html`<p>Of the first ${count(sample.rowsRead, 'row')}, <${Tag} tone=${taken > 0 ? 'good' : 'bad'}>${number(taken)} would be taken<//>${bad > 0 && html` and <${Tag} tone="warn">${number(bad)} kept aside<//>`}.</p>
    ${bad > 0 && html`<${Skipped} skipped=${sample.skipped} />`}
    ${sample.rows.length > 0 && html`<${Table} name="First rows as they would be taken" rows=${sample.rows} keyOf=${({ line }) => line} columns=${[...EVENT_COLUMNS, ...shown]} />`}`;
}
