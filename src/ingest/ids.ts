/**
 * What an id may be, and the words for what it may not. Ids are stored exactly as they are sent: well-formed Unicode without control characters, 1–256
 * characters. `__proto__` is a fine id; a lone surrogate is not, since it would be stored as U+FFFD and two shoppers could become one.
 */
export const MAX_ID_CHARS = 256;

// eslint-disable-next-line no-control-regex -- these are the characters that are refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** @returns null for a good id, else what is wrong with it and what would be right */
export function faultOfId(value: unknown): string | null {
  if (typeof value !== 'string') {
    return `must be a string of 1 to ${MAX_ID_CHARS} characters, not ${describeValue(value)}`;
  }
  if (value.length === 0) {
    return `is empty; it must have 1 to ${MAX_ID_CHARS} characters`;
  }
  // A character is a code point, as in Postgres and in JSON Schema: counted only where there are enough UTF-16 units for it to matter.
  const chars = value.length > MAX_ID_CHARS ? countCodePoints(value) : value.length;
  if (chars > MAX_ID_CHARS) {
    return `has ${chars} characters; at most ${MAX_ID_CHARS} are allowed`;
  }
  if (!value.isWellFormed()) {
    return 'is not well-formed Unicode (it has a lone surrogate)';
  }
  const control = CONTROL.exec(value);
  if (control !== null) {
    return `has the control character U+${control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')} at position ${control.index}; control characters are not allowed`;
  }
  return null;
}

function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) {
    count++;
  }
  return count;
}

/** A value as an error message may show it: short, and safe to print. */
export function describeValue(value: unknown): string {
  if (value === undefined) {
    return 'missing';
  }
  let text: string;
  try {
    text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  } catch {
    // Nested beyond what can be written out.
    return 'a value nested too deep';
  }
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}

/** Ids by the order in which they first come: `ids[indexOf(id)]` is the id. */
export function createIdList() {
  const indexes = new Map<string, number>();
  const ids: string[] = [];
  return {
    ids,
    indexOf(id: string): number {
      let index = indexes.get(id);
      if (index === undefined) {
        index = ids.length;
        // Copied: a piece cut out of a file's text would keep the whole text in memory.
        const own = Buffer.from(id).toString();
        ids.push(own);
        indexes.set(own, index);
      }
      return index;
    },
  };
}
