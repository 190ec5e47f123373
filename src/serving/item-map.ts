/**
 * The live model's items as a map: near one another is what it takes for alike. Made once a version, when somebody first asks, of the items with most events; what the catalogue says of
 * them is read when it is shown.
 */
import { type PlaneMap, mapToPlane } from '../model/item-map.ts';
import { type InPieces, overRanges } from '../model/pieces.ts';
import { countEventsByItem, nameItems } from '../storage/data-pictures.ts';
import type { Database } from '../storage/database.ts';
import { withPauses } from './following.ts';
import type { LiveModel } from './live-model.ts';

export const MAX_MAPPED = 10_000;
/** Some with events are in no model: they came after it. */
const MAX_COUNTED = 2 * MAX_MAPPED;

export interface MappedItem {
  readonly itemId: string;
  readonly title: string | null;
  /** The first of the item's; null: it has none. */
  readonly category: string | null;
  readonly x: number;
  readonly y: number;
  readonly events: number;
}

export interface ItemMap {
  readonly modelVersion: number;
  /** Items that the model knows. */
  readonly items: number;
  readonly shares: PlaneMap['shares'];
  /** Most events first. */
  readonly points: readonly MappedItem[];
}

interface Kept {
  readonly model: LiveModel;
  readonly plane: Promise<{ readonly indexes: Int32Array; readonly events: Int32Array; readonly map: PlaneMap }>;
}

export interface ItemMaps {
  /** @returns null: there is no model. @throws DatabaseUnavailable */
  read(model: LiveModel | null, limit: number): Promise<ItemMap | null>;
}

export function createItemMaps(database: Database): ItemMaps {
  let kept: Kept | null = null;

  async function make(model: LiveModel): ReturnType<() => Kept['plane']> {
    const counted = await countEventsByItem(database, MAX_COUNTED);
    const places = new Map(Array.from(model.itemNos, (itemNo, index) => [itemNo, index]));
    const mapped = counted.filter(({ itemNo }) => places.has(itemNo)).slice(0, MAX_MAPPED);
    const indexes = Int32Array.from(mapped, ({ itemNo }) => places.get(itemNo)!);
    return { indexes, events: Int32Array.from(mapped, ({ events }) => events), map: await withPauses(mapItems(model, indexes)) };
  }

  return {
    async read(model, limit) {
      if (model === null) {
        return null;
      }
      if (kept?.model !== model) {
        const plane = make(model);
        kept = { model, plane };
        plane.catch(() => {
          // Whoever asks next tries again.
          kept = kept?.plane === plane ? null : kept;
        });
      }
      const { indexes, events, map } = await kept.plane;
      const shown = indexes.subarray(0, limit);
      const names = await nameItems(database, Array.from(shown, (index) => model.itemNos[index]));
      const points = Array.from(shown, (index, place): MappedItem => {
        const { title = null, category = null } = names.get(model.itemNos[index]) ?? {};
        return { itemId: model.itemIds[index], title, category, x: rounded(map.x[place]), y: rounded(map.y[place]), events: events[place] };
      });
      return { modelVersion: model.version, items: model.itemNos.length, shares: map.shares, points };
    },
  };
}

/** By direction alone, as likeness is a cosine: lengths of vectors say how well an item is known. */
function* mapItems({ scan, stride }: LiveModel, indexes: Int32Array): InPieces<PlaneMap> {
  const vectors = new Float32Array(indexes.length * stride);
  yield* overRanges(indexes.length, 4 * stride, (from, to) => {
    for (let place = from; place < to; place++) {
      const vector = scan.vectorOf(indexes[place]);
      let square = 0;
      for (let k = 0; k < stride; k++) {
        square += vector[k] * vector[k];
      }
      const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
      for (let k = 0; k < stride; k++) {
        vectors[place * stride + k] = scale * vector[k];
      }
    }
  });
  return yield* mapToPlane(vectors, indexes.length, stride);
}

function rounded(coordinate: number): number {
  return Math.round(coordinate * 1e4) / 1e4;
}
