/**
 * A filter over all rows of the catalogue: one loop a comparison over a typed column, then AND, OR and NOT over the marks, four at a time. There are two truth values: a comparison with a value
 * that is missing is false, and NOT turns exactly what is inside it around.
 */
import type { ListColumn, NumberColumn } from '../columns.ts';
import { type AttributeColumn, FALSE, type ItemColumns, TRUE } from '../item-columns.ts';
import { type Dictionary, foldText, hashTextLong, hashWords } from '../texts.ts';
import type { FilterNode, FilterTime, FilterValue } from './nodes.ts';
import type { FilterField } from './schema.ts';
import { parseNumber } from './values.ts';

export interface Matches {
  /** By row: 1 = matching. May be longer than there are rows. */
  readonly marks: Uint8Array;
  /** When `now` next makes a difference. */
  readonly validUntilMs: number;
}

type Leaf = Exclude<FilterNode, { kind: 'and' | 'or' | 'not' }>;
type Bounds = { readonly low: number; readonly high: number; readonly lowBelongs: boolean; readonly highBelongs: boolean };

export function evaluateFilter(node: FilterNode, columns: ItemColumns, nowMs: number): Matches {
  const clock = { nowMs, validUntilMs: Infinity };
  return { marks: evaluate(node, columns, clock), validUntilMs: clock.validUntilMs };
}

interface Clock {
  readonly nowMs: number;
  validUntilMs: number;
}

/** Whole words of four marks. */
function createMarks(rows: number): Uint8Array {
  return new Uint8Array(Math.ceil(rows / 4) * 4);
}

const inFours = (marks: Uint8Array): Int32Array => new Int32Array(marks.buffer, 0, marks.length / 4);

function evaluate(node: FilterNode, columns: ItemColumns, clock: Clock): Uint8Array {
  if (node.kind === 'not') {
    const marks = evaluate(node.node, columns, clock);
    const fours = inFours(marks);
    for (let k = 0; k < fours.length; k++) {
      fours[k] ^= 0x01010101;
    }
    return marks;
  }
  if (!('nodes' in node)) {
    const marks = createMarks(columns.rows);
    markLeaf(node, columns, clock, marks);
    return marks;
  }
  const marks = evaluate(node.nodes[0], columns, clock);
  const into = inFours(marks);
  for (let n = 1; n < node.nodes.length; n++) {
    const other = inFours(evaluate(node.nodes[n], columns, clock));
    if (node.kind === 'and') {
      for (let k = 0; k < into.length; k++) {
        into[k] &= other[k];
      }
    } else {
      for (let k = 0; k < into.length; k++) {
        into[k] |= other[k];
      }
    }
  }
  return marks;
}

function markLeaf(leaf: Leaf, columns: ItemColumns, clock: Clock, marks: Uint8Array): void {
  const { field } = leaf;
  if (field.attribute !== null) {
    // Without a column: an attribute that was registered and that no item has, or a catalogue without items.
    const attribute = columns.attributes.get(field.attribute);
    if (attribute !== undefined) {
      markAttribute(leaf, attribute, columns.rows, marks);
    }
    return;
  }
  switch (field.name) {
    case 'itemId':
      return markIds(leaf, columns, marks);
    case 'available':
      return markAvailable(leaf, columns, marks);
    case 'title':
      return markTitles(leaf, columns, marks);
    case 'category':
      return markLists(leaf, columns.categories, columns.categoryNames, columns.rows, marks);
    case 'price':
      return markNumbers(leaf, columns.price.values, columns.rows, Math.fround, marks);
    default:
      return markTimes(leaf, timesOf(field, columns), columns.rows, clock, marks);
  }
}

function timesOf({ name }: FilterField, columns: ItemColumns): Float64Array {
  return name === 'createdAt' ? columns.firstSeenMs : name === 'publishedAt' ? columns.publishedAtMs.values : columns.expiresAtMs.values;
}

function valuesOf(leaf: Leaf): readonly FilterValue[] {
  return leaf.kind === 'in' ? leaf.values : leaf.kind === 'compare' ? [leaf.value] : [];
}

function markAttribute(leaf: Leaf, attribute: AttributeColumn, rows: number, marks: Uint8Array): void {
  switch (attribute.type) {
    case 'number':
      return markNumbers(leaf, attribute.column.values, rows, Number, marks);
    case 'array':
      return markLists(leaf, attribute.column, attribute.dictionary, rows, marks);
    case 'string': {
      const isMeant = leaf.kind === 'exists' ? new Uint8Array(attribute.dictionary.size).fill(1, 1) : codesOf(valuesOf(leaf), attribute.dictionary);
      return markCodes(attribute.column, isMeant, rows, marks);
    }
    case 'boolean': {
      const isMeant = new Uint8Array(3);
      valuesOf(leaf).forEach((value) => (isMeant[value === true ? TRUE : FALSE] = 1));
      return markCodes(attribute.column, leaf.kind === 'exists' ? isMeant.fill(1, 1) : isMeant, rows, marks);
    }
    default:
      return markCodes(attribute.column, Uint8Array.of(0, 1), rows, marks);
  }
}

/** Which codes stand for one of the values. */
function codesOf(values: readonly FilterValue[], dictionary: Dictionary): Uint8Array {
  const isMeant = new Uint8Array(dictionary.size);
  values.forEach((value) => (isMeant[dictionary.find(String(value))] = 1));
  isMeant[0] = 0;
  return isMeant;
}

function markCodes({ values }: NumberColumn<Int32Array | Uint8Array>, isMeant: Uint8Array, rows: number, marks: Uint8Array): void {
  const end = Math.min(rows, values.length);
  for (let row = 0; row < end; row++) {
    marks[row] = isMeant[values[row]];
  }
}

/** A list matches where one of its members does. */
function markLists(leaf: Leaf, { start, size, pool }: ListColumn, dictionary: Dictionary, rows: number, marks: Uint8Array): void {
  const end = Math.min(rows, size.length);
  if (leaf.kind === 'exists') {
    for (let row = 0; row < end; row++) {
      marks[row] = size[row] === 0 ? 0 : 1;
    }
    return;
  }
  const isMeant = membersOf(leaf, dictionary);
  for (let row = 0; row < end; row++) {
    const last = start[row] + size[row] - 1;
    for (let k = start[row]; k < last; k++) {
      if (isMeant[pool[k]] === 1) {
        marks[row] = 1;
        break;
      }
    }
  }
}

function membersOf(leaf: Leaf, dictionary: Dictionary): Uint8Array {
  const bounds = boundsOf(leaf, Number);
  if (bounds === null) {
    // A number among the members is found however it is written.
    const values = valuesOf(leaf).flatMap((value) => [value, parseNumber(String(value)) ?? value]);
    return codesOf(values, dictionary);
  }
  const { low, high, lowBelongs, highBelongs } = bounds;
  return Uint8Array.from(dictionary.keys, (key) => {
    const number = parseNumber(key) ?? Number.NaN;
    return (number > low || (lowBelongs && number === low)) && (number < high || (highBelongs && number === high)) ? 1 : 0;
  });
}

/** null where sizes do not matter. `convert` brings a value to the column's precision. */
function boundsOf(leaf: Leaf, convert: (value: number) => number): Bounds | null {
  if (leaf.kind === 'range') {
    return { low: convert(leaf.from as number), high: convert(leaf.to as number), lowBelongs: true, highBelongs: true };
  }
  if (leaf.kind !== 'compare' || leaf.operator === '=') {
    return null;
  }
  const value = convert(leaf.value as number);
  const belongs = leaf.operator.endsWith('=');
  return leaf.operator.startsWith('<') ? { low: -Infinity, high: value, lowBelongs: true, highBelongs: belongs } : { low: value, high: Infinity, lowBelongs: belongs, highBelongs: true };
}

/** NaN, a missing value, lies within no bounds. */
function markNumbers(leaf: Leaf, values: Float32Array | Float64Array, rows: number, convert: (value: number) => number, marks: Uint8Array): void {
  const end = Math.min(rows, values.length);
  if (leaf.kind === 'exists') {
    for (let row = 0; row < end; row++) {
      marks[row] = values[row] === values[row] ? 1 : 0;
    }
    return;
  }
  const wanted = valuesOf(leaf).map((value) => convert(value as number));
  const bounds = boundsOf(leaf, convert) ?? (wanted.length === 1 ? { low: wanted[0], high: wanted[0], lowBelongs: true, highBelongs: true } : null);
  if (bounds !== null) {
    return markWithin(values, end, bounds, marks);
  }
  const set = new Set(wanted);
  for (let row = 0; row < end; row++) {
    marks[row] = set.has(values[row]) ? 1 : 0;
  }
}

function markWithin(values: Float32Array | Float64Array, end: number, { low, high, lowBelongs, highBelongs }: Bounds, marks: Uint8Array): void {
  for (let row = 0; row < end; row++) {
    const value = values[row];
    marks[row] = (value > low || (lowBelongs && value === low)) && (value < high || (highBelongs && value === high)) ? 1 : 0;
  }
}

function markTimes(leaf: Leaf, values: Float64Array, rows: number, clock: Clock, marks: Uint8Array): void {
  const end = Math.min(rows, values.length);
  const times = (leaf.kind === 'range' ? [leaf.from, leaf.to] : valuesOf(leaf)) as readonly FilterTime[];
  const [from, to] = times.map(({ fromNow, ms }) => (fromNow ? clock.nowMs + ms : ms));
  markNumbers(leaf.kind === 'range' ? { ...leaf, from, to } : leaf.kind === 'compare' ? { ...leaf, value: from } : leaf, values, rows, Number, marks);
  for (const { fromNow, ms } of times) {
    if (fromNow) {
      clock.validUntilMs = Math.min(clock.validUntilMs, nextMeeting(values, end, ms, clock.nowMs));
    }
  }
}

/** When `now + distance` next reaches or leaves one of the values. */
function nextMeeting(values: Float64Array, end: number, distanceMs: number, nowMs: number): number {
  let next = Infinity;
  for (let row = 0; row < end; row++) {
    const at = values[row] - distanceMs;
    if (at >= nowMs && at < next) {
      next = at;
    }
  }
  return next === nowMs ? nowMs + 1 : next;
}

function markIds(leaf: Leaf, columns: ItemColumns, marks: Uint8Array): void {
  if (leaf.kind === 'exists') {
    marks.fill(1, 0, columns.rows);
  }
  for (const value of valuesOf(leaf)) {
    const row = columns.rowOfId(String(value));
    if (row >= 0) {
      marks[row] = 1;
    }
  }
}

function markAvailable(leaf: Leaf, columns: ItemColumns, marks: Uint8Array): void {
  const values = valuesOf(leaf);
  const [yes, no] = leaf.kind === 'exists' ? [1, 1] : [values.includes(true) ? 1 : 0, values.includes(false) ? 1 : 0];
  for (let row = 0; row < columns.rows; row++) {
    marks[row] = columns.isAvailable(row) ? yes : no;
  }
}

function markTitles(leaf: Leaf, { titleHash, titleWords, rows }: ItemColumns, marks: Uint8Array): void {
  if (leaf.kind !== 'contains') {
    const wanted = new Set(valuesOf(leaf).map((value) => hashTextLong(foldText(String(value)))));
    const end = Math.min(rows, titleHash.values.length);
    for (let row = 0; row < end; row++) {
      const hash = titleHash.values[row];
      marks[row] = hash !== 0 && (leaf.kind === 'exists' || wanted.has(hash)) ? 1 : 0;
    }
    return;
  }
  const words = hashWords(leaf.text);
  const { start, size, pool } = titleWords;
  const end = words.length === 0 ? 0 : Math.min(rows, size.length);
  for (let row = 0; row < end; row++) {
    let found = 0;
    const last = start[row] + size[row] - 1;
    for (let k = start[row]; k < last; k++) {
      if (words.includes(pool[k])) {
        found++;
      }
    }
    marks[row] = found === words.length ? 1 : 0;
  }
}
