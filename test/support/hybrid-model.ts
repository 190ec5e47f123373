/** A model with all terms of the hybrid score, really fitted on what a database holds, and published there: what training does, in small. */
import { type HybridTerms, type Histories, scaleTerms, weighHistory } from '../../src/model/hybrid.ts';
import { findTogether } from '../../src/model/baskets.ts';
import { fitIals } from '../../src/model/ials.ts';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import { foldEvents, newestOccurredAt } from '../../src/model/interactions.ts';
import { type Factors, indexInteractions, indexOfNo, meanWeight, scaleWeights, transpose } from '../../src/model/matrix.ts';
import { findNeighbours } from '../../src/model/neighbours.ts';
import { encodeItemSide, encodeUserSide } from '../../src/model/snapshot.ts';
import { DEFAULT_TERMS, type Terms, settingsOf, weightsOf, withHalfLife } from '../../src/model/terms.ts';
import { type IdTable, extractTrainingData } from '../../src/storage/extract.ts';
import { publishModel } from '../../src/storage/models.ts';
import { startRun, takeTrainingLock } from '../../src/storage/training-runs.ts';
import type { Service } from './service.ts';

export interface HybridModel {
  readonly users: Factors;
  readonly items: Factors;
  readonly histories: Histories;
  readonly terms: HybridTerms;
  readonly userIds: readonly string[];
  readonly itemIds: readonly string[];
}

/** Louder than a shop would have them, so that every list shows each of the terms. */
const LOUD: Terms = { ...DEFAULT_TERMS, neighbours: 8, neighbourWeight: 0.8, recencyWeight: 0.4 };

function idsOf({ nos, offsets, bytes }: IdTable, wanted: Int32Array): string[] {
  return Array.from(wanted, (no) => {
    const at = indexOfNo(nos, no);
    return new TextDecoder().decode(bytes.subarray(offsets[at], offsets[at + 1]));
  });
}

/** @returns what was published, as the offline commands' `rankByHybrid` takes it. Users have all their items in their histories. */
export async function publishHybridModel(service: Service, factors = 12): Promise<HybridModel> {
  const extract = await extractTrainingData(service.url, new AbortController().signal);
  const { columns } = extract;
  const rules = withHalfLife(extract.rules, LOUD.halfLifeDays);
  const newestMs = newestOccurredAt(columns);
  const interactions = foldEvents(columns, rules, newestMs);
  const { userNos, itemNos, matrix } = indexInteractions(interactions);
  const weightScale = 1 / meanWeight(matrix);
  const byUser = scaleWeights(matrix, weightScale);
  const recipe = { ...DEFAULT_RECIPE, factors };
  const { users, items } = fitIals(byUser, transpose(byUser), recipe);

  const rowStart = new Int32Array(userNos.length + 1);
  const kept: number[] = [];
  for (let r = 0, row = 0; r < interactions.userNos.length; r++) {
    if (interactions.userNos[r] === userNos[row]) {
      for (let e = interactions.rowStart[r]; e < interactions.rowStart[r + 1]; e++) {
        if (indexOfNo(itemNos, interactions.itemNos[e]) >= 0) {
          kept.push(e);
        }
      }
      rowStart[++row] = kept.length;
    }
  }
  const history = {
    rowStart, itemIndex: Int32Array.from(kept, (e) => indexOfNo(itemNos, interactions.itemNos[e])), weight: Float32Array.from(kept, (e) => interactions.weight[e]),
    target: Float32Array.from(kept, (e) => interactions.target[e]), lastMs: Float64Array.from(kept, (e) => interactions.lastMs[e]), hidden: Uint8Array.from(kept, (e) => interactions.hidden[e]), mainType: Int16Array.from(kept, (e) => interactions.mainType[e]),
  };
  const histories: Histories = { rowStart, index: history.itemIndex, weight: weighHistory(history, newestMs, LOUD.halfLifeDays) };
  const neighbours = findNeighbours(byUser, settingsOf(LOUD));
  const recentPopularity = new Float32Array(itemNos.length);
  kept.forEach((e, k) => (recentPopularity[history.itemIndex[k]] += 2 ** (-(newestMs - interactions.lastMs[e]) / 86_400_000 / LOUD.recencyHalfLifeDays)));
  const terms: HybridTerms = { neighbours, recentPopularity, scales: scaleTerms(users, items, histories, neighbours, recentPopularity, weightsOf(LOUD)) };

  const userIds = idsOf(extract.users, userNos);
  const itemIds = idsOf(extract.items, itemNos);
  const popularity = new Float32Array(itemNos.length);
  const lock = (await takeTrainingLock(service.url))!;
  try {
    await publishModel(lock.connection, await startRun(lock.connection, 'api'), {
      recipe, report: {}, watermark: extract.watermark, systemIdentifier: service.facts.systemIdentifier,
      itemPart: encodeItemSide({ recipe, weightScale, terms: LOUD, hybrid: terms, together: findTogether(columns, extract.rules, itemNos), newestMs, rules, itemNos, itemIds, factors: items, popularity, recentPopularity: popularity }),
      userPart: encodeUserSide({ userNos, userIds, factors: users, history }),
    });
  } finally {
    await lock.release();
  }
  await service.answers.followModels();
  return { users, items, histories, terms, userIds, itemIds };
}
