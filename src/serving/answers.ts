/**
 * Answers from memory. `recommend` needs Postgres only for a shopper whose newest events the model has not seen, and for catalogue fields; with Postgres away
 * everything is still answered, marked `stale` where that matters.
 *
 * Following Postgres: `followEvents`, `followItems` and `followModels` are called after a wake-up and now and then without one. They ask what is newer than what was seen, so a lost
 * wake-up delays and never loses.
 */
import type { Database } from '../storage/database.ts';
import { currentWatermark, usersWithEventsSince } from '../storage/events.ts';
import { type Item, loadItems, findItem } from '../storage/items.ts';
import { listGoneUsers } from '../storage/erasures.ts';
import { readUserChanges } from '../storage/users.ts';
import { ModelDamaged, findLiveModel, loadModelPart } from '../storage/models.ts';
import { SnapshotDamaged } from '../model/snapshot.ts';
import { findSimilar } from '../model/similar.ts';
import { type TopN, createTopN } from '../model/top-n.ts';
import type { HistoryEntries } from '../model/hybrid.ts';
import { createCatalogue } from './catalogue.ts';
import { type LiveModel, MAX_RANKED, createLiveModel, forgetUsers } from './live-model.ts';
import { createTrending } from './trending.ts';
import { type CommittedEvent, MAX_DIRTY_USERS, type UserState, createUserStates } from './user-state.ts';

export type Source = 'personal' | 'session' | 'similar' | 'trending';
export type Field = 'title' | 'url' | 'imageUrl' | 'price' | 'categories' | 'attributes';

export interface AnswerItem extends Partial<Pick<Item, Field>> {
  itemId: string;
  score: number;
  /** Where it differs from the list's. */
  source?: Source;
}

export interface Answer {
  modelVersion: number | null;
  source: Source;
  stale?: boolean;
  items: AnswerItem[];
}

export interface SessionItem {
  readonly itemId: string;
  readonly typeNo: number;
}

export interface Answers {
  modelVersion(): number | null;
  /** Synchronous where nothing has to be read. */
  recommend(userId: string, limit: number, fields: readonly Field[]): Answer | Promise<Answer>;
  /** The same without catalogue fields where nothing has to be waited for; else null, and nothing has begun. */
  recommendFromMemory(userId: string, limit: number): Answer | null;
  /** null: there is no such item. */
  similar(itemId: string, limit: number, fields: readonly Field[]): Promise<Answer | null>;
  trending(limit: number, fields: readonly Field[]): Promise<Answer>;
  /** Items oldest first. */
  session(items: readonly SessionItem[], limit: number, fields: readonly Field[]): Promise<Answer>;
  /** Own events were stored: the next answer knows them. */
  noteCommitted(events: readonly CommittedEvent[]): void;
  /** Whether Postgres can be reached. While it cannot, nobody knows what others stored, and answers say `stale`. */
  noteReach(reached: boolean): void;
  refreshAvailability(): Promise<void>;
  followEvents(): Promise<void>;
  /** Users were erased or merged, or events taken back: what is kept of users is looked at anew. */
  followUsers(): Promise<void>;
  /** What the model makes of a shopper: null where none is live. */
  profile(userId: string): Promise<{ modelVersion: number; vector: number[] | null } | null>;
  followItems(): Promise<void>;
  /** Loads the live version where it is not the one that answers. */
  followModels(): Promise<void>;
  /** First load of everything: model, availability, trends. */
  start(): Promise<void>;
  stop(): void;
}

export interface AnswersOptions {
  readonly database: Database;
  readonly systemIdentifier: string;
  readonly now: () => number;
  /** How long an answer waits for a shopper's newest events; default 50. */
  readonly loadTimeoutMs?: number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

export const MAX_LIMIT = MAX_RANKED;
/** In a session each item counts this much of the one after it. */
const SESSION_DECAY = 0.8;

/** Six decimals: more would be noise of the arithmetic, and bytes. */
function roundScore(score: number): number {
  return Math.round(score * 1e6) / 1e6;
}

/** Work that may be asked for while it runs: then it runs once more, and whoever asked waits for that. */
function coalesce(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  return async () => {
    if (running === null) {
      running = work().finally(() => {
        running = null;
      });
      return await running;
    }
    next ??= running
      .catch(() => undefined)
      .then(async () => {
        next = null;
        running = work().finally(() => {
          running = null;
        });
        await running;
      });
    return await next;
  };
}

export function createAnswers(options: AnswersOptions): Answers {
  const { database, systemIdentifier } = options;
  let away = false;
  const noteReach = (reached: boolean) => {
    away = !reached;
  };
  const states = createUserStates(database, options.now, noteReach, options.loadTimeoutMs);
  const catalogue = createCatalogue(database, options.now);
  const trends = createTrending(database, (error) => options.log('could not count trends', { reason: String(error) }, true));
  const top = createTopN(MAX_LIMIT);
  let model: LiveModel | null = null;
  let masked: { live: LiveModel | null; generation: number } = { live: null, generation: -1 };
  /** What was asked for last: older events are known here. */
  let watermark = '0';
  let userChanges: number | null = null;
  let madeAt: Date | null = null;
  /** A version whose bytes were found damaged is not read again and again. */
  let damagedVersion: number | null = null;

  function trendingItems(limit: number, without: ReadonlySet<string>, source: Source | undefined): AnswerItem[] {
    const items: AnswerItem[] = [];
    for (const { itemId, itemNo, score } of trends.rows()) {
      if (items.length >= limit) {
        break;
      }
      if (!without.has(itemId) && !catalogue.isBlocked(itemNo)) {
        items.push(source === undefined ? { itemId, score: roundScore(score) } : { itemId, score: roundScore(score), source });
      }
    }
    return items;
  }

  function markStale(answer: Answer): Answer {
    if (away) {
      answer.stale = true;
    }
    return answer;
  }

  function trendingAnswer(limit: number, without: ReadonlySet<string> = new Set()): Answer {
    return markStale({ modelVersion: model?.version ?? null, source: 'trending', items: trendingItems(limit, without, undefined) });
  }

  /** The scan knows what is available: told when that changes. */
  function tellScan(live: LiveModel): void {
    const generation = catalogue.generation(live);
    if (masked.live !== live || masked.generation !== generation) {
      live.scan.setMask(0, catalogue.marksFor(live));
      masked = { live, generation };
    }
  }

  function idsHidden(live: LiveModel, history: HistoryEntries, from: number, to: number): Set<string> {
    const ids = new Set<string>();
    for (let e = from; e < to; e++) {
      if (history.hidden[e] === 1) {
        ids.add(live.itemIds[history.index[e]]);
      }
    }
    return ids;
  }

  /** The ranking as an answer; where the catalogue of the model gives fewer than asked for, what is trending fills up. */
  function answerFrom(live: LiveModel, source: Source, limit: number, found: TopN, hidden: () => Set<string>): Answer {
    const items: AnswerItem[] = [];
    for (let k = 0; k < found.count; k++) {
      items.push({ itemId: live.itemIds[found.items[k]], score: roundScore(found.scores[k]) });
    }
    if (items.length < limit) {
      const without = hidden();
      items.forEach((item) => without.add(item.itemId));
      items.push(...trendingItems(limit - items.length, without, 'trending'));
    }
    return markStale({ modelVersion: live.version, source, items });
  }

  function rank(live: LiveModel, vector: Float32Array, history: HistoryEntries, from: number, to: number, limit: number, source: Source): Answer {
    tellScan(live);
    const found = live.scan.rank(vector, history, from, to, limit, 0);
    return answerFrom(live, source, limit, found, () => idsHidden(live, history, from, to));
  }

  function personal({ model: live, vector, history, from, to, stale }: UserState, limit: number): Answer {
    const answer =
      live === null ? trendingAnswer(limit) : vector === null ? trendingAnswer(limit, idsHidden(live, history, from, to)) : rank(live, vector, history, from, to, limit, 'personal');
    if (stale) {
      answer.stale = true;
    }
    return answer;
  }

  async function addFields(answer: Answer, fields: readonly Field[]): Promise<Answer> {
    if (fields.length === 0 || answer.items.length === 0) {
      return answer;
    }
    try {
      const byId = new Map((await loadItems(database, answer.items.map((item) => item.itemId))).map((item) => [item.itemId, item]));
      const items = answer.items.map((item) => {
        const row = byId.get(item.itemId);
        return row === undefined ? item : { ...item, ...Object.fromEntries(fields.map((field) => [field, row[field]])) };
      });
      return { ...answer, items };
    } catch (error) {
      options.log('catalogue fields could not be read', { reason: String(error) }, true);
      return { ...answer, stale: true };
    }
  }

  async function followModels(): Promise<void> {
    const live = await findLiveModel(database);
    if (live === null || live.version === model?.version || live.version === damagedVersion) {
      return;
    }
    try {
      const started = options.now();
      const itemPart = await loadModelPart(database, live.version, 'item');
      const userPart = live.hasUserPart ? await loadModelPart(database, live.version, 'user') : null;
      const next = createLiveModel(live, itemPart, userPart);
      forgetUsers(next, await listGoneUsers(database, live.createdAt));
      madeAt = live.createdAt;
      // Marks that arrive from here on are kept over the swap; the query sees all that was committed before it.
      states.beginSwap();
      const from = live.systemIdentifier === systemIdentifier ? live.watermark : '0';
      const newer = userPart === null ? { watermark: await currentWatermark(database), userIds: null } : await usersWithEventsSince(database, from, MAX_DIRTY_USERS);
      model = next;
      damagedVersion = null;
      watermark = newer.watermark;
      states.finishSwap(next, userPart === null ? null : newer.userIds);
      options.log('model is live', { version: next.version, users: next.userRowById.size, items: next.itemIds.length, usersWithNewerEvents: newer.userIds?.length ?? 'all', ms: options.now() - started });
    } catch (error) {
      if (error instanceof ModelDamaged || error instanceof SnapshotDamaged) {
        const now = await findLiveModel(database);
        if (now?.version !== live.version || now.hasUserPart !== live.hasUserPart) {
          // Another went live while this one was read, and its bytes went: they were not damaged.
          return await followModels();
        }
        damagedVersion = live.version;
        options.log('a damaged model is not served', { version: live.version, reason: error.message, serving: model?.version ?? null }, true);
        return;
      }
      throw error;
    }
  }

  async function followEvents(): Promise<void> {
    const newer = await usersWithEventsSince(database, watermark, MAX_DIRTY_USERS).catch((error: unknown) => {
      noteReach(false);
      throw error;
    });
    noteReach(true);
    watermark = newer.watermark;
    if (newer.userIds === null) {
      states.markAll();
    } else {
      states.mark(newer.userIds);
    }
    if (newer.userIds === null || newer.userIds.length > 0) {
      trends.noteEvents();
    }
  }

  async function followUsers(): Promise<void> {
    const changes = await readUserChanges(database);
    if (changes !== userChanges) {
      userChanges = changes;
      if (model !== null && madeAt !== null) {
        forgetUsers(model, await listGoneUsers(database, madeAt));
      }
      states.markAll();
      trends.noteEvents();
    }
  }

  const follow = { users: coalesce(followUsers), events: coalesce(followEvents), items: coalesce(() => catalogue.refresh()), models: coalesce(followModels) };
  return {
    modelVersion: () => model?.version ?? null,
    recommend(userId, limit, fields) {
      const state = states.stateOf(userId);
      if (!(state instanceof Promise)) {
        const answer = personal(state, limit);
        return fields.length === 0 ? answer : addFields(answer, fields);
      }
      return state.then((loaded) => addFields(personal(loaded, limit), fields));
    },
    recommendFromMemory(userId, limit) {
      const state = states.stateInMemory(userId);
      return state === null ? null : personal(state, limit);
    },
    async similar(itemId, limit, fields) {
      const live = model;
      const index = live?.itemIndexById.get(itemId);
      if (live === null || index === undefined) {
        const known = await findItem(database, itemId).catch(() => undefined);
        if (known === null) {
          return null;
        }
        return await addFields(trendingAnswer(limit, new Set([itemId])), fields);
      }
      findSimilar(live.similar, [index], limit, catalogue.marksFor(live), top);
      return await addFields(answerFrom(live, 'similar', limit, top, () => new Set([itemId])), fields);
    },
    trending: async (limit, fields) => await addFields(trendingAnswer(limit), fields),
    async session(items, limit, fields) {
      const live = model;
      const ids = new Set(items.map((item) => item.itemId));
      if (live === null) {
        return await addFields(trendingAnswer(limit, ids), fields);
      }
      const weights = new Map<number, number>();
      const fresh = new Map<number, number>();
      items.forEach((item, position) => {
        const index = live.itemIndexById.get(item.itemId);
        const weight = live.rules.find((rule) => rule.typeNo === item.typeNo)?.weight ?? 0;
        if (index !== undefined && weight > 0) {
          const decay = SESSION_DECAY ** (items.length - 1 - position);
          weights.set(index, (weights.get(index) ?? 0) + weight * decay);
          fresh.set(index, decay);
        }
      });
      const index = Int32Array.from(weights.keys());
      const vector = new Float32Array(live.stride);
      const solved = live.foldIn.solve(index, Float32Array.from(weights.values()), new Float32Array(index.length).fill(1), index.length, vector);
      const history = { index, weight: Float32Array.from(fresh.values()), hidden: new Uint8Array(index.length).fill(1) };
      return await addFields(solved ? rank(live, vector, history, 0, index.length, limit, 'session') : trendingAnswer(limit, ids), fields);
    },
    noteCommitted(events) {
      states.note(events);
      trends.noteEvents();
    },
    noteReach,
    refreshAvailability: follow.items,
    followEvents: follow.events,
    followUsers: follow.users,
    async profile(userId) {
      const state = await states.stateOf(userId);
      return state.model === null ? null : { modelVersion: state.model.version, vector: state.vector === null ? null : Array.from(state.vector) };
    },
    followItems: follow.items,
    followModels: follow.models,
    async start() {
      watermark = await currentWatermark(database);
      await follow.items();
      await trends.refresh();
      await follow.models();
    },
    stop: () => trends.stop(),
  };
}
