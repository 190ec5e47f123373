/** A hundred thousand points in a chart and in the item map stay smooth: few strokes are made of them, and times are printed. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Dashboard, openDashboard } from './support/dashboard.ts';

const POINTS = 100_000;
const SCRIPT = readFileSync(new URL('support/many-points.js', import.meta.url), 'utf8');

interface Drawn {
  readonly ms: number;
  readonly seenMs: number;
  readonly strokes: number;
}

/** On a page that asks for nothing: what the script draws there goes with the tab. */
async function run<T>({ open, page }: Dashboard, call: string): Promise<T> {
  await open('connect');
  await page.evaluate(SCRIPT);
  return (await page.evaluate(`manyPoints.${call}`)) as T;
}

const inMs = ({ ms, seenMs }: Drawn) => `${ms.toFixed(1)} ms (on the screen after ${seenMs.toFixed(0)} ms)`;

describe('a hundred thousand points', () => {
  it('in a chart: as many strokes as its pixels need, and a table of 200 rows', async () => {
    const dashboard = await openDashboard('demo', { isOwn: true });
    const { first, moveMs, said, zoom, rows, note, width } = await run<{ first: Drawn; moveMs: number; said: string; zoom: Drawn; rows: number; note: string; width: number }>(dashboard, `chart(${POINTS})`);
    process.stdout.write(`chart of 100,000 points with a band: drawn in ${inMs(first)}, the cursor moved in ${moveMs.toFixed(1)} ms, zoomed in ${inMs(zoom)}\n`);
    // Four strokes a pixel at most: for the line and both ends of the band.
    for (const { strokes } of [first, zoom]) {
      expect(strokes).toBeGreaterThan(width);
      expect(strokes).toBeLessThan(13 * width);
    }
    expect(said).toMatch(/^\d+ \(\d+ to \d+\)$/);
    expect([rows, note]).toEqual([200, 'Each 500th of 100,000 points.']);
    await dashboard.close();
  });

  it('in the item map: drawn as one picture, which is kept while somebody points at it', async () => {
    const dashboard = await openDashboard('demo', { isOwn: true });
    const { page } = dashboard;
    const at = (k: number) => Math.sin(k * 12.9898) * Math.cos(k * 78.233) + Math.sin(k * 3.7);
    const points = Array.from({ length: POINTS }, (_, k) => ({ itemId: `item-${k}`, title: null, category: k % 9 === 8 ? null : `kind ${k % 9}`, popularity: (POINTS - k) / 1000, x: at(k), y: at(k + 0.5) }));
    await page.route('**/insights/item-map*', (route) => void route.fulfill({ json: { modelVersion: 1, items: POINTS, shares: [0.2, 0.1], points } }));
    const { first, hover, hint, zoom } = await run<{ first: Drawn; hover: Drawn; hint: string; zoom: Drawn }>(dashboard, 'map()');
    process.stdout.write(`item map of 100,000 points: drawn in ${first.ms.toFixed(1)} ms, pointed at in ${inMs(hover)}, zoomed in ${inMs(zoom)}\n`);
    expect(Math.max(first.strokes, hover.strokes, zoom.strokes)).toBeLessThan(10);
    expect(hint).toMatch(/^item-\d+ .*\d × the average$/);
    await dashboard.close();
  });
});
