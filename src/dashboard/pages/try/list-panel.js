/** A list with its title: on its way, refused, or there; and the question it answers, for a terminal. */
import { html } from '../../lib/preact.js';
import { Panel } from '../../parts/panel.js';
import { Fault, Loading } from '../../parts/states.js';
import { Curl } from './curl.js';
import { RecommendedItems } from './list.js';
import { isOfSteering } from './steering.js';

/** @param question what `useList` gave; children: above the list; `items`: how they are drawn, see `RecommendedItems` */
export function ListPanel({ title, says, end, question: { list, error, isOld, asked, reload }, items, children }) {
  return html`<${Panel} title=${title} says=${says} class="lists" end=${end}>
    ${children}
    ${error !== null && (isOfSteering(error) ? html`<p class="muted" role="status">Mend what is marked in “Steer it”; until then this is the list before.</p>` : html`<${Fault} error=${error} again=${reload} />`)}
    ${list === null ? error === null && html`<${Loading} what="Asking for the list" />` : html`<${RecommendedItems} ...${items} list=${list} isOld=${isOld && error === null} />`}
    <${Curl} asked=${asked} />
  <//>`;
}
