/** Writes the generator's shop into an empty database, by the same ways that a shop's own data take. */
import { DEMO_EVENT_TYPES, generateDemoShop } from './demo/generator.ts';
import { createChunkWriter, emptyQuarantine } from './ingest/chunks.ts';
import { createRowEvent } from './ingest/rows.ts';
import { type Database, connectAlone, inTransaction } from './storage/database.ts';
import { listEventTypes } from './storage/event-types.ts';
import { hasEvents } from './storage/events.ts';
import { DEMO_FORMAT, analyzeTables, createStaging, endImport, findLastImport, startImport, withDemoLock } from './storage/imports.ts';
import { listItems, patchItems } from './storage/items.ts';

export const DEMO_SIZE = { seed: 20_260, users: 2_000, items: 1_000, events: 100_000 } as const;
const ITEMS_A_TIME = 500;

export interface DemoOutcome {
  /** Whether this database holds the demo shop now. */
  readonly isDemo: boolean;
  /** Events that were new. */
  readonly written: number;
  /** Why nothing was written; null where something was, or the demo was complete. */
  readonly refused: 'own-data' | 'not-wanted' | null;
}

/**
 * Makes sure of the demo shop where it is wanted and the database is empty, and ends a writing that a former process began and did not end: with the same last moment the same
 * events come out, and those stored already are recognised. One process at a time; a second one waits and finds it done.
 *
 * @param onWrite called before anything is written
 */
export async function ensureDemoShop(database: Database, connectionString: string, wanted: boolean, nowMs: number, onWrite: () => void): Promise<DemoOutcome> {
  return await withDemoLock(connectionString, async () => {
    const demo = await findLastImport(database, DEMO_FORMAT);
    if (demo?.state === 'done') {
      return { isDemo: true, written: 0, refused: null };
    }
    if (demo === null) {
      if (await hasEvents(database) || (await listItems(database, null, 0, 1)).length > 0) {
        return { isDemo: false, written: 0, refused: 'own-data' };
      }
      if (!wanted) {
        return { isDemo: false, written: 0, refused: 'not-wanted' };
      }
    }
    onWrite();
    return { isDemo: true, written: await writeDemoShop(database, connectionString, demo === null ? nowMs : Number(demo.options.endMs)), refused: null };
  });
}

/** @param endMs the moment of the newest event */
async function writeDemoShop(database: Database, connectionString: string, endMs: number): Promise<number> {
  const shop = generateDemoShop({ ...DEMO_SIZE, endMs });
  // Noted first: what ends before this import is done is known to be unfinished.
  const importNo = await startImport(database, 'demo shop', DEMO_FORMAT, { ...DEMO_SIZE, endMs });
  for (let from = 0; from < shop.items.length; from += ITEMS_A_TIME) {
    const patches = shop.items.slice(from, from + ITEMS_A_TIME).map(({ publishedAtMs, ...item }) => ({ ...item, publishedAt: publishedAtMs === null ? null : new Date(publishedAtMs).toISOString() }));
    await inTransaction(database, async (connection) => await patchItems(connection, patches, true));
  }
  const connection = await connectAlone(connectionString, 'jongleur-demo');
  try {
    const typeNos = new Map((await listEventTypes(connection)).map((type) => [type.name, type.typeNo]));
    await createStaging(connection);
    const { events } = shop;
    const row = createRowEvent();
    let written = 0;
    let at = 0;
    const chunks = createChunkWriter(connection, {
      importNo, fillsItems: false,
      takeNotes: () => ({ progress: { rowsRead: at, skipped: {}, lastLine: at, fraction: at / events.length }, quarantine: emptyQuarantine(), onWritten: (inserted) => (written += inserted) }),
    });
    const orNull = (number: number) => (Number.isNaN(number) ? null : number);
    while (at < events.length) {
      row.userId = `user-${events.user[at]}`;
      row.itemId = `item-${events.item[at]}`;
      row.typeNo = typeNos.get(DEMO_EVENT_TYPES[events.type[at]])!;
      row.value = orNull(events.value[at]);
      row.quantity = orNull(events.quantity[at]);
      row.price = orNull(events.price[at]);
      row.groupId = events.group[at] === 0 ? null : `session-${events.group[at]}`;
      row.occurredAtMs = events.occurredAtMs[at];
      at++;
      if (chunks.add(row)) {
        await chunks.flush();
      }
    }
    await chunks.end();
    await analyzeTables(connection);
    await endImport(connection, importNo, 'done', null);
    return written;
  } finally {
    await connection.end().catch(() => undefined);
  }
}
