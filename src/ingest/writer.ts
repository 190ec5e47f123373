/**
 * Group commit: many small requests, few transactions.
 *
 * A request's events wait in a queue. While no transaction is under way the queue is taken as it stands at the end of the event loop's turn; while one is, what comes meanwhile makes the next, which is
 * sent behind it as soon as it has `MIN_GROUP_EVENTS`. So a lone request waits for nobody, and under load a COMMIT, which costs a write to the disk, is shared by all that came during the one before.
 * Requests are stored in the order in which they came, which keeps each shopper's events in order (`storage/event-writes.ts`).
 *
 * Nothing is acknowledged before COMMIT. What is valid is stored even where other elements of the same request are not; a request that Postgres will not have fails alone. When more than `maxQueuedEvents` wait, new ones are refused (`IngestOverloaded` → 503) rather than kept in memory that a crash would lose.
 * Where more wait than the next group can take, whoever came first has waited for `LONG_WAIT_MS`, and it has been so for `SUSTAINED_MS`, more comes than is stored: then the writer says that it is full (`isFull`), and who comes is refused before their body is read. What was read is stored: a refusal after that would be late, and all the work with it lost. A disk that is slow and keeps up refuses nobody. Nobody waits longer than `deadlineMs`: what was not sent to Postgres by then is refused, what was is not known (`WriteUnknown`), and whatever becomes of it later is told to nobody.
 */
import type { EventTypeRule } from '../model/interactions.ts';
import { DatabaseUnavailable } from '../storage/database.ts';
import { CommitUnknown, type EventStore } from '../storage/event-writes.ts';
import type { InsertOutcome, NewEvent } from '../storage/events.ts';
import type { RecommendationFault, RecommendationReader } from './recommendations.ts';
import { type CheckedEvent, type EventFault, checkEvent } from './validate.ts';

export class IngestOverloaded extends Error {
  constructor() {
    super('Too many events are waiting to be stored');
    this.name = 'IngestOverloaded';
  }
}

/** Not known whether these events are stored; `eventIds` are what they must be sent again under. */
export class WriteUnknown extends Error {
  readonly eventIds: readonly { index: number; eventId: string }[];
  constructor(eventIds: readonly { index: number; eventId: string }[], cause: unknown) {
    super('It is not known whether these events were stored', { cause });
    this.name = 'WriteUnknown';
    this.eventIds = eventIds;
  }
}

export interface RejectedElement extends EventFault {
  readonly index: number;
}

export interface WrittenElement {
  index: number;
  eventId: string;
  status: 'accepted' | 'duplicate';
  /** Why the event is stored without the list that it names. */
  recommendation?: RecommendationFault;
}

export interface WriteResult {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: RejectedElement[];
  readonly items: WrittenElement[];
}

/** What became of events since the process began, one number an outcome, and how many wait now. */
export interface WriterTally {
  readonly accepted: number;
  readonly duplicates: number;
  /** Wrong in themselves, or refused by what is stored. */
  readonly rejected: number;
  /** Sent while too many waited. */
  readonly overloaded: number;
  /** Of requests that Postgres did not take, or did not confirm. */
  readonly failed: number;
  /** Waiting and under way. */
  readonly queued: number;
  readonly maxQueued: number;
}

export interface Writer {
  tally(): WriterTally;
  /** Event types by name, as the writer knows them. */
  readonly types: ReadonlyMap<string, EventTypeRule>;
  /** Whether more has been coming for a while than is stored: then it need not even be read. */
  isFull(): boolean;
  /** Event types were changed: from here on events are checked against these. */
  setTypes(types: readonly EventTypeRule[]): void;
  /**
   * Checks and stores elements.
   *
   * @param idempotencyKey gives an element without an id of its own the id `KEY:index`
   * @param firstIndex index of the first element, where a long body comes in parts
   * @throws IngestOverloaded, DatabaseUnavailable, DatabaseFull: nothing of these was stored; WriteUnknown
   */
  write(elements: readonly unknown[], idempotencyKey: string | null, firstIndex?: number): Promise<WriteResult>;
}

export interface WriterOptions {
  readonly store: EventStore;
  readonly types: readonly EventTypeRule[];
  /** Waiting and under way together. */
  readonly maxQueuedEvents: number;
  /** How long a request waits at most, somewhat more; default 2.2 s, so that its answer comes within three. */
  readonly deadlineMs?: number;
  readonly now: () => number;
  readonly recommendations: RecommendationReader;
  /** Called after COMMIT and before the senders are answered, with the events that were stored. */
  readonly onCommitted: (events: readonly NewEvent[]) => void;
  /** Called when events are refused for want of room, with how many wait: once a minute at most. */
  readonly onFull?: (queued: number) => void;
}

interface Waiting {
  readonly events: readonly NewEvent[];
  readonly sinceMs: number;
  resolve(outcomes: readonly InsertOutcome[]): void;
  reject(error: unknown): void;
}

/** At 40,000 to 90,000 events a second a group takes 15 to 35 ms. In larger ones what a group makes room for comes at once, and whoever comes meanwhile hears late that it is too much; with smaller ones Postgres waits for the next. */
const MAX_GROUP_EVENTS = 1_500;
/** Two: one that Postgres works on, one that waits there for its turn. */
const MAX_GROUPS = 2;
/** Behind another: smaller ones would cost a transaction each for little. */
const MIN_GROUP_EVENTS = 16;
const DEADLINE_MS = 2_200;
const SWEEP_MS = 200;
const LONG_WAIT_MS = 200;
const SUSTAINED_MS = 1_000;
/** Without a refusal for so long, it is over. */
const CALM_MS = 1_000;
const TELL_FULL_MS = 60_000;

function createQueue({ store, maxQueuedEvents, deadlineMs = DEADLINE_MS, onCommitted, onFull = () => undefined }: WriterOptions) {
  let waiting: Waiting[] = [];
  let waitingEvents = 0;
  let queuedEvents = 0;
  const underWay = new Set<readonly Waiting[]>();
  let sweep: NodeJS.Timeout | null = null;
  /** Since when whoever came first has waited long, whenever somebody new came. */
  let congestedMs: number | null = null;
  let refusedMs = -Infinity;
  let toldFullMs = -Infinity;
  let turnAwaited = false;
  /** Events that waited when the turn began. */
  let waitingBefore = 0;

  function takeGroup(): Waiting[] {
    let size = 0;
    let count = 0;
    while (count < waiting.length && (count === 0 || size + waiting[count].events.length <= MAX_GROUP_EVENTS)) {
      size += waiting[count++].events.length;
    }
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    waitingEvents -= size;
    return group;
  }

  async function commit(group: readonly Waiting[]): Promise<void> {
    const results = await store.commit(group.map((one) => one.events));
    const stored: NewEvent[] = [];
    group.forEach(({ events }, k) => {
      const result = results[k];
      if ('outcomes' in result) {
        events.forEach((event, e) => {
          if (result.outcomes[e] === 'accepted') {
            stored.push(event);
          }
        });
      }
    });
    onCommitted(stored);
    group.forEach((one, k) => {
      const result = results[k];
      queuedEvents -= one.events.length;
      if ('outcomes' in result) {
        one.resolve(result.outcomes);
      } else {
        one.reject(result.error);
      }
    });
  }

  /** Sends what waits: behind a group that is under way where there is enough for one of its own, else when a turn of the event loop has brought nothing more, as the answers to one group bring the next. */
  function send(): void {
    while (waiting.length > 0) {
      if (underWay.size >= MAX_GROUPS || (waitingEvents < MIN_GROUP_EVENTS && underWay.size > 0)) {
        return;
      }
      if (waitingEvents < MIN_GROUP_EVENTS && waitingEvents > waitingBefore) {
        awaitTurn();
        return;
      }
      const group = takeGroup();
      underWay.add(group);
      void commit(group).finally(() => {
        underWay.delete(group);
        send();
      });
    }
  }

  /** Ends the waiting of whoever has waited too long; to those that were told already it says nothing new. Where nobody waits it ends itself. */
  function endWaiting(): void {
    const latest = performance.now() - deadlineMs;
    let count = 0;
    for (; count < waiting.length && waiting[count].sinceMs < latest; count++) {
      const { events, reject } = waiting[count];
      waitingEvents -= events.length;
      queuedEvents -= events.length;
      reject(new DatabaseUnavailable(new Error('it did not take these events in time')));
    }
    waiting = waiting.slice(count);
    for (const group of underWay) {
      for (const { sinceMs, reject } of group) {
        if (sinceMs < latest) {
          reject(new CommitUnknown(new Error('Postgres did not answer in time')));
        }
      }
    }
    if (queuedEvents === 0 && sweep !== null) {
      clearInterval(sweep);
      sweep = null;
    }
  }

  /** @returns whether more has been coming for a while than is stored */
  function isCongested(nowMs: number): boolean {
    const [first] = underWay;
    const oldest = first?.[0] ?? waiting[0];
    const isRefusing = nowMs - refusedMs < CALM_MS;
    if (oldest === undefined || waitingEvents < MAX_GROUP_EVENTS || (!isRefusing && nowMs - oldest.sinceMs < LONG_WAIT_MS)) {
      congestedMs = null;
      return false;
    }
    congestedMs ??= nowMs;
    if (!isRefusing && nowMs - congestedMs < SUSTAINED_MS) {
      return false;
    }
    refusedMs = nowMs;
    tellFull(nowMs);
    return true;
  }

  function tellFull(nowMs: number): void {
    if (nowMs - toldFullMs >= TELL_FULL_MS) {
      toldFullMs = nowMs;
      onFull(queuedEvents);
    }
  }

  function awaitTurn(): void {
    if (!turnAwaited) {
      turnAwaited = true;
      waitingBefore = waitingEvents;
      setImmediate(endTurn);
    }
  }

  function endTurn(): void {
    turnAwaited = false;
    send();
  }

  return {
    queued: () => queuedEvents,
    isFull: () => queuedEvents > 0 && isCongested(performance.now()),
    /** @throws IngestOverloaded */
    add(events: readonly NewEvent[]): Promise<readonly InsertOutcome[]> {
      // A request larger than all the room there is would otherwise never be taken.
      if (queuedEvents > 0 && queuedEvents + events.length > maxQueuedEvents) {
        tellFull(performance.now());
        throw new IngestOverloaded();
      }
      queuedEvents += events.length;
      waitingEvents += events.length;
      return new Promise((resolve, reject) => {
        waiting.push({ events, sinceMs: performance.now(), resolve, reject });
        sweep ??= setInterval(endWaiting, SWEEP_MS);
        awaitTurn();
      });
    },
  };
}

export function createWriter(options: WriterOptions): Writer {
  const types = new Map(options.types.map((type) => [type.name, type]));
  const queue = createQueue(options);
  const counts = { accepted: 0, duplicates: 0, rejected: 0, overloaded: 0, failed: 0 };

  return {
    types,
    tally: () => ({ ...counts, queued: queue.queued(), maxQueued: options.maxQueuedEvents }),
    isFull: queue.isFull,
    setTypes(fresh) {
      types.clear();
      fresh.forEach((type) => types.set(type.name, type));
    },
    async write(elements, idempotencyKey, firstIndex = 0) {
      const rejected: RejectedElement[] = [];
      const checked: CheckedEvent[] = [];
      const indexes: number[] = [];
      const nowMs = options.now();
      for (let k = 0; k < elements.length; k++) {
        const index = firstIndex + k;
        const result = checkEvent(elements[k], types, idempotencyKey === null ? null : `${idempotencyKey}:${index}`, nowMs, options.recommendations);
        if ('event' in result) {
          checked.push(result);
          indexes.push(index);
        } else {
          rejected.push({ index, ...result });
        }
      }
      if (checked.length === 0) {
        counts.rejected += rejected.length;
        return { accepted: 0, duplicates: 0, rejected, items: [] };
      }
      let outcomes: readonly InsertOutcome[];
      try {
        outcomes = await queue.add(checked.map((one) => one.event));
      } catch (error) {
        counts[error instanceof IngestOverloaded ? 'overloaded' : 'failed'] += checked.length;
        counts.rejected += rejected.length;
        throw error instanceof CommitUnknown ? new WriteUnknown(checked.map(({ eventId }, k) => ({ index: indexes[k], eventId })), error) : error;
      }
      const items: WrittenElement[] = [];
      let accepted = 0;
      for (let k = 0; k < outcomes.length; k++) {
        const outcome = outcomes[k];
        const { eventId, recommendationFault } = checked[k];
        if (outcome === 'conflict') {
          rejected.push({
            index: indexes[k],
            field: 'eventId',
            code: 'conflict',
            message: `eventId ${JSON.stringify(eventId)} of this user is stored already with other content; send a new event under a new id`,
          });
          continue;
        }
        if (outcome === 'erased') {
          rejected.push({ index: indexes[k], field: 'occurredAt', code: 'erased', message: 'occurredAt lies before this user was erased; what they did before is not taken again' });
          continue;
        }
        accepted += outcome === 'accepted' ? 1 : 0;
        items.push({ index: indexes[k], eventId, status: outcome, ...(recommendationFault === null ? {} : { recommendation: recommendationFault }) });
      }
      rejected.sort((a, b) => a.index - b.index);
      counts.accepted += accepted;
      counts.duplicates += items.length - accepted;
      counts.rejected += rejected.length;
      return { accepted, duplicates: items.length - accepted, rejected, items };
    },
  };
}
