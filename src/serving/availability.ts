/**
 * Which items may be in an answer now. Only items with a restriction are kept; the catalogue's own rows stay in Postgres. Own changes are read back before they are
 * acknowledged, those of others when Postgres says that there are some.
 */
import { indexOfNo } from '../model/matrix.ts';
import type { Database } from '../storage/database.ts';
import { loadAvailability } from '../storage/items.ts';
import type { LiveModel } from './live-model.ts';

interface Restriction {
  readonly off: boolean;
  readonly publishedAtMs: number | null;
  readonly expiresAtMs: number | null;
}

export interface Availability {
  refresh(): Promise<void>;
  isBlocked(itemNo: number): boolean;
  /** Marks by item index of a model: 1 = leave out. The array is this room's own: whoever sets more marks takes them back. */
  marksFor(model: LiveModel): Uint8Array;
  /** Changes whenever the marks may have; what was computed from them under another number is out of date. */
  generation(model: LiveModel): number;
}

export function createAvailability(database: Database, now: () => number): Availability {
  const restrictions = new Map<number, Restriction>();
  let watermark: string | null = null;
  let refreshing: Promise<void> | null = null;
  let again = false;
  let marks = new Uint8Array(0);
  let markedModel: LiveModel | null = null;
  /** When a published_at or expires_at next makes a difference. */
  let nextChangeMs = -Infinity;
  let generation = 0;

  function blocked({ off, publishedAtMs, expiresAtMs }: Restriction, nowMs: number): boolean {
    return off || (publishedAtMs !== null && publishedAtMs > nowMs) || (expiresAtMs !== null && expiresAtMs <= nowMs);
  }

  function rebuild(model: LiveModel, nowMs: number): void {
    marks = markedModel === model ? marks.fill(0) : new Uint8Array(model.itemNos.length);
    markedModel = model;
    generation++;
    nextChangeMs = Infinity;
    for (const [itemNo, restriction] of restrictions) {
      const index = indexOfNo(model.itemNos, itemNo);
      if (index >= 0 && blocked(restriction, nowMs)) {
        marks[index] = 1;
      }
      for (const at of [restriction.publishedAtMs, restriction.expiresAtMs]) {
        if (at !== null && at > nowMs && at < nextChangeMs) {
          nextChangeMs = at;
        }
      }
    }
  }

  function update(model: LiveModel): void {
    const nowMs = now();
    if (model !== markedModel || nowMs >= nextChangeMs) {
      rebuild(model, nowMs);
    }
  }

  async function read(): Promise<void> {
    do {
      again = false;
      const fresh = await loadAvailability(database, watermark);
      for (const { itemNo, off, publishedAtMs, expiresAtMs } of fresh.rows) {
        if (off || publishedAtMs !== null || expiresAtMs !== null) {
          restrictions.set(itemNo, { off, publishedAtMs, expiresAtMs });
        } else {
          restrictions.delete(itemNo);
        }
      }
      watermark = fresh.watermark;
      if (fresh.rows.length > 0) {
        nextChangeMs = -Infinity;
      }
    } while (again);
  }

  return {
    async refresh() {
      if (refreshing !== null) {
        // The read under way may have begun before the change that this call is about.
        again = true;
        return await refreshing;
      }
      refreshing = read().finally(() => {
        refreshing = null;
      });
      return await refreshing;
    },
    isBlocked(itemNo) {
      const restriction = restrictions.get(itemNo);
      return restriction !== undefined && blocked(restriction, now());
    },
    marksFor(model) {
      update(model);
      return marks;
    },
    generation(model) {
      update(model);
      return generation;
    },
  };
}
