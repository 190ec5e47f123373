/**
 * A model version as bytes. One layout for both parts:
 *
 *   0   magic "JONGLEUR"            8 bytes
 *   8   layout version              u32
 *   12  header length in bytes      u32
 *   16  checksum of the header      u32, FNV-1a
 *   20  header                      JSON: part, meta, sections [{ name, type, length, offset }]
 *   …   sections                    each at a multiple of 64, offsets from the beginning of the file
 *
 * Everything is little-endian, and a decoded section is a view of the bytes, not a copy, so a snapshot loads as fast as it can be read. The checksum covers
 * the header; whoever stores the bytes guards the whole (models.sha256). The item side holds no personal data; the user side exists for the live version.
 */
import type { HybridTerms } from './hybrid.ts';
import type { Recipe } from './recipe.ts';
import type { EventTypeRule } from './interactions.ts';
import type { Factors } from './matrix.ts';
import type { Neighbours } from './neighbours.ts';
import { atOnce, type InPieces, overRanges } from './pieces.ts';
import { SnapshotDamaged } from './snapshot-damaged.ts';
import { decodeStringsInPieces, encodeStrings } from './string-table.ts';
import { NO_TERMS, type Terms } from './terms.ts';
import type { LiveItems } from './warm-start.ts';

export type SnapshotPart = 'item' | 'user';
export type SnapshotArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;
/** Whatever JSON holds, and NaN, ±Infinity and −0 besides. */
export type SnapshotValue = null | boolean | number | string | readonly SnapshotValue[] | { readonly [key: string]: SnapshotValue };

export interface Snapshot {
  part: SnapshotPart;
  meta: SnapshotValue;
  sections: Record<string, SnapshotArray>;
}

const magic = 'JONGLEUR';
export const layoutVersion = 1;
const preambleBytes = 20;
const alignment = 64;

const sectionTypes = {
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;
type SectionType = keyof typeof sectionTypes;

interface SectionEntry {
  name: string;
  type: SectionType;
  length: number;
  offset: number;
}

export function encodeSnapshot(part: SnapshotPart, meta: SnapshotValue, sections: Record<string, SnapshotArray>): Uint8Array {
  const named = Object.entries(sections);
  // Offsets stand in the header and depend on its length, so they are written relative to the first section, which follows the header.
  const entries: SectionEntry[] = [];
  let end = 0;
  for (const [name, array] of named) {
    const offset = align(end);
    entries.push({ name, type: typeOf(name, array), length: array.length, offset });
    end = offset + array.byteLength;
  }
  const header = new TextEncoder().encode(JSON.stringify({ part, meta, sections: entries }, writeValue));
  const bodyAt = align(preambleBytes + header.length);
  const bytes = new Uint8Array(bodyAt + end);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < magic.length; i++) bytes[i] = magic.charCodeAt(i);
  view.setUint32(8, layoutVersion, true);
  view.setUint32(12, header.length, true);
  view.setUint32(16, checksum(header), true);
  bytes.set(header, preambleBytes);
  for (const [n, [, array]] of named.entries()) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), bodyAt + entries[n]!.offset);
  }
  return bytes;
}

/** Sections are views of `bytes` where these are aligned in memory (a buffer of their own is), else copies. Throws `SnapshotDamaged`. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  if (bytes.length < preambleBytes) throw new SnapshotDamaged(`${bytes.length} bytes are fewer than a snapshot begins with`);
  for (let i = 0; i < magic.length; i++) if (bytes[i] !== magic.charCodeAt(i)) throw new SnapshotDamaged(`it does not begin with "${magic}"`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(8, true);
  if (version !== layoutVersion) throw new SnapshotDamaged(`its layout version is ${version}, this program reads ${layoutVersion}`);
  const headerBytes = view.getUint32(12, true);
  if (preambleBytes + headerBytes > bytes.length) throw new SnapshotDamaged(`truncated in its header, after ${bytes.length} bytes`);
  const header = bytes.subarray(preambleBytes, preambleBytes + headerBytes);
  if (view.getUint32(16, true) !== checksum(header)) throw new SnapshotDamaged('its header does not match its checksum');
  const { part, meta, sections } = parseHeader(header);
  const bodyAt = align(preambleBytes + headerBytes);
  return { part, meta, sections: Object.fromEntries(sections.map((entry) => [entry.name, viewSection(bytes, bodyAt, entry)])) };
}

function parseHeader(header: Uint8Array): { part: SnapshotPart; meta: SnapshotValue; sections: SectionEntry[] } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(header), readValue);
  } catch {
    throw new SnapshotDamaged('its header is not JSON');
  }
  if (!isRecord(parsed) || (parsed.part !== 'item' && parsed.part !== 'user') || !Array.isArray(parsed.sections)) {
    throw new SnapshotDamaged('its header lacks part or sections');
  }
  for (const entry of parsed.sections as unknown[]) {
    if (!isRecord(entry) || typeof entry.name !== 'string' || !Object.hasOwn(sectionTypes, String(entry.type))) {
      throw new SnapshotDamaged('its header lists a section without name or known type');
    }
  }
  return { part: parsed.part, meta: parsed.meta as SnapshotValue, sections: parsed.sections as SectionEntry[] };
}

function viewSection(bytes: Uint8Array, bodyAt: number, entry: SectionEntry): SnapshotArray {
  const { name, type, length, offset } = entry;
  const ArrayType = sectionTypes[type];
  const size = ArrayType.BYTES_PER_ELEMENT;
  const inRange = Number.isSafeInteger(length) && length >= 0 && Number.isSafeInteger(offset) && offset >= 0 && offset % alignment === 0;
  if (!inRange) throw new SnapshotDamaged(`section "${name}" has an impossible place`);
  const from = bodyAt + offset;
  if (from + length * size > bytes.length) throw new SnapshotDamaged(`truncated: section "${name}" ends beyond its ${bytes.length} bytes`);
  const start = bytes.byteOffset + from;
  if (start % size === 0) return new ArrayType(bytes.buffer as ArrayBuffer, start, length);
  const copy = new Uint8Array(length * size);
  copy.set(bytes.subarray(from, from + length * size));
  return new ArrayType(copy.buffer, 0, length);
}

function typeOf(name: string, array: SnapshotArray): SectionType {
  for (const type of Object.keys(sectionTypes) as SectionType[]) if (array instanceof sectionTypes[type]) return type;
  throw new TypeError(`section "${name}" is not a typed array a snapshot can hold`);
}

function align(offset: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Numbers JSON cannot write become strings that begin with #; a string that does so itself gets a second one. */
function writeValue(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('#') ? `#${value}` : value;
  if (typeof value !== 'number') return value;
  if (Object.is(value, -0)) return '#-0';
  return Number.isFinite(value) ? value : `#${value}`;
}

function readValue(_key: string, value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith('#')) return value;
  return value.startsWith('##') ? value.slice(1) : Number(value.slice(1));
}

/** FNV-1a, 32 bits. */
function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}

/** What every answer needs: the items and all that is known about how they were fitted. */
export interface ItemSide {
  /** As fitted: `factors` may be fewer than were asked for. */
  recipe: Recipe;
  /** Interactions' weights times this are what the fit saw; createFoldIn takes it. */
  weightScale: number;
  /** What the hybrid score (`hybrid.ts`) adds to the factors': how it was made, and made. `rules` have the half-life already. */
  terms: Terms;
  hybrid: HybridTerms;
  /** What lay in baskets together (`baskets.ts`); null where no pair did twice, and in versions from before such lists were made. */
  together: Neighbours | null;
  /** Ages count from here in fold-in too, unless newer events have come. */
  newestMs: number;
  rules: EventTypeRule[];
  /** Ascending; item index → number. */
  itemNos: Int32Array;
  itemIds: string[];
  factors: Factors;
  /** One score per item: Σ over users of weight · target, and the same over the last 28 days. */
  popularity: Float32Array;
  recentPopularity: Float32Array;
}

/** Interactions by user row; weights as `foldEvents` made them (unscaled), 0 = kept only to be hidden. */
export interface UserHistory {
  rowStart: Int32Array;
  itemIndex: Int32Array;
  weight: Float32Array;
  target: Float32Array;
  lastMs: Float64Array;
  hidden: Uint8Array;
  /** Number of the event type that adds most; 0: not known, as in all of a snapshot from before there was this. */
  mainType: Int16Array;
}

export interface UserSide {
  /** Ascending; user row → number. */
  userNos: Int32Array;
  userIds: string[];
  factors: Factors;
  history: UserHistory;
}

interface FactorShape {
  rows: number;
  factors: number;
  stride: number;
}

export function encodeItemSide(side: ItemSide): Uint8Array {
  const { recipe, weightScale, newestMs, rules, terms, hybrid, together, itemNos, itemIds, factors, popularity, recentPopularity } = side;
  const ids = encodeStrings(itemIds);
  const meta = { recipe: { ...recipe }, weightScale, newestMs, rules: rules.map((rule) => ({ ...rule })), terms: { ...terms }, scales: { ...hybrid.scales }, shape: shapeOf(factors) };
  const { neighbours, recentPopularity: freshUsers } = hybrid;
  return encodeSnapshot('item', meta, {
    itemNos, idBytes: ids.bytes, idOffsets: ids.offsets, factors: factors.data, popularity, recentPopularity,
    ...encodeNeighbours('neighbour', neighbours),
    ...encodeNeighbours('together', together),
    ...(freshUsers === null ? {} : { freshUsers }),
  });
}

/** Throws `SnapshotDamaged`. */
export function decodeItemSide(bytes: Uint8Array): ItemSide {
  return atOnce(decodeItemSideInPieces(bytes));
}

/** Throws `SnapshotDamaged`. */
export function* decodeItemSideInPieces(bytes: Uint8Array): InPieces<ItemSide> {
  const { sections, meta } = decodePart(bytes, 'item');
  const known = readItemFactors(sections, meta);
  const { weightScale, newestMs } = meta as { weightScale: number; newestMs: number };
  if (typeof weightScale !== 'number' || typeof newestMs !== 'number') throw new SnapshotDamaged('the item side lacks scale or time');
  const items = known.itemNos.length;
  return {
    ...known,
    ...(yield* decodeTerms(meta, sections, items)),
    together: yield* decodeNeighbours('together', sections, items),
    weightScale,
    newestMs,
    itemIds: yield* decodeIds(sections, items),
    popularity: section(sections, 'popularity', Float32Array, items),
    recentPopularity: section(sections, 'recentPopularity', Float32Array, items),
  };
}

/** A snapshot from before there were terms has none. */
function* decodeTerms(meta: Record<string, unknown>, sections: Record<string, SnapshotArray>, items: number): InPieces<Pick<ItemSide, 'terms' | 'hybrid'>> {
  if (meta.terms === undefined) return { terms: { ...NO_TERMS }, hybrid: { neighbours: null, recentPopularity: null, scales: { neighbours: 0, recency: 0 } } };
  const { terms, scales } = meta as { terms: Terms; scales: HybridTerms['scales'] };
  if (!isRecord(terms) || !isRecord(scales) || !Number.isFinite(scales.neighbours) || !Number.isFinite(scales.recency)) throw new SnapshotDamaged('the item side lacks the scales of its terms');
  return {
    terms,
    hybrid: {
      neighbours: yield* decodeNeighbours('neighbour', sections, items),
      recentPopularity: 'freshUsers' in sections ? section(sections, 'freshUsers', Float32Array, items) : null,
      scales,
    },
  };
}

function encodeNeighbours(name: string, lists: Neighbours | null): Record<string, SnapshotArray> {
  return lists === null ? {} : { [`${name}Start`]: lists.rowStart, [`${name}Index`]: lists.index, [`${name}Similarity`]: lists.similarity };
}

/** Null where there are none. */
function* decodeNeighbours(name: string, sections: Record<string, SnapshotArray>, items: number): InPieces<Neighbours | null> {
  if (!Object.hasOwn(sections, `${name}Start`)) return null;
  const rowStart = section(sections, `${name}Start`, Int32Array, items + 1);
  for (let r = 0; r < items; r++) if (rowStart[r]! > rowStart[r + 1]!) throw new SnapshotDamaged('the rows of the neighbours overlap');
  if (rowStart[0] !== 0) throw new SnapshotDamaged('the neighbours do not begin at 0');
  const index = section(sections, `${name}Index`, Int32Array, rowStart[items]!);
  yield* overRanges(index.length, 1, (from, to) => {
    for (let e = from; e < to; e++) if (!(index[e]! >= 0 && index[e]! < items)) throw new SnapshotDamaged('a neighbour is no item');
  });
  return { items, rowStart, index, similarity: section(sections, `${name}Similarity`, Float32Array, rowStart[items]!) };
}

/** Of an item side only what a refit goes on from: no ids are read. Throws `SnapshotDamaged`. */
export function decodeItemFactors(bytes: Uint8Array): LiveItems {
  const { sections, meta } = decodePart(bytes, 'item');
  return readItemFactors(sections, meta);
}

function readItemFactors(sections: Record<string, SnapshotArray>, meta: Record<string, unknown>) {
  const itemNos = section(sections, 'itemNos', Int32Array);
  const { recipe, rules } = meta as { recipe: Recipe; rules: EventTypeRule[] };
  if (!isRecord(recipe) || !Array.isArray(rules)) throw new SnapshotDamaged('the item side lacks recipe or rules');
  return { recipe, rules, itemNos, factors: decodeFactors(meta, sections, itemNos.length) };
}

export function encodeUserSide(side: UserSide): Uint8Array {
  const { userNos, userIds, factors, history } = side;
  const ids = encodeStrings(userIds);
  const meta = { shape: shapeOf(factors) };
  return encodeSnapshot('user', meta, { userNos, idBytes: ids.bytes, idOffsets: ids.offsets, factors: factors.data, ...history });
}

/** Throws `SnapshotDamaged`. */
export function decodeUserSide(bytes: Uint8Array): UserSide {
  return atOnce(decodeUserSideInPieces(bytes));
}

/** Throws `SnapshotDamaged`. */
export function* decodeUserSideInPieces(bytes: Uint8Array): InPieces<UserSide> {
  const { sections, meta } = decodePart(bytes, 'user');
  const userNos = section(sections, 'userNos', Int32Array);
  const rowStart = section(sections, 'rowStart', Int32Array, userNos.length + 1);
  const entries = rowStart[userNos.length]!;
  for (let r = 0; r < userNos.length; r++) if (rowStart[r]! > rowStart[r + 1]!) throw new SnapshotDamaged('the rows of the histories overlap');
  if (rowStart[0] !== 0) throw new SnapshotDamaged('the histories do not begin at 0');
  return {
    userNos,
    userIds: yield* decodeIds(sections, userNos.length),
    factors: decodeFactors(meta, sections, userNos.length),
    history: {
      rowStart,
      itemIndex: section(sections, 'itemIndex', Int32Array, entries),
      weight: section(sections, 'weight', Float32Array, entries),
      target: section(sections, 'target', Float32Array, entries),
      lastMs: section(sections, 'lastMs', Float64Array, entries),
      hidden: section(sections, 'hidden', Uint8Array, entries),
      mainType: 'mainType' in sections ? section(sections, 'mainType', Int16Array, entries) : new Int16Array(entries),
    },
  };
}

function decodePart(bytes: Uint8Array, part: SnapshotPart): { meta: Record<string, unknown>; sections: Record<string, SnapshotArray> } {
  const snapshot = decodeSnapshot(bytes);
  if (snapshot.part !== part) throw new SnapshotDamaged(`it is the ${snapshot.part} side, not the ${part} side`);
  if (!isRecord(snapshot.meta)) throw new SnapshotDamaged('its meta is not an object');
  return { meta: snapshot.meta, sections: snapshot.sections };
}

function section<T extends SnapshotArray>(
  sections: Record<string, SnapshotArray>, name: string, type: new (length: number) => T, length?: number,
): T {
  const array = Object.hasOwn(sections, name) ? sections[name] : undefined;
  if (!(array instanceof type)) throw new SnapshotDamaged(`section "${name}" is missing or of another type`);
  if (length !== undefined && array.length !== length) throw new SnapshotDamaged(`section "${name}" has ${array.length} entries in place of ${length}`);
  return array;
}

function* decodeIds(sections: Record<string, SnapshotArray>, count: number): InPieces<string[]> {
  return yield* decodeStringsInPieces({ bytes: section(sections, 'idBytes', Uint8Array), offsets: section(sections, 'idOffsets', Uint32Array, count + 1) });
}

function shapeOf({ rows, factors, stride }: Factors): { rows: number; factors: number; stride: number } {
  return { rows, factors, stride };
}

function decodeFactors(meta: Record<string, unknown>, sections: Record<string, SnapshotArray>, rows: number): Factors {
  const shape = meta.shape as FactorShape;
  const fits = isRecord(shape) && shape.rows === rows && Number.isInteger(shape.factors) && Number.isInteger(shape.stride) && shape.stride >= shape.factors;
  if (!fits) throw new SnapshotDamaged('the shape of its factors does not match its ids');
  return { rows, factors: shape.factors, stride: shape.stride, data: section(sections, 'factors', Float32Array, rows * shape.stride) };
}
