/**
 * What the server starts from: Postgres, or where that is away a local copy of what it had (`storage/local-copy/`). The copy is of the Postgres of DATABASE_URL alone: the embedded one is started here,
 * lies beside the copy on the same disk, and what keeps it from starting must be told.
 */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { DATABASE_WAIT_MS, type Ground, type Origin, layGround, prepareDatabase } from './house.ts';
import type { EventTypeRule } from './model/interactions.ts';
import { closeDatabase } from './storage/connections.ts';
import { DatabaseUnavailable, placeOf } from './storage/database.ts';
import { listEventTypes } from './storage/event-types.ts';
import { type CopyManifest, CopyRefused } from './storage/local-copy/files.ts';
import { removeLocalCopy } from './storage/local-copy/keeper.ts';
import { type LocalCopy, findLocalCopy, readLocalCopy } from './storage/local-copy/reader.ts';
import { readSecret } from './storage/secrets.ts';

export interface Start {
  readonly ground: Ground;
  readonly origin: Origin;
  readonly types: readonly EventTypeRule[];
  /** null: Postgres is there. Else it is closed until it was received. */
  readonly copy: LocalCopy | null;
}

/** With a copy to answer from, Postgres is waited for no longer than it takes to see that it is not coming at once. */
const WAIT_BESIDE_COPY_MS = 1_500;
const DAY_MS = 86_400_000;

export function copyFolderOf(config: Config): string {
  return join(config.dataDir, 'local-copy');
}

export function keepsCopy(config: Config): boolean {
  return config.databaseUrl !== null && config.localCopyDays > 0;
}

/**
 * Whatever fails leaves nothing running behind.
 *
 * @param mayUseCopy false: it was refused before
 * @throws DatabaseUnavailable where Postgres is away and there is no copy to start from
 */
export async function beginStart(config: Config, logger: Logger, maxConnections: number, mayUseCopy: boolean): Promise<Start> {
  const found = await lookForCopy(config, logger, mayUseCopy);
  const ground = await layGround(config, logger, maxConnections);
  try {
    return await beginOn(ground, config, logger, found);
  } catch (error) {
    await ground.close();
    throw error;
  }
}

async function beginOn(ground: Ground, config: Config, logger: Logger, found: CopyManifest | null): Promise<Start> {
  try {
    const { systemIdentifier } = await prepareDatabase(ground, logger, found === null ? DATABASE_WAIT_MS : WAIT_BESIDE_COPY_MS);
    return { ground, origin: { systemIdentifier, tokenKey: await readSecret(ground.database, 'tokens') }, types: await listEventTypes(ground.database), copy: null };
  } catch (error) {
    if (found === null || !(error instanceof DatabaseUnavailable)) {
      throw error;
    }
    const copy = await readLocalCopy(copyFolderOf(config), found).catch((fault: unknown) => refuse(fault, logger));
    if (copy === null) {
      return await beginOn(ground, config, logger, null);
    }
    logger.error({ reason: error.message }, 'Postgres is away; starting from the local copy');
    closeDatabase(ground.connectionString);
    const { systemIdentifier, tokenKey, eventTypes } = copy.manifest;
    return { ground, origin: { systemIdentifier, tokenKey: Buffer.from(tokenKey, 'base64') }, types: eventTypes, copy };
  }
}

async function lookForCopy(config: Config, logger: Logger, mayUseCopy: boolean): Promise<CopyManifest | null> {
  const folder = copyFolderOf(config);
  if (!keepsCopy(config)) {
    await removeLocalCopy(folder);
    return null;
  }
  return mayUseCopy ? await findLocalCopy(folder, placeOf(config.databaseUrl!), config.localCopyDays * DAY_MS, Date.now()).catch((fault: unknown) => refuse(fault, logger)) : null;
}

function refuse(fault: unknown, logger: Logger): null {
  if (!(fault instanceof CopyRefused)) {
    throw fault;
  }
  logger.warn({ reason: fault.message }, 'the local copy is refused: this start needs Postgres');
  return null;
}
