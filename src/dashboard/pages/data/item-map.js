/** The live model's items on a plane: what lies near one another is alike to the model. Zoom, hover, click for what is similar. */
import { html, useMemo, useState } from '../../lib/preact.js';
import { inPath } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { Canvas } from '../../parts/canvas.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { fixed, number, percent } from '../../words.js';
import { createPicture } from './map-picture.js';

const USUAL = 2_000;
const MOST = 10_000;
const COLOURED = 6;
const MOST_ZOOM = 60;
const WHOLE = { zoom: 1, x: 0, y: 0 };

const nameOf = ({ title, itemId }) => title ?? itemId;
/** Beside the average item, which is 1. */
const timesAverage = (popularity) => `${number(popularity, 2)} × the average`;

/** Categories with most points, each with its colour; all others share one. */
function colourCategories(points) {
  const counts = new Map();
  for (const { category } of points) {
    if (category !== null) {
      counts.set(category, (counts.get(category) ?? 0) + 1);
    }
  }
  return new Map([...counts].sort(([, a], [, b]) => b - a).slice(0, COLOURED).map(([name], index) => [name, `--series-${index + 1}`]));
}

function Similar({ item, onChoose }) {
  const answer = useAnswer(`v1/items/${inPath(item.itemId)}/similar?limit=8&fields=title,categories`);
  return html`<div class="stack"><h3>Similar to “${nameOf(item)}”</h3>
    <p class="muted">${item.category === null ? 'No category' : item.category}${item.popularity === null ? '' : ` · popularity ${timesAverage(item.popularity)}`}</p>
    <${Answered} of=${answer} what="Asking the model">${({ items }) => (items.length === 0
      ? html`<${Empty} title="Nothing is like it" />`
      : html`<${Table} name="Similar items" rows=${items} keyOf=${({ itemId }) => itemId} columns=${[
        { title: 'Item', isHead: true, cell: ({ itemId, title, categories }) => html`<button type="button" class="quiet link" onClick=${() => onChoose(itemId)}>${title ?? itemId}</button><div class="muted">${categories?.[0] ?? ''}</div>` },
        { title: 'Likeness', isNumber: true, cell: ({ score }) => fixed(score, 2) },
      ]} />`)}<//>
  </div>`;
}

function Map2D({ points }) {
  const [view, setView] = useState(WHOLE);
  const [hovered, setHovered] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [drag, setDrag] = useState(null);
  const colours = useMemo(() => colourCategories(points), [points]);
  const picture = useMemo(() => createPicture(points, colours), [points]);
  const others = points.some(({ category }) => !colours.has(category));

  /** Zooms by a factor; the place of the pointer, in parts of the canvas, stays. */
  const zoomBy = (factor, atX = 0.5, atY = 0.5) => setView((former) => {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, former.zoom * factor));
    const ratio = zoom / former.zoom;
    // The lower left corner of the plane is where zooming begins.
    return zoom === 1 ? WHOLE : { zoom, x: atX - (atX - former.x) * ratio, y: atY - 1 - (atY - 1 - former.y) * ratio };
  });
  const onWheel = (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const box = event.currentTarget.getBoundingClientRect();
      zoomBy(Math.exp(-event.deltaY / 200), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }
  };
  const findAt = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return picture.find(event.clientX - box.left, event.clientY - box.top, box.width, box.height, view);
  };
  const onPointerMove = (event) => {
    if (drag !== null && event.buttons !== 0) {
      const box = event.currentTarget.getBoundingClientRect();
      setView({ ...view, x: drag.view.x + (event.clientX - drag.x) / box.width, y: drag.view.y + (event.clientY - drag.y) / box.height });
    } else {
      setHovered(findAt(event));
    }
  };
  const onClick = (event) => {
    const moved = drag === null ? 0 : Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
    setDrag(null);
    const found = moved > 4 ? null : findAt(event);
    if (found !== null) {
      setChosen(found);
    }
  };
  const choose = (itemId) => setChosen(points.find((point) => point.itemId === itemId) ?? { itemId, title: null, category: null, popularity: null });
  const marked = [hovered !== null && [hovered, 3], chosen?.x !== undefined && [chosen, 5]].filter(Boolean);
  return html`<div class="map">
    <div class="stack">
      <div class="row map-tools">
        <button type="button" class="small" aria-label="Zoom in" onClick=${() => zoomBy(1.6)}>+</button>
        <button type="button" class="small" aria-label="Zoom out" disabled=${view.zoom === 1} onClick=${() => zoomBy(1 / 1.6)}>−</button>
        <button type="button" class="small" disabled=${view.zoom === 1} onClick=${() => setView(WHOLE)}>All</button>
        <span class="muted map-hint" aria-live="off">${hovered === null ? 'Click an item for what is similar. Ctrl and the wheel zoom, dragging moves.' : `${nameOf(hovered)}${hovered.category === null ? '' : ` · ${hovered.category}`} · popularity ${timesAverage(hovered.popularity)}`}</span>
      </div>
      <${Canvas} label=${`A map of ${number(points.length)} items, coloured by category. The list below it has the same items.`} draw=${(context, width, height) => picture.draw(context, width, height, view, marked)} drawn=${[points, view, hovered, chosen]} ratio=${0.72}
        class=${drag === null ? '' : 'dragging'} onWheel=${onWheel} onPointerDown=${(event) => setDrag({ x: event.clientX, y: event.clientY, view })} onPointerMove=${onPointerMove} onPointerLeave=${() => setHovered(null)} onClick=${onClick} />
      <ul class="legend">${[...colours].map(([name, variable]) => html`<li><span class="swatch" style=${{ background: `var(${variable})` }}></span>${name}</li>`)}${others && html`<li><span class="swatch" style=${{ background: 'var(--line-strong)' }}></span>${colours.size === 0 ? 'without a category' : 'others'}</li>`}</ul>
      <${Listed} points=${points} onChoose=${choose} />
    </div>
    ${chosen === null ? html`<p class="muted map-side">Choose an item in the map or in the list, and what the model takes for similar stands here.</p>` : html`<div class="map-side"><${Similar} key=${chosen.itemId} item=${chosen} onChoose=${choose} /></div>`}
  </div>`;
}

const LISTED = 50;

function Listed({ points, onChoose }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>The ${number(Math.min(LISTED, points.length))} most popular items, as a list</summary>
    ${isOpen && html`<${Table} name="Items of the map" rows=${points.slice(0, LISTED)} keyOf=${({ itemId }) => itemId} columns=${[
      { title: 'Item', isHead: true, cell: (point) => html`<button type="button" class="quiet link" onClick=${() => onChoose(point.itemId)}>${nameOf(point)}</button>` },
      { title: 'Category', cell: ({ category }) => category ?? '–' },
      { title: 'Popularity, × the average item', isNumber: true, cell: ({ popularity }) => number(popularity, 2) },
    ]} />`}
  </details>`;
}

export function ItemMap() {
  const [limit, setLimit] = useState(USUAL);
  const answer = useAnswer(`v1/insights/item-map?limit=${limit}`);
  const none = html`<${Empty} title="No model is live yet" says="A map is drawn of what a model has learnt. The first training makes one." />`;
  return html`<${Panel} title="A map of your items" says="How the live model sees the items: near one another is what the same shoppers like. Categories are coloured for you to compare; the model does not know of them.">
    <${Answered} of=${answer} what="Drawing the map" whenMissing=${none}>${({ modelVersion, items, shares, points }) => html`
      <p class="muted">Model ${modelVersion}; ${points.length < items ? `the ${number(points.length)} most popular items of ${number(items)}` : `all ${number(items)} items`}. The plane shows ${percent(shares[0] + shares[1], 2)} of the differences between them: what lies near here may still be apart in the rest.
        ${points.length < Math.min(items, MOST) && limit < MOST && html` <button type="button" class="small" onClick=${() => setLimit(MOST)}>Show ${number(Math.min(items, MOST))}</button>`}</p>
      <${Map2D} points=${points} />`}<//>
  <//>`;
}
