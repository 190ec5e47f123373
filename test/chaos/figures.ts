/**
 * What the chaos scenarios measure. In `npm test` each runs in a short form and checks its floor; `npm run chaos` (`scripts/chaos.mjs`) runs the long forms, and every figure noted here becomes a row of its table.
 */
import { appendFileSync } from 'node:fs';
import { expect } from 'vitest';

/** Whether this is `npm run chaos`. */
export const LONG = process.env.JONGLEUR_CHAOS === 'long';
export const SEED = Number(process.env.JONGLEUR_CHAOS_SEED ?? 1);
/** How long Postgres stays dead. */
export const AWAY_SECONDS = LONG ? 60 * Number(process.env.JONGLEUR_CHAOS_MINUTES ?? 1) : 5;

export interface Figure {
  readonly measure: string;
  readonly value: number;
  /** `at-least` or `at-most` this, else exactly this. */
  readonly floor: number;
  readonly bound?: 'at-least' | 'at-most';
  readonly unit?: string;
  readonly remark?: string;
}

export function isReached({ value, floor, bound }: Figure): boolean {
  return bound === 'at-least' ? value >= floor : bound === 'at-most' ? value <= floor : value === floor;
}

/** Times beside other tests say little: in the short form their floors are so many times higher. */
const SHORT_LENIENCY = 8;

/** Notes a figure for the table, then fails the test where its floor is missed. */
export function noteFigure(given: Figure): void {
  const figure = !LONG && given.unit === 's' && given.bound === 'at-most' ? { ...given, floor: given.floor * SHORT_LENIENCY } : given;
  const file = process.env.JONGLEUR_CHAOS_FIGURES;
  if (file !== undefined) {
    appendFileSync(file, `${JSON.stringify({ ...figure, reached: isReached(figure) })}\n`);
  }
  expect(isReached(figure), `${figure.measure}: ${figure.value} ${figure.unit ?? ''}, floor ${figure.bound ?? 'exactly'} ${figure.floor}${figure.remark === undefined ? '' : ` (${figure.remark})`}`).toBe(true);
}

/** The p-th quantile (0 to 1) of values, which are sorted in place; NaN of none. */
export function quantile(values: number[], p: number): number {
  values.sort((a, b) => a - b);
  return values.length === 0 ? Number.NaN : values[Math.min(values.length - 1, Math.ceil(p * values.length) - 1)];
}
