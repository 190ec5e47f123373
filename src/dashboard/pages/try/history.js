/** What a shopper did, newest first; each item can be rated. */
import { html } from '../../lib/preact.js';
import { Tag } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { ago, fixed, moment, number } from '../../words.js';

const WORDS = { view: 'looked at', cart: 'put into the cart', purchase: 'bought', rating: 'rated' };
const TONES = { purchase: 'good', cart: 'accent', rating: 'warn' };
/** Where a shop's ratings begin to be good above five, they go to ten. */
const STARS = 5;

/**
 * @param {{ item: any, value: number | null, threshold: number | null, onRate: (value: number | null) => Promise<boolean> }} props
 *   `threshold`: from this rating on the item pleased; `onRate`: answers whether it was stored
 */
export function RatingSelect({ item, value, threshold, onRate }) {
  const most = threshold !== null && threshold > STARS ? 2 * STARS : STARS;
  const steps = Array.from({ length: most }, (_, k) => k + 1);
  const shown = value === null ? '' : String(value);
  const rate = async (event) => {
    const select = event.currentTarget;
    const next = select.value === '' ? null : Number(select.value);
    if (!(await onRate(next))) {
      select.value = shown;
    }
  };
  return html`<select class=${`rating ${value === null ? '' : 'rated'}`} aria-label=${`Rating of ${item.title ?? item.itemId}`} value=${shown} onChange=${rate}>
    <option value="" selected=${shown === ''}>${value === null ? 'Rate' : 'Take back'}</option>
    ${value !== null && !steps.includes(value) && html`<option value=${shown} selected>★ ${number(value)}</option>`}
    ${steps.map((step) => html`<option value=${String(step)} selected=${shown === String(step)}>★ ${step}</option>`)}
  </select>`;
}

function Event({ event: { itemId, title, type, value, quantity, price, occurredAt }, select }) {
  const facts = [quantity !== null && quantity !== 1 && `${number(quantity)} pieces`, price !== null && fixed(price, 2)].filter(Boolean);
  return html`<li>
    <div class="item">
      <div class="title">${title ?? itemId}</div>
      <div class="muted item-facts"><${Tag} tone=${TONES[type] ?? ''}>${type === 'rating' && value === null ? 'took the rating back' : `${WORDS[type] ?? type}${type === 'rating' ? ` ${number(value)}` : ''}`}<//> <span title=${`${itemId}, ${moment(occurredAt)}`}>${ago(occurredAt)}</span>${facts.length > 0 && ` · ${facts.join(' · ')}`}</div>
    </div>
    <div class="item-end">${select}</div>
  </li>`;
}

/** @param select draws an item's rating */
export function History({ of, user, select }) {
  return html`<${Answered} of=${of} what="Reading what they did">${({ items }) => {
    if (items.length === 0) {
      return html`<${Empty} title="Nothing yet" says="Of this shopper nothing is known. Rate an item of the list: their next list is their own." />`;
    }
    // One rating an item is enough, at its newest event.
    const first = new Map(items.toReversed().map((event) => [event.itemId, event.eventNo]));
    return html`<ol class="events" aria-label=${`What ${user} did`} tabindex="0">${items.map((event) => html`<${Event} key=${event.eventNo} event=${event} select=${first.get(event.itemId) === event.eventNo && select(event)} />`)}</ol>`;
  }}<//>`;
}
