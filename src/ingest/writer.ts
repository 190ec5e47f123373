/**
 * The way of events into Postgres. A request's events go in one transaction; nothing is acknowledged before its COMMIT. What is valid is stored even where other
 * elements of the same request are not. When more than `maxPendingRequests` wait for Postgres, new ones are refused (`IngestOverloaded` → 503) rather than kept in
 * memory that a crash would lose.
 */
import type { EventTypeRule } from '../model/interactions.ts';
import { type Database, inTransaction } from '../storage/database.ts';
import { type NewEvent, insertEvents, notifyEvents } from '../storage/events.ts';
import { type CheckedEvent, type EventFault, checkEvent } from './validate.ts';

export class IngestOverloaded extends Error {
  constructor() {
    super('Too many events are waiting to be stored');
    this.name = 'IngestOverloaded';
  }
}

export interface RejectedElement extends EventFault {
  readonly index: number;
}

export interface WriteResult {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: RejectedElement[];
  readonly items: { index: number; eventId: string; status: 'accepted' | 'duplicate' }[];
}

export interface Writer {
  /** Event types by name, as the writer knows them. */
  readonly types: ReadonlyMap<string, EventTypeRule>;
  /**
   * Checks and stores elements.
   *
   * @param idempotencyKey gives an element without an id of its own the id `KEY:index`
   * @throws IngestOverloaded, DatabaseUnavailable, DatabaseFull: nothing of this request was stored
   */
  write(elements: readonly unknown[], idempotencyKey: string | null): Promise<WriteResult>;
}

export interface WriterOptions {
  readonly database: Database;
  readonly types: readonly EventTypeRule[];
  readonly maxPendingRequests: number;
  readonly now: () => number;
  /** Called after COMMIT and before the sender is answered, with the events that were stored. */
  readonly onCommitted: (events: readonly NewEvent[]) => void;
}

export function createWriter(options: WriterOptions): Writer {
  const types = new Map(options.types.map((type) => [type.name, type]));
  let pending = 0;

  async function store(checked: readonly CheckedEvent[]) {
    const events = checked.map((one) => one.event);
    const outcomes = await inTransaction(options.database, async (connection) => {
      const result = await insertEvents(connection, events);
      if (result.includes('accepted')) {
        await notifyEvents(connection);
      }
      return result;
    });
    options.onCommitted(events.filter((_, k) => outcomes[k] === 'accepted'));
    return outcomes;
  }

  return {
    types,
    async write(elements, idempotencyKey) {
      const rejected: RejectedElement[] = [];
      const checked: CheckedEvent[] = [];
      const indexes: number[] = [];
      const nowMs = options.now();
      elements.forEach((element, index) => {
        const result = checkEvent(element, types, idempotencyKey === null ? null : `${idempotencyKey}:${index}`, nowMs);
        if ('event' in result) {
          checked.push(result);
          indexes.push(index);
        } else {
          rejected.push({ index, ...result });
        }
      });
      if (checked.length === 0) {
        return { accepted: 0, duplicates: 0, rejected, items: [] };
      }
      if (pending >= options.maxPendingRequests) {
        throw new IngestOverloaded();
      }
      pending++;
      const outcomes = await store(checked).finally(() => pending--);
      const items: { index: number; eventId: string; status: 'accepted' | 'duplicate' }[] = [];
      outcomes.forEach((outcome, k) => {
        const { eventId } = checked[k];
        if (outcome === 'conflict') {
          rejected.push({
            index: indexes[k],
            field: 'eventId',
            code: 'conflict',
            message: `eventId ${JSON.stringify(eventId)} of this user is stored already with other content; send a new event under a new id`,
          });
        } else {
          items.push({ index: indexes[k], eventId, status: outcome });
        }
      });
      rejected.sort((a, b) => a.index - b.index);
      const accepted = items.filter((item) => item.status === 'accepted').length;
      return { accepted, duplicates: items.length - accepted, rejected, items };
    },
  };
}
