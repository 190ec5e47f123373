/**
 * New items and where they go: items of the catalogue that the live model does not know get a vector from what the catalogue says of them (model/content.ts) and a share of the places of every
 * shopper's list (exploration.ts). Each model that answers has its own: what one knows another may not. Vectors are made when a model goes live and when the catalogue has changed, beside the answers and no more often than is cheap.
 */
import { FEATURE_WEIGHTS, type FeatureSource, inferVectors, priceFeatures } from '../model/content.ts';
import { hashText, periodOf, seedOf } from '../model/hash.ts';
import type { Factors } from '../model/matrix.ts';
import type { Catalogue } from './catalogue.ts';
import type { ListColumn, NumberColumn } from './columns.ts';
import type { Prepared } from './conditions.ts';
import { drawNew, placesForNew, weave } from './exploration.ts';
import type { Entry } from './lists.ts';
import type { LiveModel } from './live-model.ts';
import type { Masks } from './masks.ts';
import { MAX_DEPTH } from './parameters.ts';

export interface Explorer {
  /**
   * New items for the places of a shopper's list below `end`: k-th item, k-th place. There may be fewer items than places.
   *
   * @param vector the shopper's
   * @param key whose the chances are
   * @param isTaken items, by number, that are in the list already or are kept from it
   */
  choose(live: LiveModel, vector: Float32Array, key: string, steered: Prepared, end: number, isTaken: (itemNo: number) => boolean): Explored;
  /** The list with new items in their places, `depth` long at most. */
  mix(live: LiveModel, vector: Float32Array, key: string, list: Entry[], steered: Prepared, depth: number, isHidden: (itemNo: number) => boolean): Entry[];
  /** The catalogue may have changed, or other models answer. */
  refresh(models: readonly LiveModel[]): void;
  stop(): void;
}

export interface Explored {
  readonly places: readonly number[];
  readonly entries: readonly Entry[];
}

const NOTHING: Explored = { places: [], entries: [] };

/** Items that have been known for longer and that nobody ever touched are not new. */
const NEW_DAYS = 90;
/**
 * A new item goes to those whom it suits: where its score lies half a spread of the shopper's scores above their mean, over all items that the model knows; and in any case to the tenth of the shoppers whom
 * it suits best, so that each is shown to somebody, however little is known of it. Without, ten new items in a place and a half of every list were met by everybody, every day.
 */
const SUITED = 0.5;
const LEAST_SHARE = 0.1;
/** By whom it is known what suits the tenth. */
const SAMPLED_USERS = 200;
/** The newest of them take part. */
const MAX_NEW = 2_000;
const MAX_ATTRIBUTES = 32;
/** Making vectors takes at most this share of the time. */
const BUSY_SHARE = 1 / 20;

interface NewItems {
  readonly nos: Int32Array;
  readonly ids: readonly string[];
  readonly vectors: Factors;
  /** 0: nothing is known that says anything. */
  readonly features: Int32Array;
  /** What x·y must come to at least, in the shopper's spreads above their mean. */
  readonly leasts: Float64Array;
  /** Room for x·y of one shopper. */
  readonly relevance: Float64Array;
}

function fromLists({ start, size, pool }: ListColumn, rows: number, weight: number): FeatureSource {
  const rowStart = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    rowStart[row + 1] = rowStart[row] + (row < size.length ? Math.max(0, size[row] - 1) : 0);
  }
  const hash = new Uint32Array(rowStart[rows]);
  for (let row = 0; row < rows; row++) {
    for (let e = rowStart[row], k = 0; e < rowStart[row + 1]; e++, k++) {
      hash[e] = pool[start[row] + k];
    }
  }
  return { rowStart, hash, weight };
}

/** 0: none. */
function fromCodes({ values }: NumberColumn<Int32Array> | NumberColumn<Uint8Array>, rows: number, weight: number): FeatureSource {
  const rowStart = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    rowStart[row + 1] = rowStart[row] + (row < values.length && values[row] !== 0 ? 1 : 0);
  }
  const hash = new Uint32Array(rowStart[rows]);
  for (let row = 0; row < rows; row++) {
    if (rowStart[row + 1] > rowStart[row]) {
      hash[rowStart[row]] = values[row];
    }
  }
  return { rowStart, hash, weight };
}

/** A shopper's scores over all items that the model knows. */
function scaleOf({ scan }: LiveModel, vector: Float32Array): { mean: number; spread: number } {
  const { rows, sum } = scan.moments();
  let mean = 0;
  for (let k = 0; k < vector.length; k++) {
    mean += (vector[k] * sum[k]) / rows;
  }
  return { mean, spread: scan.spread(vector) };
}

/** Of each vector how far above the mean a shopper's score must lie for it; −∞ where the model has no shoppers. */
function leastsOf(live: LiveModel, { rows, stride, data }: Factors): Float64Array {
  const { userFactors: users } = live;
  const taken = Math.min(users.rows, SAMPLED_USERS);
  const scores = Array.from({ length: rows }, () => new Float64Array(taken));
  for (let n = 0; n < taken; n++) {
    const from = Math.floor((n * users.rows) / taken) * stride;
    const vector = users.data.subarray(from, from + stride);
    const { mean, spread } = scaleOf(live, vector);
    for (let i = 0; i < rows; i++) {
      let product = 0;
      for (let k = 0; k < stride; k++) {
        product += vector[k] * data[i * stride + k];
      }
      scores[i][n] = spread > 0 ? (product - mean) / spread : 0;
    }
  }
  return Float64Array.from(scores, (own) => (taken === 0 ? -Infinity : Math.min(SUITED, own.sort()[Math.floor((1 - LEAST_SHARE) * taken)])));
}

export function createExplorer(catalogue: Catalogue, masks: Masks, now: () => number): Explorer {
  const known = new Map<LiveModel, NewItems>();
  let revision = -1;
  let notBeforeMs = 0;
  let timer: NodeJS.Timeout | null = null;

  function featuresOf(): FeatureSource[] {
    const { rows, categories, titleWords, price, attributes } = catalogue.columns;
    const prices = new Float32Array(rows).fill(Number.NaN);
    prices.set(price.values.subarray(0, Math.min(rows, price.values.length)));
    const sources = [fromLists(categories, rows, FEATURE_WEIGHTS.categories), fromLists(titleWords, rows, FEATURE_WEIGHTS.words), priceFeatures(prices)];
    for (const attribute of [...attributes.values()].slice(0, MAX_ATTRIBUTES)) {
      if (attribute.type === 'array') {
        sources.push(fromLists(attribute.column, rows, FEATURE_WEIGHTS.attributes));
      } else if (attribute.type === 'string' || attribute.type === 'boolean') {
        sources.push(fromCodes(attribute.column, rows, FEATURE_WEIGHTS.attributes));
      }
    }
    return sources;
  }

  function find(live: LiveModel): NewItems {
    const { columns } = catalogue;
    const itemOf = new Int32Array(columns.rows).fill(-1);
    const rowOf = catalogue.rowsOf(live);
    for (let index = 0; index < rowOf.length; index++) {
      if (rowOf[index] >= 0) {
        itemOf[rowOf[index]] = index;
      }
    }
    const since = now() - NEW_DAYS * 86_400_000;
    const isNew = new Uint8Array(columns.rows);
    for (let row = 0; row < columns.rows; row++) {
      isNew[row] = itemOf[row] < 0 && columns.newnessMs(row) >= since ? 1 : 0;
    }
    const rows = catalogue.newest(MAX_NEW, isNew);
    const { vectors, features } = rows.length === 0 ? { vectors: { rows: 0, factors: 0, stride: live.stride, data: new Float32Array(0) }, features: new Int32Array(0) } : inferVectors(featuresOf(), itemOf, rows, live.scan.vectors);
    return { nos: rows.map((row) => columns.nos[row]), ids: Array.from(rows, (row) => columns.ids[row]), vectors, features, leasts: leastsOf(live, vectors), relevance: new Float64Array(rows.length) };
  }

  function refresh(models: readonly LiveModel[]): void {
    for (const live of known.keys()) {
      if (!models.includes(live)) {
        known.delete(live);
      }
    }
    const isNewer = revision !== catalogue.revision();
    if (!isNewer && models.every((live) => known.has(live))) {
      return;
    }
    if (isNewer && models.some((live) => known.has(live)) && now() < notBeforeMs) {
      // Those of models that answer already may wait.
      timer ??= setTimeout(() => {
        timer = null;
        refresh([...known.keys()]);
      }, notBeforeMs - now()).unref();
      models.filter((live) => !known.has(live)).forEach((live) => known.set(live, find(live)));
      return;
    }
    const startedMs = now();
    revision = catalogue.revision();
    for (const live of models) {
      if (isNewer || !known.has(live)) {
        known.set(live, find(live));
      }
    }
    notBeforeMs = now() + (now() - startedMs) / BUSY_SHARE;
  }

  function choose(live: LiveModel, vector: Float32Array, key: string, steered: Prepared, end: number, isTaken: (itemNo: number) => boolean): Explored {
    const own = steered.explore === 0 ? undefined : known.get(live);
    if (own === undefined || own.nos.length === 0) {
      return NOTHING;
    }
    const seed = seedOf(hashText(key), periodOf(now(), steered.rotationHours));
    // Planned for the longest list, so that pages of one fit together.
    const places = placesForNew(MAX_DEPTH, steered.explore, seed, end);
    if (places.length === 0) {
      return NOTHING;
    }
    const { nos, ids, vectors: { data, stride }, features, leasts, relevance } = own;
    const marks = steered.condition === null ? null : masks.matches(steered.condition);
    const excluded = steered.exclude.length === 0 ? null : new Set(steered.exclude);
    const blocked = catalogue.blockedRows();
    const { mean, spread } = scaleOf(live, vector);
    for (let n = 0; n < nos.length; n++) {
      const row = catalogue.columns.rowOfNo(nos[n]);
      const fits = features[n] > 0 && row >= 0 && blocked[row] === 0 && (marks === null || marks[row] === 1) && (excluded === null || !excluded.has(ids[n])) && !isTaken(nos[n]);
      let product = 0;
      for (let k = 0; fits && k < live.stride; k++) {
        product += vector[k] * data[n * stride + k];
      }
      relevance[n] = fits && product >= mean + spread * leasts[n] ? product : Number.NaN;
    }
    return { places, entries: drawNew({ itemNos: nos, relevance, seen: null }, places.length, seed).map((n) => ({ itemId: ids[n], itemNo: nos[n], score: relevance[n], source: 'explore' })) };
  }

  return {
    choose,
    mix(live, vector, key, list, steered, depth, isHidden) {
      const present = new Set(list.map(({ itemNo }) => itemNo));
      // Where the ranking ends early, what is left of the new items follows it.
      const { places, entries } = choose(live, vector, key, steered, list.length < depth ? MAX_DEPTH : depth, (itemNo) => present.has(itemNo) || isHidden(itemNo));
      return entries.length === 0 ? list : weave(list, entries, places, depth);
    },
    refresh,
    stop() {
      if (timer !== null) {
        clearTimeout(timer);
      }
    },
  };
}
