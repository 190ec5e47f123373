/** How catalogue and events are shared out among categories. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { Bars } from '../../parts/bars.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { count, number, percent } from '../../words.js';

const SHOWN = 12;

export function Categories() {
  const answer = useAnswer('v1/insights/categories');
  return html`<${Panel} title="Categories" says="What shoppers look at and buy, by the catalogue’s categories. An item of several counts in each.">
    <${Answered} of=${answer} what="Counting">${({ shown, categories, without, events }) => (shown.length === 0
      ? html`<${Empty} title="No item has a category" says="Send them with the catalogue (PUT /v1/items/{itemId}): they name what is alike, and help with new items." />`
      : html`<${Bars} name="Share of events by category" bars=${shown.slice(0, SHOWN).map(({ name, items, events: many }) => ({ name: html`${name} <small class="muted">${count(items, 'item')}</small>`, value: many, text: percent(many / events) }))} />
        <p class="muted">${categories > SHOWN ? `${count(categories, 'category', 'categories')} in all. ` : ''}${without.items > 0 ? `${count(without.items, 'item')} without a category: ${percent(without.events / events)} of the events (${number(without.events)}).` : 'Every item has one.'}</p>`)}<//>
  <//>`;
}
