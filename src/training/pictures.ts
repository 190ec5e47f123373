/** Pictures of the data (`model/quality/pictures.ts`), kept with the names that they need from the catalogue when they are shown. */
import type { TopItem } from '../model/quality/pictures.ts';
import { type KeptPictures, type NamedItem, countCategories, nameItems, newestEventNo, storePictures } from '../storage/data-pictures.ts';
import type { Database, Queryable } from '../storage/database.ts';
import type { DataCheck } from './threads/messages.ts';

export interface NamedPictures extends KeptPictures {
  /** Items of `pictures.longTail.top` that there still are. */
  readonly top: readonly (NamedItem & Omit<TopItem, 'itemNo'>)[];
}

/** Pictures are young for so long, and longer by what it takes to make them: a share of about a hundredth of the time for whoever keeps looking. */
const YOUNG_MS = 10_000;
const YOUNG_EVENTS_PER_MS = 10;
/** What goes without a newer event: erasures, an undone import, items that have another category. */
const LONGEST_YOUNG_MS = 3_600_000;

export async function keepPictures(database: Queryable, { pictures, itemEvents }: DataCheck): Promise<void> {
  await storePictures(database, { pictures, categories: await countCategories(database, itemEvents) });
}

/** Whether others should be made. */
export async function areOld(database: Database, { pictures }: KeptPictures, nowMs: number): Promise<boolean> {
  const ageMs = nowMs - pictures.checkedAtMs;
  const youngMs = YOUNG_MS + pictures.events / YOUNG_EVENTS_PER_MS;
  return ageMs > Math.max(youngMs, LONGEST_YOUNG_MS) || (ageMs > youngMs && (await newestEventNo(database)) !== pictures.newestEventNo);
}

export async function namePictures(database: Database, kept: KeptPictures): Promise<NamedPictures> {
  const { top } = kept.pictures.longTail;
  const names = await nameItems(database, top.map(({ itemNo }) => itemNo));
  return { ...kept, top: top.flatMap(({ itemNo, ...counts }) => (names.has(itemNo) ? [{ ...names.get(itemNo)!, ...counts }] : [])) };
}
