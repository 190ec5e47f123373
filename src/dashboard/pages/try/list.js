/** Items as they are recommended: places that moved, scores, what they are made of, and why. */
import { html, useEffect, useLayoutEffect, useRef, useState } from '../../lib/preact.js';
import { Tag } from '../../parts/panel.js';
import { Empty } from '../../parts/states.js';
import { fixed, number } from '../../words.js';

/** What a list, or an item in it, came from. */
export const SOURCES = {
  personal: ['personal', 'from what this shopper did'], session: ['session', 'from the items of the session'], similar: ['similar', 'pleases the same shoppers'], together: ['bought together', 'from baskets'],
  trending: ['trending', 'what everybody looks at these days'], newest: ['newest', 'what came last into the catalogue'], explore: ['new item', 'nobody knows it yet; by what the catalogue says it may suit'], pinned: ['pinned', 'the scenario gives it this place'],
};

export function Source({ source }) {
  const [word, says] = SOURCES[source] ?? [source, ''];
  return html`<${Tag} tone=${source === 'explore' ? 'warn' : source === 'trending' || source === 'newest' ? '' : 'accent'} title=${says}>${word}<//>`;
}

const PARTS = [{ name: 'factors', word: 'taste', colour: '--series-1' }, { name: 'neighbours', word: 'found together', colour: '--series-2' }, { name: 'recency', word: 'popular lately', colour: '--series-3' }];

export function PartsLegend() {
  return html`<ul class="legend" aria-label="What scores are made of">${PARTS.map(({ word, colour }) => html`<li><span class="swatch" style=${{ background: `var(${colour})` }}></span>${word}</li>`)}</ul>`;
}

/** @param parts null: not known @param most the score of a full bar */
function PartsBar({ parts, most }) {
  if (parts === undefined || most <= 0) {
    return null;
  }
  const words = PARTS.map(({ name, word }) => `${word} ${fixed(parts[name], 3)}`).join(', ');
  return html`<div class="parts-bar" role="img" aria-label=${`Score by source: ${words}`} title=${words}>${PARTS.map(({ name, colour }) => parts[name] > 0 && html`<span style=${{ width: `${(parts[name] / most) * 100}%`, background: `var(${colour})` }}></span>`)}</div>`;
}

const positiveSum = (parts) => PARTS.reduce((sum, { name }) => sum + Math.max(0, parts[name]), 0);

/** How places changed since the list before: of items that were there, how many up (above 0) or down; null for those that are new. Nothing before there were two lists. */
function useMoves(items) {
  const ids = items.map(({ itemId }) => itemId);
  const key = ids.join('\n');
  const lists = useRef({ key: null, ids: null, before: null });
  if (lists.current.key !== key) {
    lists.current = { key, ids, before: lists.current.ids };
  }
  const { before } = lists.current;
  return (itemId, index) => (before === null ? 0 : before.includes(itemId) ? before.indexOf(itemId) - index : null);
}

function Move({ by }) {
  if (by === null) {
    return html`<span class="move good">new</span>`;
  }
  return by === 0 ? html`<span class="move"></span>` : html`<span class=${`move ${by > 0 ? 'good' : 'muted'}`}><span aria-hidden="true">${by > 0 ? '▲' : '▼'}</span><span class="hidden-label">${by > 0 ? 'up by' : 'down by'} </span>${Math.abs(by)}</span>`;
}

/** Rows slide from where they stood: first their places are noted, then they are drawn, then they are moved back and let go. */
function useSliding(list) {
  const places = useRef(new Map());
  useLayoutEffect(() => {
    const isQuiet = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const next = new Map();
    for (const row of list.current?.children ?? []) {
      const { top } = row.getBoundingClientRect();
      const place = top + scrollY;
      const former = places.current.get(row.dataset.item);
      next.set(row.dataset.item, place);
      if (former !== undefined && former !== place && !isQuiet) {
        row.animate([{ transform: `translateY(${former - place}px)` }, { transform: 'none' }], { duration: 350, easing: 'ease-out' });
      }
    }
    places.current = next;
  });
}

function Why({ item, parts, explain }) {
  const [detail, setDetail] = useState(null);
  useEffect(() => {
    let isWanted = true;
    if (explain !== undefined && parts !== undefined) {
      explain(item.itemId).then((answer) => isWanted && setDetail(answer), () => undefined);
    }
    return () => {
      isWanted = false;
    };
  }, [item.itemId, parts]);
  const reasons = detail?.reasons ?? item.reasons ?? [];
  return html`<div class="why">
    ${parts !== undefined && html`<dl class="parts">${PARTS.map(({ name, word, colour }) => html`<div><dt><span class="swatch" style=${{ background: `var(${colour})` }}></span>${word}</dt><dd>${fixed(parts[name], 3)}</dd></div>`)}<div><dt>score</dt><dd>${fixed(parts.factors + parts.neighbours + parts.recency, 3)}</dd></div></dl>`}
    ${reasons.length > 0 && html`<ul class="reasons">${reasons.slice(0, 8).map((reason) => html`<li><span>${reason.text}</span><span class="number">${reason.score > 0 ? '+' : ''}${fixed(reason.score, 3)}</span></li>`)}</ul>`}
    ${detail !== null && reasons.length > 8 && html`<p class="muted item-facts">and ${number(reasons.length - 8 + detail.others.count)} more of this shopper’s items</p>`}
  </div>`;
}

/**
 * @param {{ name: string, list: any, isOld: boolean, hasReasons?: boolean, partsOf?: (itemId: string) => any, explain?: (itemId: string) => Promise<any>, action?: (item: any) => any, empty?: any }} props
 *   `hasReasons`: whether they say something that the title does not; `partsOf`: what a score is made of, where that is known; `explain`: all reasons of an item; `action`: drawn beside each item
 */
export function RecommendedItems({ name, list, isOld, hasReasons = true, partsOf = () => undefined, explain, action, empty }) {
  const place = useRef(null);
  const [open, setOpen] = useState(null);
  const moveOf = useMoves(list.items);
  useSliding(place);
  if (list.items.length === 0) {
    return empty ?? html`<${Empty} title="Nothing is left" says="No item passes the filter, or there is no item yet." />`;
  }
  const most = Math.max(0, ...list.items.map(({ itemId }) => partsOf(itemId)).filter((parts) => parts !== undefined).map(positiveSum));
  return html`<ol class=${isOld ? 'items old' : 'items'} aria-label=${name} aria-busy=${isOld} ref=${place}>${list.items.map((item, index) => {
    const { itemId, title, price, categories, score, source } = item;
    const reasons = hasReasons ? (item.reasons ?? []) : [];
    const parts = partsOf(itemId);
    const isOpen = open === itemId;
    return html`<li key=${itemId} data-item=${itemId}>
      <span class="place"><span class="rank">${index + 1}</span><${Move} by=${moveOf(itemId, index)} /></span>
      <div class="item">
        <div class="title"><strong>${title ?? itemId}</strong> ${source !== undefined && source !== list.source && html`<${Source} source=${source} />`}</div>
        <div class="muted item-facts">${[title && itemId, price !== undefined && price !== null && fixed(price, 2), categories?.length > 0 && categories.join(' › ')].filter(Boolean).join(' · ')}</div>
        <${PartsBar} parts=${parts} most=${most} />
        ${reasons.length > 0 && !isOpen && html`<div class="reason">${reasons[0].text}</div>`}
        ${isOpen && html`<${Why} item=${item} parts=${parts} explain=${explain} />`}
      </div>
      <div class="item-end">
        <span class="score" title="Score: comparable within one list of one source">${score === null ? '–' : fixed(score, 3)}</span>
        ${reasons.length > 0 && html`<button type="button" class="quiet small" aria-expanded=${isOpen} aria-label=${isOpen ? `Less about ${title ?? itemId}` : `Why ${title ?? itemId}?`} onClick=${() => setOpen(isOpen ? null : itemId)}>${isOpen ? 'Less' : 'Why?'}</button>`}
        ${action?.(item)}
      </div>
    </li>`;
  })}</ol>`;
}
