/** Numbers as files write them: 4.90, or 4,90 as spreadsheets do in most of Europe. Which it is is found out from the first rows, and said. */

export type Decimals = 'point' | 'comma';
export const DECIMALS: readonly Decimals[] = ['point', 'comma'];

const WITH_COMMA = /^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$/;
/** 1,234 could be a thousand and more, or one and a little: it says nothing. */
const COMMA_FOR_SURE = /^[+-]?(\d{1,3}(\.\d{3})+|\d+),(\d{1,2}|\d{4,})$/;
const WITH_POINT = /^[+-]?(\d{1,3}(,\d{3})+|\d+)\.\d+$/;

/** @returns null for the empty text, NaN where it is no number */
export function parseFileNumber(text: string, decimals: Decimals = 'point'): number | null {
  if (text === '') {
    return null;
  }
  if (decimals === 'point') {
    return Number(text);
  }
  return WITH_COMMA.test(text) ? Number(text.replaceAll('.', '').replace(',', '.')) : Number.NaN;
}

/** A comma where the fields are not separated by it and more numbers are surely written with one than with a point. */
export function detectDecimals(samples: readonly string[], delimiter: string): Decimals {
  if (delimiter !== ';' && delimiter !== '\t') {
    return 'point';
  }
  const count = (form: RegExp) => samples.filter((text) => form.test(text)).length;
  return count(COMMA_FOR_SURE) > count(WITH_POINT) ? 'comma' : 'point';
}
