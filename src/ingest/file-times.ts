/** Times as files write them: which way a file does it is found out from its first rows, and said. */

export type DateFormat = 'iso' | 'dmy' | 'mdy';
export const DATE_FORMATS: readonly DateFormat[] = ['iso', 'dmy', 'mdy'];

const ISO = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/i;
const PARTS = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?:,?[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*([AP]M)?)?$/i;
const UNIX = /^\d{9,17}(\.\d+)?$/;
/** What Go programs write for a time that was never set. */
const NEVER = '0001-01-01T00:00:00Z';
/** Two digits of a year from here on belong to the last century. */
const CENTURY_BREAK = 70;

export function isNoTime(text: string): boolean {
  return text === '' || text === NEVER;
}

function utcOf(year: number, month: number, day: number, hour: number, minute: number, second: number, fraction: string): number {
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate() || hour > 23 || minute > 59 || second > 60) {
    return Number.NaN;
  }
  return Date.UTC(year, month - 1, day, hour, minute, second, Math.floor(Number(`0.${fraction || 0}`) * 1000));
}

/**
 * `iso`: `2011-11-02 12:20[:00[.000]]` with or without a zone (none: UTC), a date alone, or a Unix time in seconds, milliseconds or microseconds (told apart by size).
 * `dmy`, `mdy`: `2.11.2011 12:20`, `11/2/2011 12:20 PM`. @returns milliseconds since 1970, or NaN
 */
export function parseFileTime(text: string, format: DateFormat = 'iso'): number {
  if (format !== 'iso') {
    const match = PARTS.exec(text);
    if (match === null) {
      return Number.NaN;
    }
    const [, first, second, yearText, hourText = '0', minute = '0', seconds = '0', fraction = '', half] = match;
    const year = yearText.length === 4 ? +yearText : +yearText + (+yearText < CENTURY_BREAK ? 2000 : 1900);
    const hour = half === undefined ? +hourText : (+hourText % 12) + (half.toUpperCase() === 'PM' ? 12 : 0);
    return format === 'dmy' ? utcOf(year, +second, +first, hour, +minute, +seconds, fraction) : utcOf(year, +first, +second, hour, +minute, +seconds, fraction);
  }
  const match = ISO.exec(text);
  if (match === null) {
    if (!UNIX.test(text)) {
      return Number.NaN;
    }
    const number = Number(text);
    return Math.round(number < 1e11 ? number * 1000 : number < 1e14 ? number : number / 1000);
  }
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const offset = /^[+-]/.test(zone) ? (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))) * 60_000 : 0;
  return utcOf(+year, +month, +day, +hour, +minute, +second, fraction) - offset;
}

/**
 * The format that reads most of the samples. Where day and month could be either way round throughout, dots mean the day first and slashes the month, and `ambiguous` says so.
 */
export function detectDateFormat(samples: readonly string[]): { format: DateFormat; ambiguous: boolean } {
  const [iso, dmy, mdy] = DATE_FORMATS.map((format) => samples.filter((text) => !Number.isNaN(parseFileTime(text, format))).length);
  if (iso >= Math.max(dmy, mdy)) {
    return { format: 'iso', ambiguous: false };
  }
  if (dmy !== mdy) {
    return { format: dmy > mdy ? 'dmy' : 'mdy', ambiguous: false };
  }
  const slashes = samples.filter((text) => text.includes('/')).length;
  return { format: slashes * 2 > samples.length ? 'mdy' : 'dmy', ambiguous: true };
}
