/**
 * Models that answer beside the live one: of the versions that running experiments name, the guard's former one among them. Each is whole in memory, with what is known of shoppers by it, and hears of events
 * and of users who leave as the live one does. The model that was live before a swap goes on here without being read again.
 */
import { SnapshotDamaged } from '../model/snapshot-damaged.ts';
import type { Database } from '../storage/database.ts';
import { listGoneUsers } from '../storage/erasures.ts';
import { ModelDamaged } from '../storage/model-parts.ts';
import { findServedModel } from '../storage/models.ts';
import { type OpenedModel, openModel, usersNewerThan } from './following.ts';
import { type LiveModel, forgetUsers } from './live-model.ts';
import { type CommittedEvent, type UserStates, createUserStates } from './user-state.ts';

export interface OtherModels {
  /** What is known of shoppers by a version; null: it does not answer here. */
  statesOf(version: number): UserStates | null;
  models(): LiveModel[];
  /** These versions are to answer, and no others. @param former was live until now */
  follow(versions: ReadonlySet<number>, former: OpenedModel | null): Promise<void>;
  note(events: readonly CommittedEvent[]): void;
  mark(userIds: readonly string[]): void;
  markAll(): void;
  /** These users left. */
  forget(goneUserNos: Int32Array): void;
  /** Users may have left. */
  forgetGone(): Promise<void>;
}

export interface OtherModelsOptions {
  readonly database: Database;
  readonly systemIdentifier: string;
  readonly now: () => number;
  readonly noteReach: (reached: boolean) => void;
  readonly loadTimeoutMs: number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

interface Other {
  readonly opened: OpenedModel;
  readonly states: UserStates;
}

export function createOtherModels({ database, systemIdentifier, now, noteReach, loadTimeoutMs, log }: OtherModelsOptions): OtherModels {
  const others = new Map<number, Other>();
  /** Not read again and again. */
  const damaged = new Set<number>();

  async function open(version: number, former: OpenedModel | null): Promise<void> {
    const kept = former !== null && former.model.version === version ? former : null;
    const row = kept === null ? await findServedModel(database, version) : null;
    if (kept === null && row === null) {
      damaged.add(version);
      log('a version that an experiment names is not kept any more: its shoppers have the live one, and are not counted', { version }, true);
      return;
    }
    const opened = kept ?? (await openModel(database, row!));
    const states = createUserStates(database, now, noteReach, loadTimeoutMs);
    const other: Other = { opened, states };
    states.beginSwap();
    // From here on it hears of events; it answers once it knows who has newer ones.
    opening.add(other);
    try {
      // And of those who leave; not of those who left since it was opened, or was the live one.
      forgetUsers(opened.model, await listGoneUsers(database, opened.createdAt));
      states.finishSwap(opened.model, (await usersNewerThan(database, opened, systemIdentifier)).userIds);
      others.set(version, other);
    } finally {
      opening.delete(other);
    }
    log('a version answers beside the live one', { version, items: opened.model.itemIds.length, wasLive: kept !== null });
  }

  const opening = new Set<Other>();
  const each = (work: (other: Other) => void) => {
    others.forEach(work);
    opening.forEach(work);
  };

  return {
    statesOf: (version) => others.get(version)?.states ?? null,
    models: () => [...others.values()].map(({ opened }) => opened.model),
    async follow(versions, former) {
      for (const version of others.keys()) {
        if (!versions.has(version)) {
          others.delete(version);
        }
      }
      for (const version of versions) {
        if (!others.has(version) && !damaged.has(version)) {
          await open(version, former).catch((error: unknown) => {
            if (!(error instanceof ModelDamaged || error instanceof SnapshotDamaged)) {
              throw error;
            }
            damaged.add(version);
            log('a damaged model answers in no experiment: its shoppers have the live one, and are not counted', { version, reason: error.message }, true);
          });
        }
      }
    },
    note: (events) => each(({ states }) => states.note(events)),
    mark: (userIds) => each(({ states }) => states.mark(userIds)),
    markAll: () => each(({ states }) => states.markAll()),
    forget(goneUserNos) {
      each(({ opened, states }) => {
        forgetUsers(opened.model, goneUserNos);
        states.forget(goneUserNos);
      });
    },
    async forgetGone() {
      for (const { opened } of [...others.values(), ...opening]) {
        forgetUsers(opened.model, await listGoneUsers(database, opened.createdAt));
      }
    },
  };
}
