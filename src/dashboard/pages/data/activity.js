/** How many shoppers and items have how many events. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { Columns } from '../../parts/columns.js';
import { Panel } from '../../parts/panel.js';
import { Answered } from '../../parts/states.js';
import { number, percent, short } from '../../words.js';

const barsOf = (bins) => bins.map(({ from, to, count }) => ({ name: from === to ? number(from) : `${short(from)}–${short(to)}`, count }));

/** The bin in which the one in the middle lies. */
function middleOf(bins) {
  const half = bins.reduce((sum, { count }) => sum + count, 0) / 2;
  let sum = 0;
  return bins.find(({ count }) => (sum += count) >= half);
}

function Side({ title, one, many, bins, colour }) {
  const all = bins.reduce((sum, { count }) => sum + count, 0);
  const middle = middleOf(bins);
  const range = middle.from === middle.to ? number(middle.from) : `${number(middle.from)} to ${number(middle.to)}`;
  return html`<${Panel} title=${title}>
    <${Columns} name=${title} says=${`The ${one} in the middle has ${range} ${middle.to === 1 ? 'event' : 'events'}; ${percent(bins[0].count / all)} of the ${number(all)} ${many} have a single one.`} bars=${barsOf(bins)} xName="events; each range is twice as wide as the one before" unit=${many} colour=${colour} />
  <//>`;
}

export function Activity() {
  const answer = useAnswer('v1/insights/activity');
  return html`<${Answered} of=${answer} what="Counting">${({ users, items }) => html`<div class="panels">
    <${Side} title="How active shoppers are" one="shopper" many="shoppers" bins=${users} colour="--series-1" />
    <${Side} title="How much items are looked at" one="item" many="items" bins=${items} colour="--series-3" />
  </div>`}<//>`;
}
