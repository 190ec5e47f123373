/**
 * What is known of a shopper at this moment.
 *
 * A user whose events the model has all seen is answered from the trained vector, without a wait. A user with newer events is *dirty*: their events are read from
 * Postgres (`LOAD_TIMEOUT_MS` at most, else the trained vector, marked stale), folded by the very function that training uses, solved against the item factors, and kept.
 * Requests for one user share one read. An event that this process stored joins the kept ones, and the next answer knows it without a read (`kept-user.ts`); one that another process stored is heard of when
 * Postgres is asked, and the kept ones are dropped. Past `MAX_DIRTY_USERS` everybody counts as dirty, which costs reads and no correctness.
 */
import type { HistoryEntries } from '../model/hybrid.ts';
import type { Database } from '../storage/database.ts';
import { type NewEvent, type UserEvents, loadUserEvents } from '../storage/events.ts';
import { LOAD_TIMEOUT_MS, inTime } from '../storage/in-time.ts';
import { type KeptUser, keepUser } from './kept-user.ts';
import type { LiveModel } from './live-model.ts';

/** An event as it was stored. */
export type CommittedEvent = Pick<NewEvent, 'userId' | 'itemId' | 'typeNo' | 'value' | 'quantity' | 'occurredAtMs'>;

export interface UserState {
  /** The model that vector and item indexes belong to: an answer is made with it, also where another has gone live meanwhile. */
  readonly model: LiveModel | null;
  /** null: nothing that could be scored is known. */
  readonly vector: Float32Array | null;
  /** What the neighbourhood goes by, and which items to leave out: entries `from` … `to` − 1. */
  readonly history: HistoryEntries;
  readonly from: number;
  readonly to: number;
  /** The same entries as a fold-in takes them: weights and targets as `foldEvents` makes them. */
  readonly foldWeight: Float32Array;
  readonly foldTarget: Float32Array;
  /** Numbers of the event types that add most to the entries; 0: not known. */
  readonly mainType: Int16Array;
  /** Numbers of items that are to be left out and that the model does not know. */
  readonly hiddenElsewhere: readonly number[];
  /** Another one with every event that is heard of; 0 where the model has seen all. */
  readonly mark: number;
  readonly stale: boolean;
}

export interface UserStates {
  /** The state now where no read is needed, else a promise. */
  stateOf(userId: string): UserState | Promise<UserState>;
  /** The state where no read is needed, else null. */
  stateInMemory(userId: string): UserState | null;
  /** These events were stored by this process. */
  note(events: readonly CommittedEvent[]): void;
  /** Events of these users were stored, by whomever. */
  mark(userIds: Iterable<string>): void;
  /** Everybody may have newer events. */
  markAll(): void;
  /** Users with these numbers are gone; their ids may come again. */
  forget(goneUserNos: Int32Array): void;
  /** From here on states refer to this model; users are as given, and those marked since `beginSwap`. */
  beginSwap(): void;
  finishSwap(model: LiveModel, dirtyUserIds: readonly string[] | null): void;
}

const MAX_HISTORY_EVENTS = 5_000;
/** Users whose events are kept: with 100 events each about 170 MB. */
const MAX_CACHED_STATES = 50_000;
export const MAX_DIRTY_USERS = 200_000;
export const NO_HISTORY: HistoryEntries = { index: new Int32Array(0), weight: new Float32Array(0), hidden: new Uint8Array(0) };

const NO_NUMBERS = new Float32Array(0);
const NO_TYPES = new Int16Array(0);
const NONE: readonly number[] = [];
const NO_EVENTS: UserEvents = {
  userNo: 0, itemNos: new Int32Array(0), typeNos: new Int16Array(0), values: new Float32Array(0), quantities: new Float32Array(0), occurredAtMs: new Float64Array(0), eventNos: new Float64Array(0),
};

function nothingKnown(model: LiveModel | null, stale: boolean): UserState {
  return { model, vector: null, history: NO_HISTORY, from: 0, to: 0, foldWeight: NO_NUMBERS, foldTarget: NO_NUMBERS, mainType: NO_TYPES, hiddenElsewhere: NONE, mark: 0, stale };
}

export function createUserStates(database: Database, now: () => number, onReach: (reached: boolean) => void, loadTimeoutMs = LOAD_TIMEOUT_MS): UserStates {
  let model: LiveModel | null = null;
  let dirty = new Set<string>();
  let allDirty = false;
  let markedDuringSwap: Set<string> | null = null;
  let allMarkedDuringSwap = false;
  /** Users whose events are kept, the longest kept first. */
  let cached = new Map<string, KeptUser>();
  const loads = new Map<string, Promise<UserState>>();

  function trained(live: LiveModel, userId: string, stale: boolean): UserState {
    const row = live.userRowById.get(userId);
    if (row === undefined) {
      return nothingKnown(live, stale);
    }
    const at = row * live.stride;
    const { history, rowStart, foldWeight, foldTarget, mainType } = live;
    return { model: live, vector: live.userFactors.data.subarray(at, at + live.stride), history, from: rowStart[row], to: rowStart[row + 1], foldWeight, foldTarget, mainType, hiddenElsewhere: NONE, mark: 0, stale };
  }

  function stateOfKept(live: LiveModel, kept: KeptUser): UserState {
    const { history, to, foldWeight, foldTarget, mainType, vector, hiddenElsewhere, mark } = kept.folded(now());
    return { model: live, vector, history, from: 0, to, foldWeight, foldTarget, mainType, hiddenElsewhere, mark, stale: false };
  }

  function keep(userId: string, kept: KeptUser): void {
    if (cached.size >= MAX_CACHED_STATES) {
      cached.delete(cached.keys().next().value!);
    }
    cached.set(userId, kept);
  }

  /** @returns false where it cannot be placed: its item is not the model's, and might be hidden */
  function append(live: LiveModel, kept: KeptUser, { itemId, typeNo, value, quantity, occurredAtMs }: CommittedEvent): boolean {
    const index = live.itemIndexById.get(itemId);
    if (index === undefined) {
      return false;
    }
    kept.add({ itemNo: live.itemNos[index], typeNo, value, quantity, occurredAtMs: occurredAtMs ?? now() });
    return true;
  }

  function load(live: LiveModel, userId: string): Promise<UserState> {
    const running = loads.get(userId);
    if (running !== undefined) {
      return running;
    }
    const loading: Promise<UserState> = loadUserEvents(database, userId, MAX_HISTORY_EVENTS)
      .then((events) => {
        onReach(true);
        const kept = keepUser(live, events ?? NO_EVENTS, MAX_HISTORY_EVENTS);
        // An event or a model that came in the meantime makes this one too old to keep, though not to answer those who asked before.
        if (loads.get(userId) === loading && model === live) {
          keep(userId, kept);
        }
        return stateOfKept(live, kept);
      })
      .catch(() => {
        onReach(false);
        return trained(live, userId, true);
      })
      .finally(() => {
        if (loads.get(userId) === loading) {
          loads.delete(userId);
        }
      });
    loads.set(userId, loading);
    return loading;
  }

  async function loadInTime(live: LiveModel, userId: string): Promise<UserState> {
    return (await inTime(load(live, userId), loadTimeoutMs)) ?? trained(live, userId, true);
  }

  function stateInMemory(userId: string): UserState | null {
    if (model === null) {
      return nothingKnown(null, false);
    }
    const kept = cached.size === 0 ? undefined : cached.get(userId);
    if (kept !== undefined) {
      return stateOfKept(model, kept);
    }
    return allDirty || (dirty.size > 0 && dirty.has(userId)) ? null : trained(model, userId, false);
  }

  function mark(userIds: Iterable<string>): void {
    for (const userId of userIds) {
      dirty.add(userId);
      markedDuringSwap?.add(userId);
      cached.delete(userId);
      loads.delete(userId);
    }
    if (dirty.size > MAX_DIRTY_USERS) {
      allDirty = true;
      dirty = new Set();
    }
  }

  return {
    stateInMemory,
    stateOf: (userId) => stateInMemory(userId) ?? loadInTime(model!, userId),
    mark,
    note(events) {
      for (const event of events) {
        const kept = cached.get(event.userId);
        if (model === null || kept === undefined || !append(model, kept, event)) {
          mark([event.userId]);
        } else {
          markedDuringSwap?.add(event.userId);
        }
      }
    },
    forget(goneUserNos) {
      const gone = new Set(goneUserNos);
      // Events that came under the id since may be among those that were kept.
      for (const [userId, { userNo }] of cached) {
        if (userNo === 0 || gone.has(userNo)) {
          mark([userId]);
        }
      }
      // Whose they are is not known yet.
      loads.clear();
    },
    markAll() {
      allDirty = true;
      allMarkedDuringSwap = true;
      cached = new Map();
      loads.clear();
    },
    beginSwap() {
      markedDuringSwap = new Set();
      allMarkedDuringSwap = false;
    },
    finishSwap(next, dirtyUserIds) {
      model = next;
      dirty = new Set([...(dirtyUserIds ?? []), ...(markedDuringSwap ?? [])]);
      allDirty = dirtyUserIds === null || allMarkedDuringSwap;
      markedDuringSwap = null;
      cached = new Map();
      loads.clear();
    },
  };
}
