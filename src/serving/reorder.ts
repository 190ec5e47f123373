/** Popularity's discount, diversity and rotation (model/rerank.ts) on what a list is chosen from: a ranking of the model, or entries of the catalogue, of which the model knows some. */
import { hashText, periodOf } from '../model/hash.ts';
import { type Reranker, createReranker } from '../model/rerank.ts';
import { type TopN, createTopN } from '../model/top-n.ts';
import type { Entry } from './lists.ts';
import type { LiveModel } from './live-model.ts';
import type { Steered } from './steering.ts';

export interface Reorderer {
  /** The first `depth` places of a ranking, in place. */
  ranking(found: TopN, live: LiveModel, depth: number, span: number, key: string, steered: Steered): TopN;
  /** The first `depth` of the entries, of which there may be `MAX_POOL`. Items that the model does not know are like nothing. No discount: what ranks them is popularity, or the time. */
  entries(entries: readonly Entry[], live: LiveModel | null, depth: number, span: number, key: string, steered: Steered): Entry[];
}

export const MAX_POOL = 1_000;

export function createReorderer(now: () => number): Reorderer {
  let ofModel: { readonly live: LiveModel; readonly reranker: Reranker } | null = null;

  function optionsOf({ popularityDiscount, diversity, rotation, rotationHours }: Steered, span: number, key: string) {
    return { popularityDiscount, diversity, rotation, key: hashText(key), periodNo: periodOf(now(), rotationHours), span };
  }

  return {
    ranking(found, live, depth, span, key, steered) {
      if (ofModel === null || ofModel.live !== live) {
        ofModel = { live, reranker: createReranker(live.scan.vectors, live.itemNos, live.lifts, MAX_POOL) };
      }
      return ofModel.reranker.rerank(found, depth, optionsOf(steered, span, key), found);
    },
    entries(entries, live, depth, span, key, steered) {
      const count = Math.min(entries.length, MAX_POOL);
      const stride = live?.stride ?? 0;
      const data = new Float32Array(count * stride);
      const pool = createTopN(count);
      pool.count = count;
      for (let n = 0; n < count; n++) {
        pool.items[n] = n;
        pool.scores[n] = entries[n].score;
        const index = live?.itemIndexById.get(entries[n].itemId);
        if (live !== null && index !== undefined) {
          data.set(live.scan.vectorOf(index), n * stride);
        }
      }
      const reranker = createReranker({ data, stride, offsetOf: (place) => place * stride }, Int32Array.from(entries, ({ itemNo }) => itemNo), null, count);
      const options = optionsOf(steered, span, key);
      const found = reranker.rerank(pool, depth, live === null ? { ...options, diversity: 0 } : options, pool);
      return Array.from({ length: found.count }, (_, n) => entries[found.items[n]]);
    },
  };
}
