/**
 * The catalogue by columns: rows in ascending order of item numbers. An item that has nothing but an id costs 13 bytes beside it, and 5 to 11 for finding it by its id; every other column
 * begins with its first value.
 */
import { hashText } from '../model/hash.ts';
import { indexOfNo } from '../model/matrix.ts';
import { type AttributeType, typeOfAttribute } from '../storage/item-attributes.ts';
import type { ItemRow } from '../storage/item-rows.ts';
import { ListColumn, NumberColumn } from './columns.ts';
import { Dictionary, hashTextLong, hashWords, foldText } from './texts.ts';

/** A boolean's value; 0 is none. */
export const FALSE = 1;
export const TRUE = 2;

export type AttributeColumn =
  | { readonly type: 'number'; readonly column: NumberColumn<Float64Array> }
  /** FALSE, TRUE or 0. */
  | { readonly type: 'boolean'; readonly column: NumberColumn<Uint8Array> }
  /** Codes of the dictionary. */
  | { readonly type: 'string'; readonly column: NumberColumn<Int32Array>; readonly dictionary: Dictionary }
  /** Codes of the scalar members, as texts. */
  | { readonly type: 'array'; readonly column: ListColumn; readonly dictionary: Dictionary }
  /** 1: there is one. */
  | { readonly type: 'object'; readonly column: NumberColumn<Uint8Array> };

const MAX_TITLES = 100_000;
/** Bits of `flags`. */
const UNAVAILABLE = 1;
const DELETED = 2;

function createAttributeColumn(type: AttributeType): AttributeColumn {
  switch (type) {
    case 'number':
      return { type, column: new NumberColumn(new Float64Array(0), Number.NaN) };
    case 'string':
      return { type, column: new NumberColumn(new Int32Array(0), 0), dictionary: new Dictionary() };
    case 'array':
      return { type, column: new ListColumn(), dictionary: new Dictionary() };
    default:
      return { type, column: new NumberColumn(new Uint8Array(0), 0) };
  }
}

export class ItemColumns {
  rows = 0;
  /** Item numbers, ascending. Like all columns this may be longer than there are rows, and is another array after it grew. */
  nos = new Int32Array(0);
  ids: string[] = [];
  flags = new Uint8Array(0);
  firstSeenMs = new Float64Array(0);
  /** As Postgres keeps it, in 32 bits: compare with `Math.fround`. */
  readonly price = new NumberColumn(new Float32Array(0), Number.NaN);
  readonly publishedAtMs = new NumberColumn(new Float64Array(0), Number.NaN);
  readonly expiresAtMs = new NumberColumn(new Float64Array(0), Number.NaN);
  /** Long hashes of folded titles; 0: none. */
  readonly titleHash = new NumberColumn(new Float64Array(0), 0);
  /** Hashes of each title's words, 32 bits, each once. */
  readonly titleWords = new ListColumn();
  readonly categories = new ListColumn();
  readonly categoryNames = new Dictionary();
  readonly attributes = new Map<string, AttributeColumn>();
  /** Titles by item number, of as many items as `MAX_TITLES`: for words about them. */
  private readonly titles = new Map<number, string>();
  private hasAllTitles = true;
  /** Grows when rows move or come: what was kept by row is out of date. */
  layout = 0;

  private capacity = 0;
  private idSlots = new Int32Array(16);

  rowOfNo(itemNo: number): number {
    return indexOfNo(this.nos, itemNo, this.rows);
  }

  /** −1 where there is no such item. */
  rowOfId(itemId: string): number {
    const mask = this.idSlots.length - 1;
    for (let slot = hashText(itemId) & mask; this.idSlots[slot] !== 0; slot = (slot + 1) & mask) {
      const row = this.rowOfNo(this.idSlots[slot]);
      if (this.ids[row] === itemId) {
        return row;
      }
    }
    return -1;
  }

  /** When an item was published, or where nobody said, first seen. */
  newnessMs(row: number): number {
    const { values } = this.publishedAtMs;
    return row < values.length && !Number.isNaN(values[row]) ? values[row] : this.firstSeenMs[row];
  }

  /** null: it has none; undefined: there are too many to keep. */
  titleOf(row: number): string | null | undefined {
    return this.titles.get(this.nos[row]) ?? (this.hasAllTitles ? null : undefined);
  }

  isAvailable(row: number): boolean {
    return (this.flags[row] & UNAVAILABLE) === 0;
  }

  /** Deleted or not available, whatever the time. */
  isOff(row: number): boolean {
    return this.flags[row] !== 0;
  }

  addAttribute(name: string, type: AttributeType): void {
    if (!this.attributes.has(name)) {
      const attribute = createAttributeColumn(type);
      attribute.column.resize(this.capacity);
      this.attributes.set(name, attribute);
    }
  }

  /**
   * Sets an item's row, and makes it where there is none. Attributes that have no column are left out.
   *
   * @returns whether there is a row more, or one that may be answered at other times than before
   */
  put(item: Readonly<ItemRow>): boolean {
    let row = this.rows === 0 || item.itemNo > this.nos[this.rows - 1] ? -1 : this.rowOfNo(item.itemNo);
    const isNew = row < 0;
    if (isNew) {
      row = this.open(item.itemNo, item.itemId);
    }
    const flags = (item.isAvailable ? 0 : UNAVAILABLE) | (item.isDeleted ? DELETED : 0);
    const moves = isNew || flags !== this.flags[row] || !this.publishedAtMs.has(row, item.publishedAtMs) || !this.expiresAtMs.has(row, item.expiresAtMs);
    this.flags[row] = flags;
    this.firstSeenMs[row] = item.firstSeenMs;
    this.price.set(row, item.price);
    this.publishedAtMs.set(row, item.publishedAtMs);
    this.expiresAtMs.set(row, item.expiresAtMs);
    this.keepTitle(item.itemNo, item.title);
    this.titleHash.set(row, item.title === null ? 0 : hashTextLong(foldText(item.title)));
    this.titleWords.set(row, item.title === null ? null : hashWords(item.title));
    this.categories.set(row, item.categories.length === 0 ? null : item.categories.map((name) => this.categoryNames.codeOf(name)));
    if (!isNew) {
      for (const attribute of this.attributes.values()) {
        setAttribute(attribute, row, null);
      }
    }
    for (const name in item.attributes) {
      const attribute = this.attributes.get(name);
      if (attribute !== undefined) {
        setAttribute(attribute, row, item.attributes[name]);
      }
    }
    return moves;
  }

  private keepTitle(itemNo: number, title: string | null): void {
    if (title === null) {
      this.titles.delete(itemNo);
    } else if (this.titles.size < MAX_TITLES || this.titles.has(itemNo)) {
      this.titles.set(itemNo, title);
    } else {
      this.hasAllTitles = false;
    }
  }

  /** After many changes: gives back what they left behind. */
  compact(exactly = false): void {
    if (exactly) {
      this.resize(this.rows);
    }
    this.titleWords.compact(this.rows, exactly);
    this.categories.compact(this.rows, exactly);
    this.forgetTexts(this.categoryNames, this.categories);
    for (const attribute of this.attributes.values()) {
      if (attribute.type === 'array') {
        attribute.column.compact(this.rows, exactly);
      }
      if (attribute.type === 'array' || attribute.type === 'string') {
        this.forgetTexts(attribute.dictionary, attribute.column);
      }
    }
  }

  /** Bytes of all columns; ids and texts of dictionaries, which are the engine's, are not among them. */
  get bytes(): number {
    return this.otherColumns().reduce((sum, column) => sum + column.bytes, this.nos.byteLength + this.flags.byteLength + this.firstSeenMs.byteLength + this.idSlots.byteLength);
  }

  private open(itemNo: number, itemId: string): number {
    if (this.rows === this.capacity) {
      this.resize(Math.ceil(this.capacity * 1.25) + 1024);
    }
    let row = this.rows;
    // Numbers are given before commit, so now and then a lower one comes later; it belongs near the end.
    while (row > 0 && this.nos[row - 1] > itemNo) {
      row--;
    }
    if (row < this.rows) {
      for (const values of [this.nos, this.flags, this.firstSeenMs]) {
        values.copyWithin(row + 1, row, this.rows);
      }
      this.ids.splice(row, 0, itemId);
      for (const column of this.otherColumns()) {
        column.insert(row, this.rows);
      }
    } else {
      this.ids.push(itemId);
    }
    this.nos[row] = itemNo;
    this.rows++;
    this.layout++;
    this.addId(itemId, itemNo);
    return row;
  }

  private otherColumns() {
    return [this.price, this.publishedAtMs, this.expiresAtMs, this.titleHash, this.titleWords, this.categories, ...[...this.attributes.values()].map(({ column }) => column)];
  }

  private resize(capacity: number): void {
    const grown = <T extends Int32Array | Uint8Array | Float64Array>(old: T, fresh: T): T => {
      fresh.set(old.subarray(0, capacity) as never);
      return fresh;
    };
    this.nos = grown(this.nos, new Int32Array(capacity));
    this.flags = grown(this.flags, new Uint8Array(capacity));
    this.firstSeenMs = grown(this.firstSeenMs, new Float64Array(capacity));
    this.otherColumns().forEach((column) => column.resize(capacity));
    this.capacity = capacity;
  }

  /** Open addressing, at most three quarters full. Slots hold item numbers, which stay when rows move. */
  private addId(itemId: string, itemNo: number): void {
    if (this.rows * 4 > this.idSlots.length * 3) {
      this.idSlots = new Int32Array(this.idSlots.length * 2);
      for (let row = 0; row < this.rows; row++) {
        this.placeId(this.ids[row], this.nos[row]);
      }
      return;
    }
    this.placeId(itemId, itemNo);
  }

  private placeId(itemId: string, itemNo: number): void {
    const mask = this.idSlots.length - 1;
    let slot = hashText(itemId) & mask;
    while (this.idSlots[slot] !== 0) {
      slot = (slot + 1) & mask;
    }
    this.idSlots[slot] = itemNo;
  }

  /** Texts that no item has any more, once they are more than all that can be in use. */
  private forgetTexts(dictionary: Dictionary, column: ListColumn | NumberColumn<Int32Array>): void {
    const codes = column instanceof ListColumn ? column.pool : column.values;
    const count = column instanceof ListColumn ? column.used : Math.min(this.rows, codes.length);
    if (dictionary.size <= 1024 + 2 * count) {
      return;
    }
    const isUsed = new Uint8Array(dictionary.size);
    for (let k = 0; k < count; k++) {
      isUsed[codes[k]] = 1;
    }
    const moved = dictionary.keepOnly(isUsed);
    for (let k = 0; k < count; k++) {
      codes[k] = moved[codes[k]];
    }
  }
}

/** A value of another type than the attribute's counts as none. */
function setAttribute(attribute: AttributeColumn, row: number, value: unknown): void {
  const given = typeOfAttribute(value) === attribute.type ? value : null;
  switch (attribute.type) {
    case 'number':
      attribute.column.set(row, given === null ? Number.NaN : (given as number));
      break;
    case 'boolean':
      attribute.column.set(row, given === null ? 0 : given === true ? TRUE : FALSE);
      break;
    case 'string':
      attribute.column.set(row, given === null ? 0 : attribute.dictionary.codeOf(given as string));
      break;
    case 'array':
      attribute.column.set(row, given === null ? null : (given as unknown[]).filter((member) => member !== null && typeof member !== 'object').map((member) => attribute.dictionary.codeOf(String(member))));
      break;
    case 'object':
      attribute.column.set(row, given === null ? 0 : 1);
  }
}
