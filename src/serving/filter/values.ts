/** What is written on the right of an operator, read as its field's type. */
import { quoteShort } from './fault.ts';
import type { FilterTime, FilterValue } from './nodes.ts';
import type { FieldType } from './schema.ts';

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/i;
const RELATIVE = /^now(?:\s*([+-])\s*(\d{1,6})([smhdw]))?$/i;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** @returns null where it is no finite number */
export function parseNumber(text: string): number | null {
  const number = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : null;
}

/** ISO 8601; a date alone is its midnight, and a time without a zone is UTC. Or `now`, with a distance. */
function parseTime(text: string): FilterTime | null {
  const relative = RELATIVE.exec(text);
  if (relative !== null) {
    const [, sign, count, unit] = relative;
    const distance = sign === undefined ? 0 : Number(count) * UNIT_MS[unit.toLowerCase()];
    return { fromNow: true, ms: sign === '-' ? 0 - distance : distance };
  }
  const parts = TIME.exec(text);
  if (parts === null) {
    return null;
  }
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part: string | undefined) => Number(part ?? 0));
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, Math.trunc(Number(`0.${parts[7] ?? '0'}`) * 1000));
  const date = new Date(utc);
  // The 30th of February would be taken for the 2nd of March.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    return null;
  }
  const zone = parts[8] ?? 'Z';
  const zoneMinutes = zone.toUpperCase() === 'Z' ? 0 : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  return { fromNow: false, ms: utc - zoneMinutes * 60_000 };
}

/**
 * @param ordered it is to be compared by size, so members of an array are numbers
 * @returns `wrong`: in words, where the text is no value of the type
 */
export function readValue(text: string, type: FieldType, ordered: boolean): { readonly value: FilterValue } | { readonly wrong: string } {
  if (type === 'number' || (type === 'array' && ordered)) {
    const number = parseNumber(text);
    return number === null ? { wrong: `${quoteShort(text)} is no number` } : { value: number };
  }
  if (type === 'boolean') {
    const lower = text.toLowerCase();
    return lower === 'true' || lower === 'false' ? { value: lower === 'true' } : { wrong: `${quoteShort(text)} is neither true nor false` };
  }
  if (type === 'date-time') {
    const time = parseTime(text);
    return time === null ? { wrong: `${quoteShort(text)} is no time; right are 2026-11-25, 2026-11-25T10:00:00Z, now and now - 30d (s, m, h, d, w)` } : { value: time };
  }
  return { value: text };
}
