/** Ratings, other values and quantities: how they are distributed, by event type. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { Columns } from '../../parts/columns.js';
import { Panel } from '../../parts/panel.js';
import { Answered } from '../../parts/states.js';
import { count, number } from '../../words.js';

function Distribution({ type, what, of: { bars, isDiscrete, mean, min, max, below, above, count: many }, colour }) {
  const beyond = [below > 0 && `${number(below)} lie below what is shown`, above > 0 && `${number(above)} above`].filter(Boolean).join(' and ');
  const named = bars.map(({ from, to, count: inBar }) => ({ name: isDiscrete ? number(from) : `${number(from)} to ${number(to)}`, count: inBar }));
  return html`<${Panel} title=${`${what} of “${type}”`}>
    ${bars.length === 1 ? html`<p class="muted">${`${count(many, 'event')} carry one, and all say ${number(min)}.`}</p>` : html`
    <${Columns} name=${`${what} of ${type}`} says=${`${count(many, 'event')} carry one: from ${number(min)} to ${number(max)}, ${number(mean)} on average.${beyond === '' ? '' : ` ${beyond}, as far as ${number(above > 0 ? max : min)}.`}`} bars=${named} xName=${what.toLowerCase()} unit="events" colour=${colour} />`}
  <//>`;
}

export function Values() {
  const answer = useAnswer('v1/insights/values');
  return html`<${Answered} of=${answer} what="Counting">${({ types }) => {
    const all = types.flatMap(({ name, values, quantities }) => [
      values && html`<${Distribution} key=${`${name} values`} type=${name} what="Values" of=${values} colour="--series-4" />`,
      quantities && html`<${Distribution} key=${`${name} quantities`} type=${name} what="Quantities" of=${quantities} colour="--series-5" />`,
    ]).filter(Boolean);
    return all.length > 0 && html`<div class="panels">${all}</div>`;
  }}<//>`;
}
