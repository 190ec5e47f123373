/**
 * What is known of a shopper at this moment.
 *
 * A user whose events the model has all seen is answered from the trained vector, without a wait. A user with newer events is *dirty*: their events are read from
 * Postgres (`LOAD_TIMEOUT_MS` at most, else the trained vector, marked stale), folded by the very function that training uses, solved against the item factors, and kept
 * until the next event. Requests for one user share one read. The set of dirty users grows by this process's own writes, at once, and by what others wrote, when
 * Postgres is asked; past `MAX_DIRTY_USERS` everybody counts as dirty, which costs reads and no correctness.
 */
import { type HistoryEntries, weighHistory } from '../model/hybrid.ts';
import { foldEvents } from '../model/interactions.ts';
import { indexOfNo } from '../model/matrix.ts';
import type { Database } from '../storage/database.ts';
import { type UserEvents, loadUserEvents } from '../storage/events.ts';
import type { LiveModel } from './live-model.ts';

export interface UserState {
  /** The model that vector and item indexes belong to: an answer is made with it, also where another has gone live meanwhile. */
  readonly model: LiveModel | null;
  /** null: nothing that could be scored is known. */
  readonly vector: Float32Array | null;
  /** What the neighbourhood goes by, and which items to leave out: entries `from` … `to` − 1. */
  readonly history: HistoryEntries;
  readonly from: number;
  readonly to: number;
  readonly stale: boolean;
}

export interface UserStates {
  /** The state now where no read is needed, else a promise. */
  stateOf(userId: string): UserState | Promise<UserState>;
  /** The state where no read is needed, else null. */
  stateInMemory(userId: string): UserState | null;
  /** Events of these users were stored. */
  mark(userIds: Iterable<string>): void;
  /** Everybody may have newer events. */
  markAll(): void;
  /** From here on states refer to this model; users are as given, and those marked since `beginSwap`. */
  beginSwap(): void;
  finishSwap(model: LiveModel, dirtyUserIds: readonly string[] | null): void;
}

/** How long an answer waits for a shopper's newest events. */
export const LOAD_TIMEOUT_MS = 50;
const MAX_HISTORY_EVENTS = 5_000;
const MAX_CACHED_STATES = 50_000;
export const MAX_DIRTY_USERS = 200_000;
export const NO_HISTORY: HistoryEntries = { index: new Int32Array(0), weight: new Float32Array(0), hidden: new Uint8Array(0) };

function nothingKnown(model: LiveModel | null, stale: boolean): UserState {
  return { model, vector: null, history: NO_HISTORY, from: 0, to: 0, stale };
}

export function createUserStates(database: Database, loadTimeoutMs = LOAD_TIMEOUT_MS): UserStates {
  let model: LiveModel | null = null;
  let dirty = new Set<string>();
  let allDirty = false;
  let markedDuringSwap: Set<string> | null = null;
  let allMarkedDuringSwap = false;
  /** Folded-in states, oldest first. */
  let cached = new Map<string, UserState>();
  const loads = new Map<string, Promise<UserState>>();

  function trained(live: LiveModel, userId: string, stale: boolean): UserState {
    const row = live.userRowById.get(userId);
    if (row === undefined) {
      return nothingKnown(live, stale);
    }
    const at = row * live.stride;
    return { model: live, vector: live.userFactors.data.subarray(at, at + live.stride), history: live.history, from: live.rowStart[row], to: live.rowStart[row + 1], stale };
  }

  function fold(live: LiveModel, events: UserEvents | null): UserState {
    if (events === null || events.itemNos.length === 0) {
      return nothingKnown(live, false);
    }
    const { itemNos, typeNos, values, quantities, occurredAtMs, eventNos, userNo } = events;
    const length = itemNos.length;
    const columns = { length, user: new Int32Array(length).fill(userNo), item: itemNos, type: typeNos, value: values, quantity: quantities, occurredAtMs, eventNo: eventNos };
    const folded = foldEvents(columns, live.rules, live.newestMs);
    const n = folded.itemNos.length;
    const index = new Int32Array(n);
    const weight = weighHistory(folded, live.newestMs, live.halfLifeDays);
    for (let e = 0; e < n; e++) {
      index[e] = indexOfNo(live.itemNos, folded.itemNos[e]);
    }
    const vector = new Float32Array(live.stride);
    const solved = live.foldIn.solve(index, folded.weight, folded.target, n, vector);
    // The model's own items move to the front: the scan knows no others.
    const { hidden } = folded;
    let known = 0;
    for (let e = 0; e < n; e++) {
      if (index[e] >= 0) {
        index[known] = index[e];
        weight[known] = weight[e];
        hidden[known++] = hidden[e];
      }
    }
    return { model: live, vector: solved ? vector : null, history: { index, weight, hidden }, from: 0, to: known, stale: false };
  }

  function keep(userId: string, state: UserState): UserState {
    if (cached.size >= MAX_CACHED_STATES) {
      cached.delete(cached.keys().next().value!);
    }
    cached.set(userId, state);
    return state;
  }

  function load(live: LiveModel, userId: string): Promise<UserState> {
    const running = loads.get(userId);
    if (running !== undefined) {
      return running;
    }
    const loading: Promise<UserState> = loadUserEvents(database, userId, MAX_HISTORY_EVENTS)
      .then((events) => {
        const state = fold(live, events);
        // An event or a model that came in the meantime makes this one too old to keep, though not to answer those who asked before.
        if (loads.get(userId) === loading && model === live) {
          keep(userId, state);
        }
        return state;
      })
      .catch(() => trained(live, userId, true))
      .finally(() => {
        if (loads.get(userId) === loading) {
          loads.delete(userId);
        }
      });
    loads.set(userId, loading);
    return loading;
  }

  async function loadInTime(live: LiveModel, userId: string): Promise<UserState> {
    const loading = load(live, userId);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, loadTimeoutMs, null);
    });
    const state = await Promise.race([loading, late]);
    clearTimeout(timer);
    return state ?? trained(live, userId, true);
  }

  function stateInMemory(userId: string): UserState | null {
    if (model === null) {
      return nothingKnown(null, false);
    }
    const state = cached.size === 0 ? undefined : cached.get(userId);
    if (state !== undefined) {
      return state;
    }
    return allDirty || (dirty.size > 0 && dirty.has(userId)) ? null : trained(model, userId, false);
  }

  return {
    stateInMemory,
    stateOf: (userId) => stateInMemory(userId) ?? loadInTime(model!, userId),
    mark(userIds) {
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
