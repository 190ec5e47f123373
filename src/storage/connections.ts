/**
 * The connections of this process, by database, so that they can be cut where Postgres does not answer any more: a wire that swallows everything breaks nothing by itself, and whoever waits on it would
 * wait for minutes.
 */
import type { Socket } from 'node:net';
import type pg from 'pg';

/** Whether it is in the middle of long work that a short silence should not end. */
interface Kept {
  isPatient: boolean;
}

/** Databases that nobody may use yet. */
const closed = new Set<string>();

/** From here on nobody is connected, except who is to find out whether it may be opened, until it is opened: its tables may be an older version's, and it may be another database than what is in memory came from. */
export function closeDatabase(connectionString: string): void {
  closed.add(connectionString);
}

export function openDatabase(connectionString: string): void {
  closed.delete(connectionString);
}

const byDatabase = new Map<string, Map<pg.ClientBase, Kept>>();

const away = new Set<string>();

/** While a database is away, nobody waits for a connection to it: that there is none is known. */
export function setAway(connectionString: string, isAway: boolean): void {
  if (isAway) {
    away.add(connectionString);
  } else {
    away.delete(connectionString);
  }
}

/** @returns why there is no connection, or null */
export function whyAway(connectionString: string): Error | null {
  if (closed.has(connectionString)) {
    return Object.assign(new Error('it has been away since this process started'), { code: 'ECONNREFUSED' });
  }
  return away.has(connectionString) ? Object.assign(new Error('it was found to be away'), { code: 'ECONNREFUSED' }) : null;
}

/** Until it ends by itself. */
export function keepConnection(connectionString: string, client: pg.ClientBase): void {
  let connections = byDatabase.get(connectionString);
  if (connections === undefined) {
    connections = new Map();
    byDatabase.set(connectionString, connections);
  }
  const ours = connections;
  ours.set(client, { isPatient: false });
  client.on('end', () => ours.delete(client));
}

/** From here on the connection is cut after a long silence only: what it does takes hours, or would have to begin anew. */
export function bePatient(connectionString: string, client: pg.ClientBase): void {
  const kept = byDatabase.get(connectionString)?.get(client);
  if (kept !== undefined) {
    kept.isPatient = true;
  }
}

/** Another number says that something came in over one of them meanwhile, or that one ended. */
export function bytesReceived(connectionString: string): number {
  let bytes = 0;
  for (const client of byDatabase.get(connectionString)?.keys() ?? []) {
    bytes += streamOf(client).bytesRead;
  }
  return bytes;
}

function streamOf(client: pg.ClientBase): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

/** Whatever waits on them fails as it does where the other side breaks them. */
export function cutConnection(client: pg.ClientBase): void {
  streamOf(client).destroy(Object.assign(new Error('Postgres did not answer in time'), { code: 'ETIMEDOUT' }));
}

/** @returns how many were cut */
export function cutConnections(connectionString: string, patientToo: boolean): number {
  let cut = 0;
  for (const [client, { isPatient }] of byDatabase.get(connectionString) ?? []) {
    if (patientToo || !isPatient) {
      cutConnection(client);
      cut++;
    }
  }
  return cut;
}
