/**
 * Prequential figures (Dawid 1984): every version is tested by what comes after it. The live snapshot ranks as it was published, trained vectors and all, and is
 * scored on events that it has not seen. Nothing is fitted here, and the gate does not look at it: it says how the last decision turned out.
 */
import { createResamples, intervalsOf } from '../evaluation/bootstrap.ts';
import { sampleRelevance } from '../holdout.ts';
import { type Histories, rankByHybrid, weighHistory } from '../hybrid.ts';
import { type EventColumns, type Interactions, selectEvents } from '../interactions.ts';
import type { SparseRows } from '../matrix.ts';
import { evaluateRanking, type Ranker } from '../metrics.ts';
import { rankByScore } from '../popularity.ts';
import type { ItemSide, UserSide } from '../snapshot.ts';
import { findRelevance } from '../split.ts';
import type { PrequentialReport } from './report.ts';

export interface LiveSnapshot {
  version: number;
  /** The newest event that it was fitted on. */
  newestEventNo: number;
  itemSide: ItemSide;
  userSide: UserSide;
}

const listLength = 20;
const mostUsers = 20_000;

/** Null where nobody whom the version knows has done anything new. */
export function measurePrequential({ version, newestEventNo, itemSide, userSide }: LiveSnapshot, columns: EventColumns): PrequentialReport | null {
  const newer = new Int32Array(columns.length);
  let events = 0;
  for (let i = 0; i < columns.length; i++) if (columns.eventNo[i]! > newestEventNo) newer[events++] = i;
  if (events === 0) return null;
  const { history, userNos } = userSide;
  const { itemNos, terms, hybrid } = itemSide;
  const before: Interactions = { ...history, userNos, itemNos: Int32Array.from(history.itemIndex, (item) => itemNos[item]!) };
  const all = findRelevance(selectEvents(columns, newer.subarray(0, events)), itemSide.rules, before, userNos, itemNos);
  if (all.userRows.length === 0) return null;
  const relevance = sampleRelevance(all, mostUsers, itemSide.recipe.seed);
  const weight = weighHistory(history, itemSide.newestMs, terms.halfLifeDays);
  const histories: Histories = { rowStart: history.rowStart, index: history.itemIndex, weight };
  const known: SparseRows = { rows: userNos.length, cols: itemNos.length, rowStart: history.rowStart, index: history.itemIndex, weight, target: history.target };
  const resamples = createResamples(relevance.userRows.length, { seed: itemSide.recipe.seed });
  const measure = (rank: Ranker) => {
    const { recall, ndcg } = evaluateRanking(rank, relevance, [listLength]).at[0]!;
    const [ofRecall, ofNdcg] = intervalsOf(resamples, [recall, ndcg]);
    return { recall: ofRecall!, ndcg: ofNdcg! };
  };
  return {
    version, events, users: all.userRows.length,
    ...measure(rankByHybrid(userSide.factors, itemSide.factors, histories, hybrid, listLength)),
    popularity: measure(rankByScore(itemSide.popularity, known)),
  };
}
