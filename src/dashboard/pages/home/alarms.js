/** What is wrong, the gravest first; one line where nothing is. */
import { html } from '../../lib/preact.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Answered } from '../../parts/states.js';
import { ago, number, percent } from '../../words.js';

const TONES = { critical: 'bad', warning: 'warn', info: 'accent' };

function Alarm({ alarm: { severity, title, since, value, threshold, side, unit, advice } }) {
  // "0.06 of all lists" is a share.
  const word = unit.startsWith('of ') ? percent : number;
  return html`<li class="alarm">
    <div class="row"><${Tag} tone=${TONES[severity]}>${severity}<//><strong>${title}</strong></div>
    <p>${word(value)} ${unit}, which is ${side} ${word(threshold)}; since ${ago(since)}.</p>
    <p class="muted">${advice}</p>
  </li>`;
}

export function Alarms({ alerts }) {
  return html`<${Answered} of=${alerts}>${({ items, judgedAt }) => {
    if (judgedAt === null) {
      return null;
    }
    return items.length === 0
      ? html`<p class="well"><span class="dot good"></span>All is well: no alarm is raised. <span class="muted">Looked at ${ago(judgedAt)}.</span></p>`
      : html`<${Panel} title=${items.length === 1 ? 'One alarm' : `${items.length} alarms`} says="What is wrong now, the gravest first, and what to do."><ul class="alarms">${items.map((alarm) => html`<${Alarm} key=${alarm.code} alarm=${alarm} />`)}</ul><//>`;
  }}<//>`;
}
