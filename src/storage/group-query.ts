/**
 * A group's statements up to its COMMIT in one query of the driver: BEGIN, the lock on users' numbers, the group's facts, ids that are new and the INSERT, each prepared before, with one Sync at their end. As queries of
 * their own they were written and answered one by one, and each writing wakes the other side. COMMIT comes as a query after it, since the number of the transaction must be here before it is carried out.
 */
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { CLAIM_GROUP, GROUP_STATEMENTS, type GroupStep, MAKE_IDS } from './event-statements.ts';
import { type FoundNumbers, readMadeIds } from './ids.ts';

export interface GroupAnswer {
  readonly xid: string;
  /** `user_changes` when the transaction began. */
  readonly generation: number;
  /** The numbers are good, and the group before was stored. */
  readonly claimed: boolean;
  /** Rows that were new. */
  readonly rows: number;
  /** Of the ids that had no number; null where all had one. */
  readonly found: FoundNumbers | null;
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

type Fields = readonly (string | null)[];

class GroupQuery extends pg.Query {
  /** Called once, by the driver. */
  callback: (error: unknown) => void;
  private readonly steps: readonly GroupStep[];
  /** The step that is being answered. */
  private at = 0;
  private claim: Fields = [];
  private found: FoundNumbers | null = null;
  private inserted = 0;

  constructor(steps: readonly GroupStep[], resolve: (answer: GroupAnswer) => void, reject: (error: unknown) => void) {
    super('');
    this.steps = steps;
    this.callback = (error) => {
      if (error === null) {
        const [xid, generation, claimed] = this.claim;
        resolve({ xid: xid!, generation: Number(generation), claimed: claimed !== null, rows: this.inserted, found: this.found });
      } else {
        reject(error);
      }
    };
    this.submit = (connection) => {
      const wire = connection as unknown as Wire;
      for (const { statement, values } of steps) {
        wire.bind({ statement: statement.name, values });
        wire.execute(null);
      }
      wire.sync();
    };
  }

  handleDataRow({ fields }: { readonly fields: Fields }): void {
    const { statement } = this.steps[this.at];
    if (statement === CLAIM_GROUP) {
      this.claim = fields;
    } else if (statement === MAKE_IDS) {
      this.found = readMadeIds(fields);
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.at++;
    if (text.startsWith('INSERT ')) {
      this.inserted = Number(text.slice(text.lastIndexOf(' ') + 1));
    }
  }
}

/** Writes a group and its COMMIT at once. */
export function sendGroup(client: pg.Client, steps: readonly GroupStep[]): { readonly answer: Promise<GroupAnswer>; readonly committed: Promise<unknown> } {
  const { stream } = wireOf(client);
  stream.cork();
  try {
    return {
      answer: new Promise((resolve, reject) => {
        client.query(new GroupQuery(steps, resolve, reject));
      }),
      committed: client.query('COMMIT'),
    };
  } finally {
    stream.uncork();
  }
}
