/**
 * Which model answers, and who may have newer events: what Postgres knows, followed. Every `follow…` asks what is newer than what was seen, so a lost wake-up delays and never loses; calls that come
 * while one runs share the next.
 */
import type { InPieces } from '../model/pieces.ts';
import { SnapshotDamaged } from '../model/snapshot-damaged.ts';
import type { Database } from '../storage/database.ts';
import { type UsersSeen, listGoneUsers, readUsersSeen } from '../storage/erasures.ts';
import { currentWatermark, usersWithEventsSince } from '../storage/events.ts';
import { wereEventsTakenBack } from '../storage/imports.ts';
import { ModelDamaged, loadModelPart } from '../storage/model-parts.ts';
import { type LiveModelRow, findLiveModel } from '../storage/models.ts';
import { type LiveModel, createLiveModel, forgetUsers } from './live-model.ts';
import { MAX_DIRTY_USERS, type UserStates } from './user-state.ts';

/** Answers wait at most about this long, and a swap is made of as many pauses as that makes. */
const PIECE_MS = 5;

export interface Following {
  /** The model that answers; null: none yet. */
  model(): LiveModel | null;
  /** Of it: when it was made, and its newest event. */
  facts(): { readonly version: number; readonly madeAtMs: number; readonly newestEventMs: number } | null;
  followEvents(): Promise<void>;
  /** Users were erased or merged, or events taken back: what is kept of users is looked at anew. */
  followUsers(): Promise<void>;
  /** Loads the live version where it is not the one that answers. */
  followModels(): Promise<void>;
  /** The model that answered before this one, once: for whoever still answers from it. */
  takeFormer(): OpenedModel | null;
  start(): Promise<void>;
  /**
   * Answers from a model that is in no reach: that of a local copy. Who has newer events is found out once Postgres is there.
   *
   * @param goneUserNos of users who left since it was made
   * @throws SnapshotDamaged
   */
  restore(live: RestoredModel, itemPart: Uint8Array, userPart: Uint8Array | null, goneUserNos: Int32Array): Promise<void>;
}

/** A model in memory, with what must be known to follow its users. */
export interface OpenedModel {
  readonly model: LiveModel;
  readonly createdAt: Date;
  /** false: everybody is folded in from their events. */
  readonly hasUserPart: boolean;
}

export type RestoredModel = Pick<LiveModelRow, 'version' | 'createdAt' | 'watermark' | 'systemIdentifier'>;

export interface FollowingOptions {
  readonly database: Database;
  readonly systemIdentifier: string;
  readonly now: () => number;
  readonly states: UserStates;
  /** Models beside the live one hear of events and of users who leave as it does. */
  readonly others: { mark(userIds: readonly string[]): void; markAll(): void; forget(goneUserNos: Int32Array): void; forgetGone(): Promise<void> };
  readonly noteReach: (reached: boolean) => void;
  /** There are new events, of whomever. */
  readonly onEvents: () => void;
  /** A model has taken the place of another. */
  readonly onSwap: (before: LiveModel, after: LiveModel) => void;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

/** Work that may be asked for while it runs: then it runs once more, and whoever asked waits for that. */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
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

/** Does work while answers go on: after some milliseconds everything else that waits has its turn. */
export async function withPauses<T>(work: InPieces<T>): Promise<T> {
  for (let sinceMs = performance.now(); ; ) {
    const { done, value } = work.next();
    if (done === true) {
      return value;
    }
    if (performance.now() - sinceMs >= PIECE_MS) {
      await new Promise((resolve) => setImmediate(resolve));
      sinceMs = performance.now();
    }
  }
}

const factsOf = ({ version, watermark, systemIdentifier }: RestoredModel) => ({ version, watermark, systemIdentifier });

/** From Postgres into memory, without users who left. @throws ModelDamaged, SnapshotDamaged */
export async function openModel(database: Database, row: LiveModelRow): Promise<OpenedModel> {
  const [itemPart, userPart] = await Promise.all([loadModelPart(database, row.version, 'item'), row.hasUserPart ? loadModelPart(database, row.version, 'user') : null]);
  const model = await withPauses(createLiveModel(factsOf(row), itemPart, userPart));
  forgetUsers(model, await listGoneUsers(database, row.createdAt));
  return { model, createdAt: row.createdAt, hasUserPart: row.hasUserPart };
}

/** A watermark means nothing in another cluster: everything counts as newer. */
const newerFrom = (live: Pick<RestoredModel, 'watermark' | 'systemIdentifier'>, systemIdentifier: string) => (live.systemIdentifier === systemIdentifier ? live.watermark : '0');

/** Who has events that a model has not seen, or not any more those that it has; `userIds` null: everybody may. */
export async function usersNewerThan(database: Database, { model, hasUserPart }: OpenedModel, systemIdentifier: string): Promise<{ readonly watermark: string; readonly userIds: string[] | null }> {
  if (!hasUserPart || (await wereEventsTakenBack(database, model.version))) {
    return { watermark: await currentWatermark(database), userIds: null };
  }
  return await usersWithEventsSince(database, newerFrom(model, systemIdentifier), MAX_DIRTY_USERS);
}

export function createFollowing({ database, systemIdentifier, now, states, others, noteReach, onEvents, onSwap, log }: FollowingOptions): Following {
  let opened: OpenedModel | null = null;
  let former: OpenedModel | null = null;
  /** What was asked for last: older events are known here. */
  let watermark = '0';
  /** What was heard of users so far; null: everybody is to be looked at anew. */
  let usersSeen: UsersSeen | null = null;
  /** A version whose bytes were found damaged is not read again and again. */
  let damagedVersion: number | null = null;

  async function followModels(): Promise<void> {
    const live = await findLiveModel(database);
    if (live === null || live.version === opened?.model.version || live.version === damagedVersion) {
      return;
    }
    try {
      const started = now();
      const next = await openModel(database, live);
      // Marks that arrive from here on are kept over the swap; the query sees all that was committed before it.
      states.beginSwap();
      const newer = await usersNewerThan(database, next, systemIdentifier);
      [former, opened] = [opened, next];
      damagedVersion = null;
      watermark = newer.watermark;
      states.finishSwap(next.model, newer.userIds);
      if (former !== null) {
        onSwap(former.model, next.model);
      }
      log('model is live', { version: live.version, users: next.model.userRowById.size, items: next.model.itemIds.length, usersWithNewerEvents: newer.userIds?.length ?? 'all', ms: now() - started });
      // Who left while it was opened was looked for in the former one; where this fails, the next look finds them.
      const seen = usersSeen;
      usersSeen = null;
      forgetUsers(next.model, await listGoneUsers(database, next.createdAt));
      usersSeen ??= seen;
    } catch (error) {
      if (error instanceof ModelDamaged || error instanceof SnapshotDamaged) {
        const current = await findLiveModel(database);
        if (current?.version !== live.version || current.hasUserPart !== live.hasUserPart) {
          // Another went live while this one was read, and its bytes went: they were not damaged.
          return await followModels();
        }
        damagedVersion = live.version;
        log('a damaged model is not served', { version: live.version, reason: error.message, serving: opened?.model.version ?? null, remedy: 'Start a training run (jongleur train, or POST /v1/training-runs), or activate a former version.' }, true);
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
      others.markAll();
    } else {
      states.mark(newer.userIds);
      others.mark(newer.userIds);
    }
    if (newer.userIds === null || newer.userIds.length > 0) {
      onEvents();
    }
  }

  async function followUsers(): Promise<void> {
    const { goneUserNos, ...seen } = await readUsersSeen(database, usersSeen);
    if (seen.changes === usersSeen?.changes) {
      return;
    }
    if (goneUserNos !== null) {
      // Of all others what is in memory stays good: guests log in all the time. Who was given a guest's events has newer events.
      if (opened !== null) {
        forgetUsers(opened.model, goneUserNos);
      }
      states.forget(goneUserNos);
      others.forget(goneUserNos);
    } else {
      if (opened !== null) {
        forgetUsers(opened.model, await listGoneUsers(database, opened.createdAt));
      }
      await others.forgetGone();
      states.markAll();
      others.markAll();
    }
    onEvents();
    // Not before: what failed on the way is done again.
    usersSeen = seen;
  }

  const models = coalesce(followModels);
  return {
    model: () => opened?.model ?? null,
    facts: () => (opened === null ? null : { version: opened.model.version, madeAtMs: opened.createdAt.getTime(), newestEventMs: opened.model.newestMs }),
    takeFormer() {
      const taken = former;
      former = null;
      return taken;
    },
    followEvents: coalesce(followEvents),
    followUsers: coalesce(followUsers),
    followModels: models,
    async restore(live, itemPart, userPart, goneUserNos) {
      const next = await withPauses(createLiveModel(factsOf(live), itemPart, userPart));
      forgetUsers(next, goneUserNos);
      opened = { model: next, createdAt: live.createdAt, hasUserPart: userPart !== null };
      watermark = userPart === null ? '0' : newerFrom(live, systemIdentifier);
      states.finishSwap(next, []);
    },
    async start() {
      watermark = await currentWatermark(database);
      // Whoever left before is dropped as the model is opened, and events taken back before are looked for: only what is later is to be heard of.
      const seen = await readUsersSeen(database, null);
      await models();
      usersSeen = seen;
    },
  };
}
