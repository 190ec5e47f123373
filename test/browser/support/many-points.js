/**
 * Run in the page by the test of many points: draws a part of the dashboard in its frame, acts on it as a mouse does, and tells how long drawing took and how much was drawn. A text to vitest, which would rewrite its
 * imports.
 *
 * `ms`: from the first stroke on a canvas to the last; `seenMs`: from the act to the last, frames waited for included.
 */
(async () => {
  const base = new URL('dashboard/', document.baseURI);
  const { html, render } = await import(new URL('lib/preact.js', base));
  await import(new URL('lib/uplot.js', base));
  const { Chart } = await import(new URL('parts/chart.js', base));
  const { ItemMap } = await import(new URL('pages/data/item-map.js', base));
  const place = document.querySelector('main').appendChild(document.createElement('div'));
  const MOST_MS = 5_000;
  let strokes = 0;
  let firstMs = 0;
  let lastMs = 0;

  function watch(prototype, names) {
    for (const name of names) {
      const own = prototype[name];
      prototype[name] = function (...given) {
        firstMs ||= performance.now();
        const result = own.apply(this, given);
        strokes++;
        lastMs = performance.now();
        return result;
      };
    }
  }
  // Of a path there are many, and looking at the clock for each would take longer than they do.
  const { lineTo } = Path2D.prototype;
  Path2D.prototype.lineTo = function (left, top) {
    strokes++;
    lineTo.call(this, left, top);
  };
  watch(CanvasRenderingContext2D.prototype, ['clearRect', 'arc', 'fillRect', 'drawImage', 'stroke', 'fill', 'putImageData']);

  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

  /** Until nothing was drawn for three frames. */
  async function drawn(act) {
    [strokes, firstMs, lastMs] = [0, 0, 0];
    const begunMs = performance.now();
    act();
    for (let quiet = 0, before = -1; (quiet < 3 || lastMs === 0) && performance.now() < begunMs + MOST_MS; quiet = lastMs === before ? quiet + 1 : 0) {
      before = lastMs;
      await frame();
    }
    return { ms: lastMs - firstMs, seenMs: lastMs - begunMs, strokes };
  }

  const middle = (all) => all.toSorted((a, b) => a - b)[all.length >> 1];
  const mouse = (on, type, left, top, more = {}) => on.dispatchEvent(new (type.startsWith('pointer') ? PointerEvent : MouseEvent)(type, { bubbles: true, clientX: left, clientY: top, ...more }));

  window.manyPoints = {
    async chart(many) {
      const x = Array.from({ length: many }, (_, k) => 1_700_000_000 + 60 * k);
      const values = x.map((_, k) => 100 + 40 * Math.sin(k / 5000) + ((k * 7919) % 37));
      const series = [{ name: 'events', values, low: values.map((value) => value - 10), high: values.map((value) => value + 10) }];
      const first = await drawn(() => render(html`<${Chart} name="Events" says="Many of them." x=${x} xName="time" isTime series=${series} unit="events a minute" />`, place));
      const over = place.querySelector('.u-over');
      over.scrollIntoView({ block: 'center' });
      const { left, top, width } = over.getBoundingClientRect();
      mouse(over, 'mouseenter', left + 5, top + 50);
      const moves = [];
      for (let k = 1; k <= 20; k++) {
        const begunMs = performance.now();
        mouse(over, 'mousemove', left + (width * k) / 25, top + 50);
        // The legend is drawn anew in a microtask, and its place found out.
        await Promise.resolve().then(() => undefined);
        place.getBoundingClientRect();
        moves.push(performance.now() - begunMs);
        await frame();
      }
      const said = place.querySelector('.legend .now').textContent;
      const zoom = await drawn(() => {
        mouse(over, 'mousedown', left + width * 0.2, top + 50, { buttons: 1 });
        // One that has not moved is taken for a stray one.
        mouse(over, 'mousemove', left + width * 0.8, top + 50, { buttons: 1, movementX: 100 });
        mouse(over, 'mouseup', left + width * 0.8, top + 50);
      });
      place.querySelector('summary').click();
      await frame();
      await frame();
      const rows = place.querySelectorAll('tbody tr').length;
      const note = place.querySelector('details p').textContent;
      render(null, place);
      return { first, moveMs: middle(moves), said, zoom, rows, note, width };
    },

    /** The service's answer to what the map asks for is made up by the test. */
    async map() {
      const first = await drawn(() => render(html`<${ItemMap} />`, place));
      const canvas = place.querySelector('canvas');
      canvas.scrollIntoView({ block: 'center' });
      const { left, top, width, height } = canvas.getBoundingClientRect();
      const hovers = [];
      for (let k = 0; k < 10; k++) {
        hovers.push(await drawn(() => mouse(canvas, 'pointermove', left + width * (0.4 + 0.02 * k), top + height / 2)));
      }
      const hint = place.querySelector('.map-hint').textContent;
      const zooms = [];
      for (let k = 0; k < 4; k++) {
        zooms.push(await drawn(() => place.querySelector('[aria-label="Zoom in"]').click()));
      }
      const middleOf = (all) => ({ ms: middle(all.map(({ ms }) => ms)), seenMs: middle(all.map(({ seenMs }) => seenMs)), strokes: middle(all.map(({ strokes: many }) => many)) });
      return { first, hover: middleOf(hovers), hint, zoom: middleOf(zooms), width };
    },
  };
})();
