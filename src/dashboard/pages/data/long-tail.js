/** Who has how much of all events: curves of items and shoppers, and the items with most. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { Chart } from '../../parts/chart.js';
import { Figure, Figures } from '../../parts/figure.js';
import { Panel } from '../../parts/panel.js';
import { Answered } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { fixed, number, percent } from '../../words.js';

/** Share of events of the busiest `share`. */
const at = ({ shares, eventShares }, share) => eventShares[shares.findIndex((one) => one >= share - 1e-9)];

const inWords = (gini) => (gini < 0.4 ? 'spread evenly' : gini < 0.7 ? 'spread as in most shops' : 'in few hands');

export function LongTail() {
  const answer = useAnswer('v1/insights/long-tail');
  return html`<${Panel} title="The long tail" says="Few items have many events and many have few. Lists that show the former alone leave the tail unsold; this is how much of it there is.">
    <${Answered} of=${answer} what="Counting">${({ items, users, top }) => html`
      <${Figures} label="How unevenly events are shared out">
        <${Figure} name="The busiest tenth of items" value=${percent(at(items, 0.1))} unit="of all events" />
        <${Figure} name="Gini coefficient, items" value=${fixed(items.gini, 2)} note=${`0: all alike, 1: one has all. These are ${inWords(items.gini)}`} />
        <${Figure} name="The busiest tenth of shoppers" value=${percent(at(users, 0.1))} unit="of all events" />
        <${Figure} name="Gini coefficient, shoppers" value=${fixed(users.gini, 2)} note=${`These are ${inWords(users.gini)}`} />
      <//>
      <${Chart} name="Share of events by share of items and shoppers" says=${`Half of the ${number(items.count)} items with events have ${percent(at(items, 0.5))} of them, half of the ${number(users.count)} shoppers ${percent(at(users, 0.5))}. The further a curve bows, the fewer have most.`}
        x=${items.shares.map((share) => share * 100)} xName="per cent of them, the busiest first" unit="per cent of all events" least=${0} most=${100} xText=${(value) => `${number(value)} %`} yText=${(value) => `${number(value)} %`}
        series=${[{ name: 'items', values: items.eventShares.map((share) => share * 100), points: false }, { name: 'shoppers', values: users.eventShares.map((share) => share * 100), points: false }, { name: 'if all were alike', values: items.shares.map((share) => share * 100), dashed: true, colour: '--line-strong', points: false }]} />
      <details><summary>The ${number(top.length)} items with most events</summary>
        <${Table} name="Items with most events" rows=${top} keyOf=${({ itemId }) => itemId} columns=${[
          { title: 'Item', isHead: true, cell: ({ itemId, title }) => title ?? html`<code>${itemId}</code>` },
          { title: 'Category', cell: ({ category }) => category ?? '–' },
          { title: 'Events', isNumber: true, cell: ({ events }) => number(events) },
          { title: 'Shoppers', isNumber: true, cell: ({ users: many }) => number(many) },
        ]} />
      </details>`}<//>
  <//>`;
}
