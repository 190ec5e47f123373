/**
 * A chart of lines over time, or over a number, drawn by uPlot: bands for intervals, a cursor whose values are said in the legend, colours of the scheme in use. Beside the picture there is always
 * a sentence and, on request, the numbers as a table. 100,000 points stay smooth: uPlot draws them on a canvas, and the table shows a part of them.
 */
import { html, useEffect, useMemo, useRef, useState } from '../lib/preact.js';
import { day, hour, moment, number, short, shortDay } from '../words.js';
import { Table } from './table.js';

const TABLE_ROWS = 200;
const DAY_S = 86_400;
/** By so much the ends of a logarithmic axis lie beyond its first and last point. */
const LOG_ROOM = 1.12;

let loaded;
/** The library is fetched with the first chart, not with the first page. */
const loadUplot = () => (loaded ??= import('../lib/uplot.js'));

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Ticks of a time axis in one line, in the viewer's zone. */
const timeWords = (_plot, splits, _axis, _space, step) => splits.map((seconds) => (step >= DAY_S ? shortDay : hour)(seconds * 1000));

function withAlpha(colour, alpha) {
  const value = Number.parseInt(colour.slice(1), 16);
  return `rgba(${value >> 16}, ${(value >> 8) & 255}, ${value & 255}, ${alpha})`;
}

/** uPlot's columns: x, then each series, then the ends of each band. @returns data and, for each series, where the ends of its band are */
function columnsOf(x, series) {
  const data = [x, ...series.map(({ values }) => values)];
  const ends = series.map(({ low, high }) => {
    if (low === undefined) {
      return null;
    }
    data.push(high, low);
    return [data.length - 2, data.length - 1];
  });
  return { data, ends };
}

function optionsOf({ uPlot, width, height, series, ends, isTime, isLogarithmic, hasTicksAtPoints, xText, yText, marks, least, most, stepped, onCursor }) {
  const colours = series.map(({ colour }, index) => colourOf(colour ?? `--series-${(index % 6) + 1}`));
  const axis = { stroke: colourOf('--muted'), font: '12px system-ui, sans-serif', grid: { stroke: colourOf('--line'), width: 1 }, ticks: { stroke: colourOf('--line'), width: 1, size: 5 }, gap: 6 };
  const line = ({ dashed, scattered = false, points = scattered || series[0].values.length <= 40 }, index) => ({
    stroke: colours[index], width: scattered ? 0 : 2, spanGaps: false, ...(dashed ? { dash: [6, 5] } : {}),
    points: { show: points, size: 6, fill: colours[index], stroke: colours[index] },
    ...(stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
  });
  const unseen = { stroke: 'transparent', width: 0, points: { show: false }, ...(stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}) };
  const range = (_plot, low, high) => {
    if (low === null || high === null) {
      return [0, 1];
    }
    const from = least ?? low;
    const to = most ?? high;
    const room = (to - from || Math.abs(to) || 1) * 0.08;
    return [least ?? from - room, most ?? to + room];
  };
  return {
    width, height, padding: [10, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 7 } },
    scales: { x: { time: isTime, ...(isLogarithmic ? { distr: 3, range: (_plot, low, high) => [low / LOG_ROOM, high * LOG_ROOM] } : {}) }, y: { range } },
    axes: [
      { ...axis, size: 30, space: 70, ...(isLogarithmic || hasTicksAtPoints ? { splits: (plot) => plot.data[0], filter: (_plot, splits) => splits } : {}), ...(isTime ? { values: timeWords } : { values: (_plot, splits) => splits.map(xText) }) },
      { ...axis, size: (_plot, texts) => 16 + 7 * Math.max(2, ...(texts ?? []).map((text) => String(text).length)), space: 34, values: (_plot, splits) => splits.map(yText) },
    ],
    series: [{}, ...series.map(line), ...ends.filter((end) => end !== null).flatMap(() => [unseen, unseen])],
    bands: ends.flatMap((end, index) => (end === null ? [] : [{ series: end, fill: withAlpha(colours[index], 0.16) }])),
    hooks: {
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      draw: [(plot) => {
        for (const { at } of marks) {
          const left = Math.round(plot.valToPos(at, 'x', true));
          if (left >= plot.bbox.left && left <= plot.bbox.left + plot.bbox.width) {
            plot.ctx.save();
            plot.ctx.strokeStyle = colourOf('--line-strong');
            plot.ctx.setLineDash([3, 4]);
            plot.ctx.beginPath();
            plot.ctx.moveTo(left, plot.bbox.top);
            plot.ctx.lineTo(left, plot.bbox.top + plot.bbox.height);
            plot.ctx.stroke();
            plot.ctx.restore();
          }
        }
      }],
    },
  };
}

/**
 * @param {{
 *   name: string, says: string, x: ArrayLike<number>, xName: string, isTime?: boolean, series: { name: string, values: ArrayLike<number | null>, low?: ArrayLike<number | null>, high?: ArrayLike<number | null>, colour?: string, dashed?: boolean, points?: boolean, scattered?: boolean }[],
 *   unit: string, yText?: (value: number) => string, xText?: (value: number) => string, marks?: { at: number, name: string }[], height?: number, least?: number, most?: number, stepped?: boolean, isLogarithmic?: boolean, hasTicksAtPoints?: boolean,
 * }} props `name`: what the chart is of; `says`: what is to be seen, as a sentence; `x`: ascending, seconds since 1970 where `isTime`; `unit`: of the y axis, in words; `low`, `high`: ends of a 95 % interval;
 *   `marks`: upright lines; `least`, `most`: ends of the y axis where they are not to follow the data; `isLogarithmic`: the x axis; `hasTicksAtPoints`: the x axis has a tick at each of a few points, and so has a logarithmic one; `scattered`: points without a line
 */
export function Chart({ name, says, x, xName, isTime = false, series, unit, yText = short, xText = short, marks = [], height = 220, least, most, stepped = false, isLogarithmic = false, hasTicksAtPoints = false }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [uPlot, setUplot] = useState(null);
  const [scheme, setScheme] = useState(0);
  const [cursor, setCursor] = useState(null);
  const [isOpen, setOpen] = useState(false);
  const { data, ends } = useMemo(() => columnsOf(x, series), [x, series]);
  // What makes another plot of it; other numbers of the same shape are only drawn anew.
  const shape = JSON.stringify([series.map(({ name, colour, low, dashed, scattered }) => [name, colour, low === undefined, dashed, scattered]), isTime, isLogarithmic, hasTicksAtPoints, unit, height, least, most, stepped, marks, scheme]);

  useEffect(() => void loadUplot().then((library) => setUplot(() => library.default)), []);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setScheme((former) => former + 1);
    media.addEventListener('change', onChange);
    return () => media.removeEventListener('change', onChange);
  }, []);
  useEffect(() => {
    if (uPlot === null) {
      return undefined;
    }
    const width = () => Math.max(120, place.current.clientWidth);
    plot.current = new uPlot(optionsOf({ uPlot, width: width(), height, series, ends, isTime, isLogarithmic, hasTicksAtPoints, xText, yText, marks, least, most, stepped, onCursor: setCursor }), data, place.current);
    // It tells the first width too, which would draw all of it twice.
    const observer = new ResizeObserver(() => plot.current.width === width() || plot.current.setSize({ width: width(), height }));
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [uPlot, shape]);
  useEffect(() => plot.current?.setData(data), [data]);

  const wordOfX = (value) => (isTime ? (x.length > 1 && x[1] - x[0] >= DAY_S ? day : moment)(new Date(value * 1000).toISOString()) : xText(value));
  const step = Math.max(1, Math.ceil(x.length / TABLE_ROWS));
  const rows = isOpen ? Array.from({ length: Math.ceil(x.length / step) }, (_, row) => row * step) : [];
  const between = ({ low, high }, index) => (low?.[index] == null || high?.[index] == null ? '' : ` (${yText(low[index])} to ${yText(high[index])})`);
  return html`<figure class="chart" aria-label=${name}>
    ${says && html`<figcaption class="muted">${says}</figcaption>`}
    <ul class="legend">
      ${series.map((one, index) => html`<li><span class="swatch" style=${{ background: `var(${one.colour ?? `--series-${(index % 6) + 1}`})` }}></span>${one.name}${cursor !== null && one.values[cursor] != null && html` <span class="now">${yText(one.values[cursor])}${between(one, cursor)}</span>`}</li>`)}
      ${cursor !== null && x[cursor] !== undefined && html`<li class="muted">${wordOfX(x[cursor])}</li>`}
      ${marks.map(({ at, name }) => html`<li class="muted">┆ ${name}: ${wordOfX(at)}</li>`)}
    </ul>
    <div class="axis-name">${unit}</div>
    <div class="plot" ref=${place} aria-hidden="true" style=${{ minHeight: `${height}px` }}></div>
    <div class="axis-name x-name">${xName}</div>
    <details onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>As a table</summary>
      ${isOpen && html`<${Table} name=${`${name}, as a table`} rows=${rows} columns=${[{ title: xName, cell: (row) => wordOfX(x[row]), isHead: true }, ...series.map((one) => ({ title: one.name, isNumber: true, cell: (row) => (one.values[row] == null ? '–' : `${number(one.values[row], 4)}${between(one, row)}`) }))]} />`}
      ${isOpen && step > 1 && html`<p class="muted">Each ${step}th of ${number(x.length)} points.</p>`}
    </details>
  </figure>`;
}
