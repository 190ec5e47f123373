/** Somebody without a name: the items of a visit, and what fits them. Nothing of it is stored. */
import { html, useEffect, useState } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { Panel } from '../../parts/panel.js';
import { Empty } from '../../parts/states.js';
import { useList } from './ask-list.js';
import { ItemSearch } from './item-search.js';
import { Source } from './list.js';
import { ListPanel } from './list-panel.js';
import { NO_STEERING, Steering, bodyOf } from './steering.js';

/** So many a session may have. */
const MOST = 100;

function SessionList({ items, steering, onAdd, onError }) {
  const question = useList('v1/sessions/recommendations', { items: items.map(({ itemId, type }) => ({ itemId, type })), ...bodyOf(steering) });
  const { list, error } = question;
  useEffect(() => onError(error), [error]);
  const look = (item) => html`<button type="button" class="quiet small" aria-label=${`Look at it: ${item.title ?? item.itemId}`} onClick=${() => onAdd(item)}>Look at it</button>`;
  return html`<${ListPanel} title="Would be shown" says="From the items of the session alone; the newest count most." end=${list !== null && html`<${Source} source=${list.source} />`} question=${question} items=${{ name: 'Recommendations for the session', action: look }} />`;
}

export function Session({ catalogue }) {
  const [items, setItems] = useState([]);
  const [steering, setSteering] = useState(NO_STEERING);
  const [error, setError] = useState(null);
  const types = (useAnswer('v1/event-types').answer?.items ?? []).filter(({ name }) => name !== 'rating');
  const add = ({ itemId, title }) => setItems((former) => [...former, { itemId, title, type: 'view' }].slice(-MOST));
  const change = (index, type) => setItems((former) => former.map((item, k) => (k === index ? { ...item, type } : item)));
  return html`<div class="stack"><div class="try">
    <${Steering} steering=${steering} onChange=${setSteering} error=${error} catalogue=${catalogue} />
    ${items.length === 0 ? html`<${Panel} title="Would be shown"><${Empty} title="Nothing to go by yet" says="Add an item that somebody is looking at." /><//>` : html`<${SessionList} items=${items} steering=${steering} onAdd=${add} onError=${setError} />`}
    <${Panel} title="The session" says="What somebody did since they came, oldest first. Nothing of it is stored.">
      <${ItemSearch} label="Add an item" onPick=${add} />
      ${items.length > 0 && html`<ol class="events" aria-label="Items of the session" tabindex="0">${items.map(({ itemId, title, type }, index) => html`<li key=${index}>
        <div class="item"><div class="title">${title ?? itemId}</div>${title && html`<div class="muted facts">${itemId}</div>`}</div>
        <div class="item-end">
          <select class="rating" aria-label=${`What they did with ${title ?? itemId}`} value=${type} onChange=${(event) => change(index, event.currentTarget.value)}>${types.map(({ name }) => html`<option value=${name} selected=${name === type}>${name}</option>`)}</select>
          <button type="button" class="quiet small" aria-label=${`Take out ${title ?? itemId}`} onClick=${() => setItems(items.filter((_, k) => k !== index))}>Take out</button>
        </div>
      </li>`)}</ol>`}
    <//>
  </div></div>`;
}
