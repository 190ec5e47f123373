/**
 * Events into Postgres: one transaction for many requests, whose end is known even where its connection is lost.
 *
 * All go over one connection of their own, in a pipeline: a group's statements (`group-query.ts`) and its COMMIT are written at once, behind those of a group that is still under way, so that Postgres never waits for this
 * process' event loop. Each transaction leaves its number in the session (`jongleur.group`, which a rollback takes back) and stores nothing unless it finds that of the group before it: when one
 * fails, those that were sent behind it fail with it, and all are sent again one by one, in their order. So each shopper's events keep theirs.
 *
 * A transaction that stores events holds the advisory lock `USERS_LOCK_KEY` shared; whatever takes a user's number away (an erasure, a merge) holds it alone. So a number that was good when the
 * transaction began is good until its COMMIT, and no event can be left behind under the number of a shopper who was erased meanwhile. Numbers are kept in memory between transactions and are
 * good as long as the sequence `user_changes` stands where it stood.
 */
import type pg from 'pg';
import { type Database, DatabaseFull, DatabaseUnavailable, type Queryable, RETRYABLE_SQLSTATES, connectAlone, explainDatabaseError, run, sqlStateOf } from './database.ts';
import { hashId, readHashKey } from './erasures.ts';
import { type NewIds, SELECT_STORED_EVENTS, type StoredEvent, groupSteps, sameContent } from './event-statements.ts';
import type { InsertOutcome, NewEvent } from './events.ts';
import { prepareGroups, sendGroup } from './group-query.ts';
import { MAX_FEW_IDS, resolveIds } from './ids.ts';
import { type EventNumbers, type KnownNumbers, createKnownNumbers } from './known-numbers.ts';
import { holdUserNumbers } from './users.ts';
import { createPacedWakeUp } from './wake-ups.ts';

/** The connection was lost at COMMIT and Postgres has stayed away since: the events are stored, or they are not. */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('The connection to Postgres was lost at COMMIT and did not come back in time, so it is not known whether the events were stored', { cause });
    this.name = 'CommitUnknown';
  }
}

/** What became of one request's events: an outcome each, or why none of them is stored. */
export type StoredRequest = { readonly outcomes: readonly InsertOutcome[] } | { readonly error: unknown };

export interface EventStore {
  /**
   * Stores events in the order given, making users and items that are new; all in one transaction, except that a request which Postgres will not have fails alone. Calls may overlap; what was called
   * earlier is stored earlier.
   *
   * @returns after COMMIT, for each request. Its error is DatabaseUnavailable or DatabaseFull: nothing of it was stored; CommitUnknown: that is not known; anything else: Postgres will not have it
   */
  commit(requests: readonly (readonly NewEvent[])[]): Promise<StoredRequest[]>;
  close(): Promise<void>;
}

const MAX_ATTEMPTS = 5;
/** While numbers change all the time though whoever takes one away is made to wait, so long is tried again: less than a writer waits. */
const CHANGES_MS = 1_500;
const ASK_AGAIN_MS = 200;
/** SQLSTATEs: pg_xact_status of a number that is still to come; EXECUTE of a statement whose preparation failed. */
const INVALID_PARAMETER = '22023';
const NOT_PREPARED = '26000';

/** How a transaction ended. `again`: nothing was stored, and it may be sent again as it is; `doubt`: its COMMIT got no answer. */
type Ending = { kind: 'stored'; xid: string; rows: number } | { kind: 'again' } | { kind: 'refused'; error: unknown } | { kind: 'doubt'; xid: string | null; pid: number; error: unknown };

interface Session {
  readonly client: pg.Client;
  readonly hashKey: Buffer;
  lost: boolean;
  /** Number of the group sent last over this connection. */
  tail: number | null;
}

/**
 * @param database for what is asked beside the pipeline
 * @param resolveMs how long a lost COMMIT is asked after: about what a restart of Postgres takes
 */
export function createEventStore(database: Database, connectionString: string, resolveMs = 10_000): EventStore {
  const numbers = createKnownNumbers();
  const eventsWake = createPacedWakeUp(database, 'jongleur_events');
  const itemsWake = createPacedWakeUp(database, 'jongleur_items');
  /** `user_changes` when the numbers in memory were read. */
  let generation = -1;
  let session: Session | null = null;
  let groups = 0;
  /** Calls whose first sending failed: until they are through, nobody is sent behind anybody. */
  let recovering = 0;
  let lastSent: Promise<void> = Promise.resolve();
  let lastDone: Promise<void> = Promise.resolve();

  async function open(): Promise<Session> {
    if (session !== null && !session.lost) {
      return session;
    }
    const hashKey = await readHashKey(database);
    const client = await connectAlone(connectionString, 'jongleur-events', { pipeline: true, limited: true });
    const fresh: Session = { client, hashKey, lost: false, tail: null };
    const lose = () => {
      fresh.lost = true;
    };
    client.on('error', lose).on('end', lose);
    session = fresh;
    // Ids are committed without waiting for the disk: after a crash of Postgres, which ends all connections, a number may be another's.
    numbers.forget();
    await prepareGroups(client);
    return fresh;
  }

  /** Numbers of all, those that are new made first; committed by itself, so that nobody waits for our COMMIT to use them. */
  async function numbersOf(events: readonly NewEvent[], via: Queryable = database): Promise<KnownNumbers> {
    for (;;) {
      const known = numbers.find(events);
      const { newUsers, newItems } = known;
      if (newUsers.length === 0 && newItems.length === 0) {
        return known;
      }
      const before = numbers.forgotten();
      const found = await resolveIds(via, newUsers, newItems);
      if (found.itemsMade) {
        itemsWake.later();
      }
      if (numbers.forgotten() === before) {
        numbers.learn(newUsers, newItems, found);
      }
    }
  }

  /**
   * Writes a group's statements.
   *
   * @param fresh ids that have no number yet and get one on the way
   * @param behind store only where the group sent before it was stored
   */
  async function send(via: Session, events: readonly NewEvent[], known: EventNumbers, fresh: NewIds | null, behind: boolean): Promise<Ending> {
    const group = ++groups;
    const former = behind ? via.tail : null;
    via.tail = group;
    const { client } = via;
    const sent = sendGroup(client, groupSteps(group, former, generation, eventsWake.isDue(), events, known, fresh));
    const [answer, committed] = await Promise.allSettled([sent.answer, sent.committed]);
    if (committed.status === 'rejected') {
      const error = explainDatabaseError(committed.reason);
      if (!via.lost && !(error instanceof DatabaseUnavailable)) {
        return { kind: 'refused', error };
      }
      via.lost = true;
      return { kind: 'doubt', xid: answer.status === 'fulfilled' ? answer.value.xid : null, pid: (client as unknown as { processID: number }).processID, error };
    }
    if (answer.status === 'rejected') {
      if (explainDatabaseError(answer.reason) instanceof DatabaseUnavailable) {
        // After a failover this connection may lead to a standby for ever; a new one leads to whoever takes writes.
        via.lost = true;
        void client.end().catch(() => undefined);
      }
      return { kind: 'refused', error: answer.reason };
    }
    const { xid, claimed, generation: current, rows, found } = answer.value;
    if (current !== generation) {
      numbers.forget();
      generation = current;
    } else if (fresh !== null && found !== null && claimed) {
      numbers.learn(fresh.users, fresh.items, found);
    }
    if (found?.itemsMade === true) {
      itemsWake.later();
    }
    return claimed ? { kind: 'stored', xid, rows } : { kind: 'again' };
  }

  /** What became of a transaction whose COMMIT got no answer. @throws CommitUnknown */
  async function resolveDoubt({ xid, pid, error: cause }: Ending & { kind: 'doubt' }, dedups: readonly string[]): Promise<Ending> {
    const deadline = performance.now() + resolveMs;
    for (;;) {
      try {
        if (xid !== null) {
          const [{ status }] = await run<{ status: string | null }>(database, 'SELECT pg_xact_status($1::xid8) AS status', [xid]);
          if (status !== 'in progress') {
            // The rows decide: after a crash of Postgres a number that never reached the disk may be given to another transaction.
            const [{ rows }] = await run<{ rows: number }>(database, 'SELECT count(*)::int AS rows FROM events WHERE dedup = ANY($2::uuid[]) AND xid = $1::xid8', [xid, dedups]);
            return rows > 0 ? { kind: 'stored', xid, rows } : { kind: 'again' };
          }
        } else {
          // Not even BEGIN was answered. Once its process is gone the transaction has ended, and sending it again finds what it stored.
          const [{ there }] = await run<{ there: boolean }>(database, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND application_name = 'jongleur-events') AS there`, [pid]);
          if (!there) {
            return { kind: 'again' };
          }
        }
      } catch (error) {
        // A number that Postgres has not reached yet, after a crash: nothing of ours came through.
        if (sqlStateOf(error) === INVALID_PARAMETER) {
          return { kind: 'again' };
        }
        if (!(error instanceof DatabaseUnavailable)) {
          throw error;
        }
      }
      if (performance.now() > deadline) {
        throw new CommitUnknown(cause);
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  /** Tells duplicates, conflicts and what was refused from one another, where not all rows were new. */
  async function outcomesOf(events: readonly NewEvent[], xid: string, rows: number): Promise<InsertOutcome[]> {
    if (rows === events.length) {
      return events.map(() => 'accepted');
    }
    const found = await run<StoredEvent>(database, SELECT_STORED_EVENTS, [events.map((event) => event.dedup), xid]);
    const stored = new Map(found.map((row) => [row.dedup, row]));
    const unclaimed = new Set(found.filter((row) => row.mine).map((row) => row.dedup));
    const { userNos, itemNos } = await numbersOf(events);
    return events.map((event, k) => {
      if (unclaimed.delete(event.dedup)) {
        return 'accepted';
      }
      if (numbers.isRefused(event, userNos[k])) {
        return 'erased';
      }
      const row = stored.get(event.dedup);
      return row !== undefined && sameContent(event, itemNos[k], row) ? 'duplicate' : 'conflict';
    });
  }

  /** @returns the numbers, where some of the events are refused */
  async function sendAlone(via: Session, events: readonly NewEvent[], resolver: Queryable): Promise<Ending | KnownNumbers> {
    const known = await numbersOf(events, resolver);
    return known.refused ? known : await send(via, events, known, null, false);
  }

  /**
   * While shoppers are erased or merged one after the other, numbers that were looked up before a transaction are old in it; so whoever takes one away is made to wait. All over the one connection: they may
   * hold all others while they wait.
   */
  async function sendHolding(via: Session, events: readonly NewEvent[]): Promise<Ending | KnownNumbers> {
    return await holdUserNumbers(via.client, async () => {
      const first = await sendAlone(via, events, via.client);
      // By this it is known how often they have changed.
      return 'kind' in first && first.kind === 'again' ? await sendAlone(via, events, via.client) : first;
    });
  }

  /** Brings requests to an end with nobody beside: again where that helps, in halves where Postgres will not have one of them. */
  async function bringHome(requests: readonly (readonly NewEvent[])[], first: Ending | null): Promise<StoredRequest[]> {
    const events = requests.flat();
    const untilMs = performance.now() + CHANGES_MS;
    let ending = first;
    let numbersChanged = first?.kind === 'again';
    try {
      for (let tried = 1; ; tried++) {
        if (ending === null) {
          const via = await open();
          const sent = await (numbersChanged ? sendHolding(via, events) : sendAlone(via, events, database)).catch((error: unknown): Ending => {
            if (via.lost && error instanceof DatabaseUnavailable) {
              // Before anything was sent.
              return { kind: 'again' };
            }
            throw error;
          });
          if (!('kind' in sent)) {
            return await withoutRefused(requests, sent);
          }
          ending = sent;
          numbersChanged = sent.kind === 'again';
        }
        if (ending.kind === 'doubt') {
          ending = await resolveDoubt(ending, events.map((event) => event.dedup));
        }
        if (ending.kind === 'stored') {
          return shareOut(requests, await outcomesOf(events, ending.xid, ending.rows));
        }
        if (ending.kind === 'refused') {
          const error = explainDatabaseError(ending.error);
          const state = sqlStateOf(error);
          if (error instanceof DatabaseUnavailable || error instanceof DatabaseFull) {
            throw error;
          }
          if (state === undefined || !(state in RETRYABLE_SQLSTATES || state === NOT_PREPARED)) {
            return requests.length === 1 ? [{ error }] : [...(await bringHome(requests.slice(0, requests.length >> 1), null)), ...(await bringHome(requests.slice(requests.length >> 1), null))];
          }
        }
        if (tried >= MAX_ATTEMPTS && (ending.kind === 'refused' || performance.now() > untilMs)) {
          // Too busy for us, not wrong: the caller may try again later.
          throw new DatabaseUnavailable(ending.kind === 'refused' ? ending.error : new Error(`given up after ${tried} attempts`));
        }
        ending = null;
      }
    } catch (error) {
      return requests.map(() => ({ error: explainDatabaseError(error) }));
    }
  }

  /** Stores what is not from before its user was erased. */
  async function withoutRefused(requests: readonly (readonly NewEvent[])[], { userNos }: EventNumbers): Promise<StoredRequest[]> {
    let at = 0;
    const refused = requests.map((events) => events.map((event) => numbers.isRefused(event, userNos[at++])));
    const stored = await bringHome(requests.map((events, r) => events.filter((_, k) => !refused[r][k])), null);
    return stored.map((result, r) => {
      if ('error' in result) {
        return result;
      }
      let next = 0;
      return { outcomes: refused[r].map((one) => (one ? 'erased' : result.outcomes[next++])) };
    });
  }

  return {
    async commit(requests) {
      const [formerSent, formerDone] = [lastSent, lastDone];
      let tellSent = () => {};
      let tellDone = () => {};
      lastSent = new Promise((resolve) => {
        tellSent = resolve;
      });
      lastDone = new Promise((resolve) => {
        tellDone = resolve;
      });
      let recovers = false;
      const recover = async (ending: Ending | null) => {
        recovers = true;
        recovering++;
        tellSent();
        await formerDone;
        return await bringHome(requests, ending);
      };
      try {
        await formerSent;
        if (recovering > 0 || session === null || session.lost) {
          return await recover(null);
        }
        const events = requests.length === 1 ? requests[0] : requests.flat();
        const via: Session = session;
        let known = numbers.find(events);
        if (known.newUsers.length + known.newItems.length > MAX_FEW_IDS) {
          known = await numbersOf(events);
          // Numbers are good for the connection that stood before they were asked for.
          if (recovering > 0 || via.lost || session !== via) {
            return await recover(null);
          }
        }
        if (known.refused) {
          return await recover(null);
        }
        const sending = send(via, events, known, freshOf(known, via.hashKey), true);
        tellSent();
        const ending = await sending;
        if (ending.kind !== 'stored') {
          return await recover(ending);
        }
        return shareOut(requests, await outcomesOf(events, ending.xid, ending.rows));
      } catch (error) {
        return requests.map(() => ({ error: explainDatabaseError(error) }));
      } finally {
        if (recovers) {
          recovering--;
        }
        tellSent();
        await formerDone;
        tellDone();
      }
    },
    async close() {
      await lastDone;
      eventsWake.stop();
      itemsWake.stop();
      await session?.client.end().catch(() => undefined);
    },
  };
}

function freshOf({ newUsers, newItems }: KnownNumbers, hashKey: Buffer): NewIds | null {
  return newUsers.length === 0 && newItems.length === 0 ? null : { users: newUsers, items: newItems, hashes: newUsers.map((id) => hashId(hashKey, id)) };
}

function shareOut(requests: readonly (readonly NewEvent[])[], outcomes: readonly InsertOutcome[]): StoredRequest[] {
  let from = 0;
  return requests.map((events) => ({ outcomes: outcomes.slice(from, (from += events.length)) }));
}
