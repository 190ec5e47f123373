/**
 * A group's statements up to its COMMIT in one query of the driver: BEGIN, the lock on users' numbers, the group's facts and the INSERT, each prepared before, with one Sync at their end. As queries of
 * their own they were written and answered one by one, and each writing wakes the other side. COMMIT comes as a query after it, since the number of the transaction must be here before it is carried out.
 */
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { GROUP_STATEMENTS } from './event-statements.ts';

export interface GroupAnswer {
  readonly xid: string;
  /** `user_changes` when the transaction began. */
  readonly generation: number;
  /** The numbers are good, and the group before was stored. */
  readonly claimed: boolean;
  /** Rows that were new. */
  readonly rows: number;
}

/** What the driver's connection has beyond its declared type. */
interface Wire {
  bind(config: { statement: string; values: readonly string[] }): void;
  execute(config: null): void;
  sync(): void;
  readonly stream: Duplex;
}

const wireOf = (client: pg.Client) => (client as unknown as { connection: Wire }).connection;

/** Once for each connection, before it is needed: in a transaction that has failed it could not be done. */
export async function prepareGroups(client: pg.Client): Promise<void> {
  await Promise.all([...GROUP_STATEMENTS.map(async ({ name, text, sample }) => await client.query({ name, text, values: [...sample] })), client.query('COMMIT')]);
}

class GroupQuery extends pg.Query {
  /** Called once, by the driver. */
  callback: (error: unknown) => void;
  private facts: readonly (string | null)[] = [];
  private inserted = 0;

  constructor(values: readonly (readonly string[])[], resolve: (answer: GroupAnswer) => void, reject: (error: unknown) => void) {
    super('');
    this.callback = (error) => {
      if (error === null) {
        const [xid, generation, claimed] = this.facts;
        resolve({ xid: xid!, generation: Number(generation), claimed: claimed !== null, rows: this.inserted });
      } else {
        reject(error);
      }
    };
    this.submit = (connection) => {
      const wire = connection as unknown as Wire;
      GROUP_STATEMENTS.forEach(({ name }, k) => {
        wire.bind({ statement: name, values: values[k] });
        wire.execute(null);
      });
      wire.sync();
    };
  }

  /** Rows are the lock's, which says nothing, and the facts. */
  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.facts = fields;
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    if (text.startsWith('INSERT ')) {
      this.inserted = Number(text.slice(text.lastIndexOf(' ') + 1));
    }
  }
}

/**
 * Writes a group and its COMMIT at once.
 *
 * @param values of each of `GROUP_STATEMENTS`
 */
export function sendGroup(client: pg.Client, values: readonly (readonly string[])[]): { readonly answer: Promise<GroupAnswer>; readonly committed: Promise<unknown> } {
  const { stream } = wireOf(client);
  stream.cork();
  try {
    return {
      answer: new Promise((resolve, reject) => {
        client.query(new GroupQuery(values, resolve, reject));
      }),
      committed: client.query('COMMIT'),
    };
  } finally {
    stream.uncork();
  }
}
