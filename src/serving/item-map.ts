/**
 * The live model's items as a map: near one another is what it takes for alike. Made once a version, when somebody first asks, of the most popular items as the model knows
 * them; what the catalogue says of them is read when it is shown.
 */
import { type PlaneMap, mapToPlane } from '../model/item-map.ts';
import { type InPieces, overRanges } from '../model/pieces.ts';
import { createTopN, offerTopN, sortTopN } from '../model/top-n.ts';
import { nameItems } from '../storage/data-pictures.ts';
import type { Database } from '../storage/database.ts';
import { withPauses } from './following.ts';
import type { LiveModel } from './live-model.ts';

export const MAX_MAPPED = 10_000;
/** In steps of a simple loop, of an item that may be among the most popular. */
const OFFER_COST = 16;

export interface MappedItem {
  readonly itemId: string;
  readonly title: string | null;
  /** The first of the item's; null: it has none. */
  readonly category: string | null;
  readonly x: number;
  readonly y: number;
  /** In parts of the mean of all items that the model knows. */
  readonly popularity: number;
}

export interface ItemMap {
  readonly modelVersion: number;
  /** Items that the model knows. */
  readonly items: number;
  readonly shares: PlaneMap['shares'];
  /** The most popular first. */
  readonly points: readonly MappedItem[];
}

interface Kept {
  readonly model: LiveModel;
  readonly plane: Promise<{ readonly indexes: Int32Array; readonly map: PlaneMap }>;
}

export interface ItemMaps {
  /** @returns null: there is no model. @throws DatabaseUnavailable */
  read(model: LiveModel | null, limit: number): Promise<ItemMap | null>;
}

export function createItemMaps(database: Database): ItemMaps {
  let kept: Kept | null = null;

  return {
    async read(model, limit) {
      if (model === null) {
        return null;
      }
      if (kept?.model !== model) {
        const plane = withPauses(mapItems(model));
        kept = { model, plane };
        plane.catch(() => {
          // Whoever asks next tries again.
          kept = kept?.plane === plane ? null : kept;
        });
      }
      const { indexes, map } = await kept.plane;
      const shown = indexes.subarray(0, limit);
      const names = await nameItems(database, Array.from(shown, (index) => model.itemNos[index]));
      const points = Array.from(shown, (index, place): MappedItem => {
        const { title = null, category = null } = names.get(model.itemNos[index]) ?? {};
        return { itemId: model.itemIds[index], title, category, x: rounded(map.x[place]), y: rounded(map.y[place]), popularity: rounded(model.popularity[index]) };
      });
      return { modelVersion: model.version, items: model.itemNos.length, shares: map.shares, points };
    },
  };
}

/** Indexes of items, ties to the smaller one. */
function* mostPopular({ popularity }: LiveModel): InPieces<Int32Array> {
  const top = createTopN(Math.min(MAX_MAPPED, popularity.length));
  yield* overRanges(popularity.length, OFFER_COST, (from, to) => {
    for (let index = from; index < to; index++) {
      offerTopN(top, top.items.length, popularity[index], index);
    }
  });
  sortTopN(top);
  return top.items;
}

/** By direction alone, as likeness is a cosine: lengths of vectors say how well an item is known. */
function* mapItems(model: LiveModel): InPieces<{ indexes: Int32Array; map: PlaneMap }> {
  const { scan, stride } = model;
  const indexes = yield* mostPopular(model);
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
  return { indexes, map: yield* mapToPlane(vectors, indexes.length, stride) };
}

function rounded(coordinate: number): number {
  return Math.round(coordinate * 1e4) / 1e4;
}
