/** Items and users out of a file: as events are, in chunks that note the position in their own transaction. */
import type pg from 'pg';
import { explainDatabaseError } from '../storage/database.ts';
import { ensureUsersAndItems } from '../storage/ids.ts';
import { noteProgress } from '../storage/imports.ts';
import { type AttributeType, listItemAttributes, typeOfAttribute } from '../storage/item-attributes.ts';
import { type ItemPatch, patchItems } from '../storage/items.ts';
import type { ChunkNotes } from './chunks.ts';
import { NOT_A_ROW } from './csv.ts';
import { parseFileNumber } from './file-numbers.ts';
import { isNoTime, parseFileTime } from './file-times.ts';
import { faultOfId } from './ids.ts';
import type { Layout } from './layout.ts';
import { faultOfNumber } from './validate.ts';

const CHUNK_ROWS = 1_000;
const MAX_TEXT = { title: 1_000, url: 2_048, imageUrl: 2_048 } as const;

/** Columns beyond those with a meaning, by the names that catalogues use. */
const FIELD_ALIASES: Readonly<Record<string, keyof ItemPatch>> = {
  url: 'url', link: 'url', imageurl: 'imageUrl', image: 'imageUrl', imagelink: 'imageUrl', categories: 'categories', category: 'categories', genres: 'categories', attributes: 'attributes', available: 'available', availability: 'available',
  publishedat: 'publishedAt', expiresat: 'expiresAt', labels: 'attributes', ishidden: 'available', hidden: 'available',
};
const HIDDEN = /^(is)?hidden$/;
const NO = /^(0|false|no|n|out of stock|out_of_stock)$/i;

/** "a|b", "a > b" is one; a JSON list is a list. */
function parseCategories(text: string): string[] {
  if (text.startsWith('[')) {
    try {
      const list: unknown = JSON.parse(text);
      return Array.isArray(list) ? list.map(String) : [];
    } catch {
      return [];
    }
  }
  return text.split('|').map((part) => part.trim()).filter((part) => part !== '');
}

/** An object is attributes by their names, a list one attribute under the column's own. @returns null where it is neither */
function parseAttributes(text: string, name: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? { [name]: value } : typeof value === 'object' ? (value ?? {}) : null;
  } catch {
    return null;
  }
}

export interface CatalogueWriter {
  /** @returns why the row is skipped, or whether it is time to flush */
  add(fields: readonly string[]): string | boolean;
  flush(): Promise<void>;
  end(): Promise<void>;
}

export async function createCatalogueWriter(connection: pg.Client, importNo: number, what: 'items' | 'users', layout: Layout, takeNotes: (rows: number) => ChunkNotes): Promise<CatalogueWriter> {
  const types = new Map<string, AttributeType>((await listItemAttributes(connection)).map(({ name, type }) => [name, type]));
  const { columns, file } = layout;
  const plain = file.header.map((name) => name.toLowerCase().replace(/[\s_-]/g, ''));
  // A time beside an item is that of its publication.
  const extra = plain.map((name, column) => [column, column === columns.time ? 'publishedAt' : FIELD_ALIASES[name]] as const).filter((pair) => pair[1] !== undefined);
  /** The rest of the columns are attributes of the shop's own. */
  const own = file.header.map((name, column) => [column, name] as const).filter(([column]) => !Object.values(columns).includes(column) && !extra.some(([known]) => known === column));
  const plainNumber = layout.decimals === 'comma' ? /^-?\d{1,15}(,\d{1,6})?$/ : /^-?\d{1,15}(\.\d{1,6})?$/;
  let patches: ItemPatch[] = [];
  let userIds: string[] = [];

  function readItem(fields: readonly string[]): ItemPatch | string {
    const itemId = (fields[columns.item!] ?? '').trim();
    if (itemId === '') {
      return 'no item';
    }
    if (faultOfId(itemId) !== null || itemId.includes('\uFFFD')) {
      return 'bad item id';
    }
    const patch: Record<string, unknown> = { itemId };
    const title = columns.title === undefined ? '' : (fields[columns.title] ?? '').trim();
    if (title !== '') {
      patch.title = title.slice(0, MAX_TEXT.title);
    }
    const price = columns.price === undefined ? null : parseFileNumber((fields[columns.price] ?? '').trim(), layout.decimals);
    if (price !== null) {
      if (faultOfNumber(price) !== null || price < 0) {
        return 'bad price';
      }
      patch.price = price;
    }
    const attributes: Record<string, unknown> = {};
    for (const [column, field] of extra) {
      const text = (fields[column] ?? '').trim();
      if (text === '') {
        continue;
      }
      if (field === 'categories') {
        const list = parseCategories(text);
        if (list.some((name) => faultOfId(name) !== null)) {
          return 'bad category';
        }
        patch.categories = list.slice(0, 50);
      } else if (field === 'available') {
        patch.available = NO.test(text) === HIDDEN.test(plain[column]);
      } else if (field === 'attributes') {
        const found = parseAttributes(text, file.header[column]);
        if (found === null) {
          return 'bad attributes';
        }
        Object.assign(attributes, found);
      } else if (field === 'publishedAt' || field === 'expiresAt') {
        if (isNoTime(text)) {
          continue;
        }
        const ms = parseFileTime(text, layout.dates);
        if (!(ms >= 0 && ms < Date.UTC(2200, 0, 1))) {
          return 'bad time';
        }
        patch[field] = new Date(ms).toISOString();
      } else {
        patch[field] = text.slice(0, MAX_TEXT[field as 'url' | 'imageUrl']);
      }
    }
    for (const [column, name] of own) {
      const text = (fields[column] ?? '').trim();
      if (text !== '' && name !== '') {
        // A number stays one: a filter compares it as such.
        const value = plainNumber.test(text) && !/^-?0\d/.test(text) ? Number(text.replace(',', '.')) : /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : text;
        attributes[name] = types.get(name) === 'string' ? text : value;
      }
    }
    for (const [name, value] of Object.entries(attributes)) {
      const type = typeOfAttribute(value);
      if (type !== null && types.has(name) && types.get(name) !== type) {
        return `attribute ${name} is no ${types.get(name)!}`;
      }
      if (type !== null) {
        types.set(name, type);
      }
    }
    if (Object.keys(attributes).length > 0) {
      patch.attributes = attributes;
    }
    return JSON.stringify(patch).includes('\\u0000') ? 'text with NUL' : (patch as unknown as ItemPatch);
  }

  async function flush(): Promise<void> {
    const rows = patches.length + userIds.length;
    const { progress, quarantine, onWritten } = takeNotes(rows);
    try {
      await connection.query('BEGIN');
      if (patches.length > 0) {
        await patchItems(connection, patches, true);
      }
      if (userIds.length > 0) {
        await ensureUsersAndItems(connection, userIds, []);
      }
      const cancelled = await noteProgress(connection, importNo, progress, rows, 0, quarantine);
      await connection.query('COMMIT');
      patches = [];
      userIds = [];
      onWritten(rows, cancelled, 0);
    } catch (error) {
      await connection.query('ROLLBACK').catch(() => undefined);
      throw explainDatabaseError(error);
    }
  }

  return {
    add(fields) {
      if (fields[0] === NOT_A_ROW) {
        return fields[2];
      }
      if (what === 'items') {
        const patch = readItem(fields);
        if (typeof patch === 'string') {
          return patch;
        }
        patches.push(patch);
      } else {
        const userId = (fields[columns.user!] ?? '').trim();
        if (userId === '') {
          return 'no user';
        }
        if (faultOfId(userId) !== null || userId.includes('\uFFFD')) {
          return 'bad user id';
        }
        userIds.push(userId);
      }
      return patches.length + userIds.length >= CHUNK_ROWS;
    },
    flush,
    end: flush,
  };
}
