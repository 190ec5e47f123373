/** A file of events as typed columns, for looking at it without a database. Columns, presets and the reasons for skipping a row are those of the import. */
import type { EventColumns, EventTypeRule } from '../model/interactions.ts';
import { ImportFileFault } from './csv.ts';
import { createIdList } from './ids.ts';
import { type LayoutFacts, type LayoutOptions, factsOf, readLayout } from './layout.ts';
import { createRowEvent, findPreset } from './rows.ts';

/** The types that a new database begins with. */
export const STANDARD_TYPES: readonly EventTypeRule[] = [
  { typeNo: 1, name: 'view', weight: 1, mode: 'sum', halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0 },
  { typeNo: 2, name: 'cart', weight: 3, mode: 'sum', halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0 },
  { typeNo: 3, name: 'purchase', weight: 6, mode: 'sum', halfLifeDays: null, threshold: null, useValue: false, hidesDays: 90 },
  { typeNo: 4, name: 'rating', weight: 4, mode: 'latest', halfLifeDays: null, threshold: 3.5, useValue: false, hidesDays: null },
];

export interface EventFileOptions extends Omit<LayoutOptions, 'preset' | 'needs'> {
  readonly preset: string;
  /** Event type of rows that name none; null: the preset's, else `rating` where there is a value column, else `view`. */
  readonly type: string | null;
  readonly nowMs: number;
}

export interface EventFile {
  /** How the file was read. */
  readonly facts: LayoutFacts & { readonly defaultType: string };
  /** User and item numbers are places in the lists of ids; an event's number is its place in the file. */
  readonly events: EventColumns;
  readonly userIds: readonly string[];
  readonly itemIds: readonly string[];
  readonly rowsRead: number;
  /** Rows an import would leave out, by reason. */
  readonly skipped: ReadonlyMap<string, { count: number; readonly firstLine: number }>;
}

/** @throws ImportFileFault for what is wrong with the file or the options */
export async function readEventFile(options: EventFileOptions): Promise<EventFile> {
  const preset = findPreset(options.preset);
  const layout = await readLayout({ ...options, preset });
  const { file, columns, dates, decimals } = layout;
  const types = new Map(STANDARD_TYPES.map((type) => [type.name, type]));
  const typeName = options.type ?? preset.defaultType ?? (columns.value === undefined ? 'view' : 'rating');
  const defaultType = types.get(typeName);
  if (defaultType === undefined) {
    throw new ImportFileFault(`"${typeName}" is none of the standard event types: ${[...types.keys()].join(', ')}. Choose the one that comes nearest, or import the file and check the database.`);
  }
  const read = preset.createReader({ columns, types, defaultType, nowMs: options.nowMs, dates, decimals });
  const row = createRowEvent();
  const events = createEventColumns();
  const users = createIdList();
  const items = createIdList();
  const skipped = new Map<string, { count: number; readonly firstLine: number }>();
  let rowsRead = 0;
  for await (const { rows, lines } of file.batches()) {
    for (let k = 0; k < rows.length; k++) {
      rowsRead++;
      const reason = read(rows[k], row);
      if (reason === null) {
        events.add(users.indexOf(row.userId), items.indexOf(row.itemId), row.typeNo, row.value, row.quantity, row.occurredAtMs);
        continue;
      }
      const known = skipped.get(reason);
      if (known === undefined) {
        skipped.set(reason, { count: 1, firstLine: lines[k] });
      } else {
        known.count++;
      }
    }
  }
  return { facts: { ...factsOf(layout), defaultType: defaultType.name }, events: events.finish(), userIds: users.ids, itemIds: items.ids, rowsRead, skipped };
}

function createEventColumns() {
  const make = (capacity: number): EventColumns => ({
    length: 0,
    user: new Int32Array(capacity), item: new Int32Array(capacity), type: new Int16Array(capacity), value: new Float32Array(capacity), quantity: new Float32Array(capacity),
    occurredAtMs: new Float64Array(capacity), eventNo: new Float64Array(capacity),
  });
  const names = ['user', 'item', 'type', 'value', 'quantity', 'occurredAtMs', 'eventNo'] as const;
  let columns = make(1 << 16);
  return {
    add(user: number, item: number, type: number, value: number | null, quantity: number | null, occurredAtMs: number): void {
      const at = columns.length++;
      if (at === columns.user.length) {
        const larger = make(2 * at);
        names.forEach((name) => larger[name].set(columns[name]));
        columns = { ...larger, length: columns.length };
      }
      columns.user[at] = user;
      columns.item[at] = item;
      columns.type[at] = type;
      columns.value[at] = value ?? Number.NaN;
      columns.quantity[at] = quantity ?? Number.NaN;
      columns.occurredAtMs[at] = occurredAtMs;
      columns.eventNo[at] = at + 1;
    },
    finish(): EventColumns {
      const { length } = columns;
      return {
        length,
        user: columns.user.slice(0, length), item: columns.item.slice(0, length), type: columns.type.slice(0, length), value: columns.value.slice(0, length), quantity: columns.quantity.slice(0, length),
        occurredAtMs: columns.occurredAtMs.slice(0, length), eventNo: columns.eventNo.slice(0, length),
      };
    },
  };
}
