/** Which column of a file means what: from an explicit mapping, else by the names that shops, and public data sets, use. */
import { nearestName } from '../model/nearest-name.ts';
import { ImportFileFault, splitRecord } from './csv.ts';

export const COLUMN_MEANINGS = ['user', 'item', 'type', 'value', 'time', 'quantity', 'price', 'group', 'id', 'title'] as const;
export type Meaning = (typeof COLUMN_MEANINGS)[number];
/** Column numbers from 0. */
export type ColumnMap = Readonly<Partial<Record<Meaning, number>>>;

/** Names compare without case, spaces, `_` and `-`. */
const ALIASES: Readonly<Record<Meaning, readonly string[]>> = {
  user: ['user', 'userid', 'customer', 'customerid', 'shopper', 'shopperid', 'visitorid', 'memberid', 'clientid'],
  item: ['item', 'itemid', 'product', 'productid', 'stockcode', 'sku', 'articleid', 'movieid', 'bookid', 'asin', 'itemno', 'articlenumber'],
  type: ['type', 'event', 'eventtype', 'feedbacktype', 'action', 'behavior', 'behaviour'],
  value: ['value', 'rating', 'score', 'stars'],
  time: ['time', 'timestamp', 'occurredat', 'date', 'datetime', 'eventtime', 'createdat', 'invoicedate', 'orderedat', 'orderdate', 'purchasedat', 'eventdate', 'ratedat', 'ts'],
  quantity: ['quantity', 'qty', 'amount', 'units'],
  price: ['price', 'unitprice'],
  group: ['group', 'groupid', 'basket', 'basketid', 'order', 'orderid', 'orderno', 'ordernumber', 'session', 'sessionid', 'usersession', 'invoice', 'invoiceno'],
  id: ['id', 'eventid', 'dedup'],
  title: ['title', 'name', 'description', 'productname', 'itemname'],
};

function normalise(name: string): string {
  return name.toLowerCase().replace(/[\s_-]/g, '');
}

/** What a column of this name usually is, or null. */
export function meaningOf(name: string): Meaning | null {
  return COLUMN_MEANINGS.find((meaning) => ALIASES[meaning].includes(normalise(name))) ?? null;
}

/** Reads `user=CustomerID,item=StockCode`; a part with a comma in it stands in quotes, as a field of CSV does, and `price=` says that no column is the price. @throws ImportFileFault naming the part that is wrong */
export function parseColumnMapping(text: string): Partial<Record<Meaning, string>> {
  const mapping: Partial<Record<Meaning, string>> = {};
  for (const part of splitRecord(text, ',', true)!) {
    const at = part.indexOf('=');
    const meaning = part.slice(0, at).trim();
    if (at < 0 || !(COLUMN_MEANINGS as readonly string[]).includes(meaning)) {
      const near = nearestName(meaning === '' ? part : meaning, COLUMN_MEANINGS);
      throw new ImportFileFault(
        `--columns has "${part.trim()}"${near === null ? '' : ` (did you mean "${near}=…"?)`}; expected meaning=column pairs such as user=CustomerID,item=StockCode. Meanings: ${COLUMN_MEANINGS.join(', ')}.`,
      );
    }
    mapping[meaning as Meaning] = part.slice(at + 1).trim();
  }
  return mapping;
}

/**
 * @param wanted column names by meaning, '' for none; what it leaves out is looked for by the usual names
 * @param insisted meanings whose wanted column must be there, as those of `needs`; a preset's others may be missing
 * @throws ImportFileFault where a named column, or one for user or item, is not in the header
 */
export function mapColumns(header: readonly string[], wanted: Partial<Record<Meaning, string>>, needs: readonly Meaning[] = ['user', 'item'], insisted: readonly Meaning[] = COLUMN_MEANINGS): ColumnMap {
  const map: Partial<Record<Meaning, number>> = {};
  const normalised = header.map(normalise);
  for (const meaning of COLUMN_MEANINGS) {
    const name = wanted[meaning];
    if (name === '') {
      continue;
    }
    if (name !== undefined) {
      const exact = header.indexOf(name);
      const at = exact >= 0 ? exact : normalised.indexOf(normalise(name));
      if (at < 0 && !insisted.includes(meaning) && !needs.includes(meaning)) {
        continue;
      }
      if (at < 0) {
        const near = nearestName(name, header);
        throw new ImportFileFault(`The file has no column "${name}" (wanted as ${meaning})${near === null ? '.' : `; did you mean "${near}"?`} Its columns are: ${header.join(', ')}.`);
      }
      map[meaning] = at;
      continue;
    }
    const at = normalised.findIndex((column) => ALIASES[meaning].includes(column));
    if (at >= 0 && !Object.values(map).includes(at)) {
      map[meaning] = at;
    }
  }
  for (const meaning of needs) {
    if (map[meaning] === undefined) {
      throw new ImportFileFault(
        `No column of the file looks like the ${meaning}. Its columns are: ${header.join(', ')}. Say which it is, for example --columns ${meaning}=${header[meaning === 'user' ? 0 : Math.min(1, header.length - 1)]}.`,
      );
    }
  }
  return map;
}
