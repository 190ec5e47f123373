/** What is wrong with a filter: `position` counts characters (code points) from 0, and the message says what was found and what was expected. */
export type FilterFaultCode = 'too-long' | 'too-deep' | 'too-complex' | 'syntax' | 'unknown-field' | 'operator' | 'type';

export class FilterFault extends Error {
  readonly code: FilterFaultCode;
  readonly position: number;
  constructor(code: FilterFaultCode, position: number, message: string) {
    super(message);
    this.name = 'FilterFault';
    this.code = code;
    this.position = position;
  }
}

/** A fault at an index of the text, which counts UTF-16 units. */
export function faultAt(text: string, index: number, code: FilterFaultCode, message: string): FilterFault {
  const position = countCharacters(text.slice(0, index));
  return new FilterFault(code, position, `${message} (at character ${position})`);
}

export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) {
    count++;
  }
  return count;
}

const MAX_SHOWN_UNITS = 60;

/** A piece of a filter as a message shows it: short, in quotes, safe to print. */
export function quoteShort(text: string): string {
  return JSON.stringify(text.length <= MAX_SHOWN_UNITS ? text : `${text.slice(0, MAX_SHOWN_UNITS - 1)}…`);
}
