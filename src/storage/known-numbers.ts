/** Numbers of users and items between transactions, and who among the users was erased before. Good as long as the sequence `user_changes` stands where it stood when they were read. */
import type { NewEvent } from './events.ts';
import type { FoundNumbers } from './ids.ts';
import { createKnownIds } from './known-ids.ts';

const MAX_KNOWN_IDS = 200_000;

/** Of events, in their order; 0: not known. */
export interface EventNumbers {
  readonly userNos: Int32Array;
  readonly itemNos: Int32Array;
}

export interface KnownNumbers extends EventNumbers {
  /** Ids without a number, each once. */
  readonly newUsers: readonly string[];
  readonly newItems: readonly string[];
  /** Some events are from before their user was erased. */
  readonly refused: boolean;
}

export function createKnownNumbers() {
  const users = createKnownIds(MAX_KNOWN_IDS);
  const items = createKnownIds(MAX_KNOWN_IDS);
  /** Users whose events from before a moment are refused. */
  const refuseBefore = new Map<number, number>();
  let forgotten = 0;

  function isRefused({ occurredAtMs }: NewEvent, userNo: number): boolean {
    const before = refuseBefore.get(userNo);
    return before !== undefined && occurredAtMs !== null && occurredAtMs < before;
  }

  return {
    isRefused,
    find(events: readonly NewEvent[]): KnownNumbers {
      const newUsers = new Set<string>();
      const newItems = new Set<string>();
      const userNos = new Int32Array(events.length);
      const itemNos = new Int32Array(events.length);
      for (let k = 0; k < events.length; k++) {
        const { userId, itemId } = events[k];
        userNos[k] = users.numberOf(userId) ?? 0;
        itemNos[k] = items.numberOf(itemId) ?? 0;
        if (userNos[k] === 0) {
          newUsers.add(userId);
        }
        if (itemNos[k] === 0) {
          newItems.add(itemId);
        }
      }
      return { userNos, itemNos, newUsers: [...newUsers], newItems: [...newItems], refused: refuseBefore.size > 0 && events.some((event, k) => isRefused(event, userNos[k])) };
    },
    learn(userIds: readonly string[], itemIds: readonly string[], { userNos, itemNos, refuseBefore: refusals }: FoundNumbers): void {
      userIds.forEach((id, k) => userNos[k] !== null && users.learn(id, userNos[k]));
      itemIds.forEach((id, k) => itemNos[k] !== null && items.learn(id, itemNos[k]));
      refusals.forEach((ms, no) => refuseBefore.set(no, ms));
    },
    /** How often everything was forgotten: what was asked for before is not to be learnt after it. */
    forgotten: () => forgotten,
    forget(): void {
      forgotten++;
      users.clear();
      items.clear();
      refuseBefore.clear();
    },
  };
}
