/** An item's page: what is like it, and what is bought together with it. */
import { html, useEffect, useState } from '../../lib/preact.js';
import { inPath } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { go, hrefOf } from '../../route.js';
import { fixed } from '../../words.js';
import { useList } from './ask-list.js';
import { ItemSearch } from './item-search.js';
import { Source } from './list.js';
import { ListPanel } from './list-panel.js';
import { NO_STEERING, Steering, bodyOf } from './steering.js';

const KINDS = [
  { name: 'Similar', path: 'v1/items/similar', says: 'What pleases the same shoppers.' },
  { name: 'Bought together', path: 'v1/items/together', says: 'From baskets; where these say nothing, what is similar.' },
];

const goThere = ({ itemId, title }) => html`<a href=${hrefOf('try', { kind: 'item', item: itemId })} aria-label=${`Go there: similar to ${title ?? itemId}`}>Go there</a>`;

function ItemLists({ itemId, catalogue }) {
  const [steering, setSteering] = useState(NO_STEERING);
  const body = { itemIds: [itemId], ...bodyOf(steering) };
  const questions = [useList(KINDS[0].path, body), useList(KINDS[1].path, body)];
  return html`<div class="try even">
    <${Steering} steering=${steering} onChange=${setSteering} error=${questions[0].error ?? questions[1].error} catalogue=${catalogue} />
    ${KINDS.map(({ name, says }, index) => html`<${ListPanel} key=${name} title=${name} says=${says} end=${questions[index].list !== null && html`<${Source} source=${questions[index].list.source} />`} question=${questions[index]} items=${{ name, action: goThere, hasReasons: false }} />`)}
  </div>`;
}

export function SimilarItems({ parameters: { item: itemId }, catalogue }) {
  const first = useAnswer(itemId === undefined ? 'v1/items?limit=1' : null);
  const item = useAnswer(itemId === undefined ? null : `v1/items/${inPath(itemId)}`);
  useEffect(() => {
    const some = first.answer?.items.at(0)?.itemId;
    if (itemId === undefined && some !== undefined) {
      go('try', { kind: 'item', item: some }, true);
    }
  }, [first.answer, itemId]);
  return html`<div class="stack">
    <${Panel}>
      <div class="picker"><${ItemSearch} label="Item" onPick=${(picked) => go('try', { kind: 'item', item: picked.itemId })} /></div>
      ${itemId !== undefined && html`<${Answered} of=${item} what="Looking it up">${({ title, price, categories }) => html`<p><strong>${title ?? itemId}</strong> <span class="muted">${[title && itemId, price !== null && fixed(price, 2), categories.join(' › ')].filter(Boolean).join(' · ')}</span></p>`}<//>`}
    <//>
    ${itemId === undefined ? first.answer?.items.length === 0 && html`<${Empty} title="There is no item yet" says="Import a catalogue, or send an event: its item can be looked at here." />` : item.answer !== null && html`<${ItemLists} key=${itemId} itemId=${itemId} catalogue=${catalogue} />`}
  </div>`;
}
