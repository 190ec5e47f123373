/**
 * What is known of a shopper at this moment.
 *
 * A user whose events the model has all seen is answered from the trained vector, without a wait. A user with newer events is *dirty*: their events are read from
 * Postgres (`LOAD_TIMEOUT_MS` at most, else the trained vector, marked stale), folded by the very function that training uses, solved against the item factors, and kept.
 * Requests for one user share one read. An event that this process stored joins the kept ones, and the next answer folds them again without a read; one that another process stored is heard of when
 * Postgres is asked, and the kept ones are dropped. Past `MAX_DIRTY_USERS` everybody counts as dirty, which costs reads and no correctness.
 */
import { type HistoryEntries, weighHistory } from '../model/hybrid.ts';
import { foldEvents } from '../model/interactions.ts';
import { indexOfNo } from '../model/matrix.ts';
import type { Database } from '../storage/database.ts';
import { type NewEvent, type UserEvents, loadUserEvents } from '../storage/events.ts';
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
  /** From here on states refer to this model; users are as given, and those marked since `beginSwap`. */
  beginSwap(): void;
  finishSwap(model: LiveModel, dirtyUserIds: readonly string[] | null): void;
}

/** How long an answer waits for a shopper's newest events. */
export const LOAD_TIMEOUT_MS = 50;
const MAX_HISTORY_EVENTS = 5_000;
/** Users whose events are kept: with 100 events each about 170 MB. */
const MAX_CACHED_STATES = 50_000;
export const MAX_DIRTY_USERS = 200_000;
export const NO_HISTORY: HistoryEntries = { index: new Int32Array(0), weight: new Float32Array(0), hidden: new Uint8Array(0) };

const NO_NUMBERS = new Float32Array(0);
const NO_EVENTS: UserEvents = {
  userNo: 0, itemNos: new Int32Array(0), typeNos: new Int16Array(0), values: new Float32Array(0), quantities: new Float32Array(0), occurredAtMs: new Float64Array(0), eventNos: new Float64Array(0),
};

/** A user's events and what became of them; null: they are to be folded again. */
interface Kept {
  events: UserEvents;
  state: UserState | null;
}

function nothingKnown(model: LiveModel | null, stale: boolean): UserState {
  return { model, vector: null, history: NO_HISTORY, from: 0, to: 0, foldWeight: NO_NUMBERS, foldTarget: NO_NUMBERS, stale };
}

export function createUserStates(database: Database, now: () => number, onReach: (reached: boolean) => void, loadTimeoutMs = LOAD_TIMEOUT_MS): UserStates {
  let model: LiveModel | null = null;
  let dirty = new Set<string>();
  let allDirty = false;
  let markedDuringSwap: Set<string> | null = null;
  let allMarkedDuringSwap = false;
  /** Folded-in states, oldest first. */
  let cached = new Map<string, Kept>();
  const loads = new Map<string, Promise<UserState>>();

  function trained(live: LiveModel, userId: string, stale: boolean): UserState {
    const row = live.userRowById.get(userId);
    if (row === undefined) {
      return nothingKnown(live, stale);
    }
    const at = row * live.stride;
    const { history, rowStart, foldWeight, foldTarget } = live;
    return { model: live, vector: live.userFactors.data.subarray(at, at + live.stride), history, from: rowStart[row], to: rowStart[row + 1], foldWeight, foldTarget, stale };
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
    const { hidden, weight: foldWeight, target: foldTarget } = folded;
    let known = 0;
    for (let e = 0; e < n; e++) {
      if (index[e] >= 0) {
        index[known] = index[e];
        weight[known] = weight[e];
        foldWeight[known] = foldWeight[e];
        foldTarget[known] = foldTarget[e];
        hidden[known++] = hidden[e];
      }
    }
    return { model: live, vector: solved ? vector : null, history: { index, weight, hidden }, from: 0, to: known, foldWeight, foldTarget, stale: false };
  }

  function keep(userId: string, events: UserEvents, state: UserState): void {
    if (cached.size >= MAX_CACHED_STATES) {
      cached.delete(cached.keys().next().value!);
    }
    cached.set(userId, { events, state });
  }

  /** Puts an event in front, where the newest are. @returns false where it cannot be placed: its item is not the model's, and might be hidden */
  function append(live: LiveModel, kept: Kept, event: CommittedEvent): boolean {
    const index = live.itemIndexById.get(event.itemId);
    const { events } = kept;
    const length = Math.min(MAX_HISTORY_EVENTS, events.itemNos.length + 1);
    if (index === undefined) {
      return false;
    }
    const inFront = <T extends Int32Array | Int16Array | Float32Array | Float64Array>(column: T, value: number): T => {
      const longer = new (column.constructor as new (length: number) => T)(length);
      longer[0] = value;
      longer.set(column.subarray(0, length - 1), 1);
      return longer;
    };
    kept.events = {
      userNo: events.userNo, itemNos: inFront(events.itemNos, live.itemNos[index]), typeNos: inFront(events.typeNos, event.typeNo), values: inFront(events.values, event.value ?? Number.NaN),
      quantities: inFront(events.quantities, event.quantity ?? Number.NaN), occurredAtMs: inFront(events.occurredAtMs, event.occurredAtMs ?? now()), eventNos: inFront(events.eventNos, (events.eventNos[0] ?? 0) + 1),
    };
    kept.state = null;
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
        const state = fold(live, events);
        // An event or a model that came in the meantime makes this one too old to keep, though not to answer those who asked before.
        if (loads.get(userId) === loading && model === live) {
          keep(userId, events ?? NO_EVENTS, state);
        }
        return state;
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
    const kept = cached.size === 0 ? undefined : cached.get(userId);
    if (kept !== undefined) {
      kept.state ??= fold(model, kept.events);
      return kept.state;
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
