/**
 * Keeps the local copy as Postgres has it, beside the answers: whoever hears that something may have changed says so (`note`), and a moment later it is looked at, each kind of thing by what would show a
 * change: a model's parts by their checksums, the catalogue by its watermark, all else as a whole. What did not change costs a few small statements and no writing. Parts go from Postgres to the disk a
 * chunk at a time; of the catalogue only what changed is added, until that is half as much as the whole.
 *
 * One process at a time keeps the copy of a DATA_DIR. Whatever fails, a full disk above all, leaves the former copy in place, is said once and tried again.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadLiveKeys } from '../api-keys.ts';
import { type Database, DatabaseUnavailable } from '../database.ts';
import { EmbeddedPostgresError } from '../embedded/errors.ts';
import { type Lock, acquireLock } from '../embedded/lock.ts';
import { listGoneUsers } from '../erasures.ts';
import { listEventTypes } from '../event-types.ts';
import type { TrendingRow } from '../events.ts';
import { listItemAttributes } from '../item-attributes.ts';
import { copyItemRows, hasItemsSince } from '../item-rows.ts';
import { readStoredPart } from '../model-parts.ts';
import { findLiveModel } from '../models.ts';
import { createPacedWork } from '../paced-work.ts';
import { listScenarios } from '../scenarios.ts';
import { readTrainingSettings } from '../settings.ts';
import { loadTokenSecrets } from '../token-secrets.ts';
import { type CopiedCatalogue, type CopiedModel, type CopyFile, type CopyManifest, CopyRefused, LOCK, MANIFEST, checkCopyFile, filesOf, flushFolder, readManifest, removeOthers, writeCopyFile, writeManifest } from './files.ts';

export interface LocalCopyKeeper {
  /** Something may have changed: looked at in a moment, several at once. */
  note(): void;
  stop(): Promise<void>;
}

export interface LocalCopyKeeperOptions {
  readonly database: Database;
  readonly folder: string;
  /** `placeOf` the database. */
  readonly place: string;
  readonly systemIdentifier: string;
  readonly tokenKey: Buffer;
  /** The version that answers here: another one may be damaged, and is not copied. */
  readonly modelVersion: () => number | null;
  readonly trending: () => readonly TrendingRow[];
  readonly now: () => number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

/** Between two looks; after a long one ten times as long, within these. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 10_000;
/** A copy that has not changed is confirmed so often, and what is trending goes into it. */
const CONFIRM_MS = 300_000;
/** Changes of the catalogue beside the whole: more in bytes than half of it and this, or in files, and the whole is written anew. */
const MIN_CHANGES_BYTES = 1 << 20;
const MAX_FILES = 64;

/** Bytes were replaced while they were read. */
class Moved extends Error {}

export function createLocalCopyKeeper(options: LocalCopyKeeperOptions): LocalCopyKeeper {
  const { database, folder, place, systemIdentifier, now, log } = options;
  const tokenKey = options.tokenKey.toString('base64');
  const stopping = new AbortController();
  let lock: Lock | null = null;
  /** What is on the disk; undefined: not looked at yet. */
  let kept: CopyManifest | null | undefined;
  let lastFault = '';

  const newName = (kind: string) => `${kind}-${randomBytes(8).toString('hex')}`;

  /** What is there and of this database, every file intact. */
  async function readKept(): Promise<CopyManifest | null> {
    try {
      const manifest = await readManifest(folder);
      if (manifest === null || manifest.place !== place || manifest.systemIdentifier !== systemIdentifier || manifest.tokenKey !== tokenKey) {
        return null;
      }
      for (const file of filesOf(manifest)) {
        await checkCopyFile(folder, file);
      }
      return manifest;
    } catch (error) {
      if (error instanceof CopyRefused) {
        return null;
      }
      throw error;
    }
  }

  async function keepPart(version: number, part: 'item' | 'user', sha256: Buffer, former: CopyFile | null | undefined): Promise<CopyFile> {
    const wanted = sha256.toString('hex');
    if (former?.sha256 === wanted) {
      return former;
    }
    const file = await writeCopyFile(folder, newName(part), readStoredPart(database, version, part), stopping.signal);
    if (file.sha256 !== wanted) {
      throw new Moved();
    }
    return file;
  }

  async function keepModel(former: CopiedModel | null): Promise<CopiedModel | null> {
    const live = await findLiveModel(database);
    if (live === null) {
      return null;
    }
    if (live.version !== options.modelVersion()) {
      return former;
    }
    const { version, createdAt, watermark, systemIdentifier: cluster, hasUserPart, sha256, userSha256 } = live;
    return {
      version, watermark, createdAt: createdAt.toISOString(), systemIdentifier: cluster,
      goneUserNos: Array.from(await listGoneUsers(database, createdAt)),
      item: await keepPart(version, 'item', sha256, former?.item),
      user: hasUserPart && userSha256 !== null ? await keepPart(version, 'user', userSha256, former?.user) : null,
    };
  }

  async function keepCatalogue(former: CopiedCatalogue | null): Promise<CopiedCatalogue> {
    const changesBytes = former?.files.slice(1).reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
    const isWhole = former === null || former.files.length > MAX_FILES || changesBytes > MIN_CHANGES_BYTES + former.files[0].bytes / 2;
    const from = isWhole ? null : former.watermark;
    if (from !== null && !(await hasItemsSince(database, from))) {
      return former!;
    }
    let file: CopyFile | null = null;
    const watermark = await copyItemRows(database, from, async (stream) => {
      file = await writeCopyFile(folder, newName('items'), stream, stopping.signal);
    });
    const fresh = { ...file!, from };
    if (isWhole) {
      return { watermark, files: [fresh] };
    }
    // Read from the same watermark as the last one, it has all of that one's.
    const last = former!.files.at(-1)!;
    const before = last.from === from ? former!.files.slice(0, -1) : former!.files;
    return last.from === from && last.sha256 === fresh.sha256 ? former! : { watermark, files: [...before, fresh] };
  }

  async function gather(former: CopyManifest | null): Promise<CopyManifest> {
    const confirmedMs = now();
    // One after the other: nobody waits, and connections of the pool are for those who do.
    return {
      place, systemIdentifier, tokenKey, confirmedMs,
      keys: (await loadLiveKeys(database)).map(({ keyNo, role, sha256 }) => ({ keyNo, role, sha256: sha256.toString('hex') })).toSorted((a, b) => a.keyNo - b.keyNo),
      tokenSecrets: await loadTokenSecrets(database),
      eventTypes: await listEventTypes(database),
      scenarios: (await listScenarios(database)).map(({ scenarioNo, name, definition }) => ({ scenarioNo, name, definition })),
      explore: (await readTrainingSettings(database)).explore,
      attributes: (await listItemAttributes(database)).map(({ name, type, firstSeenAt }) => ({ name, type, firstSeenMs: firstSeenAt.getTime() })),
      trending: options.trending(),
      model: await keepModel(former?.model ?? null),
      catalogue: await keepCatalogue(former?.catalogue ?? null),
    };
  }

  async function look(): Promise<void> {
    if (lock === null) {
      await mkdir(folder, { recursive: true });
      await chmod(folder, 0o700);
      lock = await acquireLock(join(folder, LOCK), 0).catch((error: unknown) => {
        throw error instanceof EmbeddedPostgresError ? new Error('another process on this DATA_DIR keeps it') : error;
      });
    }
    kept = kept === undefined ? await readKept() : kept;
    const fresh = await gather(kept);
    if (kept !== null && fresh.confirmedMs - kept.confirmedMs < CONFIRM_MS && essence(fresh) === essence(kept)) {
      return;
    }
    const isNews = kept === null || kept.model?.version !== fresh.model?.version;
    await writeManifest(folder, fresh);
    kept = fresh;
    await flushFolder(folder);
    await removeOthers(folder, fresh);
    if (isNews) {
      log('a local copy is kept, to start from where Postgres is away', { folder, version: fresh.model?.version ?? null, bytes: filesOf(fresh).reduce((sum, { bytes }) => sum + bytes, 0), ms: now() - fresh.confirmedMs });
    }
  }

  async function lookAndTell(): Promise<void> {
    try {
      await look();
      lastFault = '';
    } catch (error) {
      if (error instanceof Moved) {
        paced.note();
      } else if (!stopping.signal.aborted && !(error instanceof DatabaseUnavailable)) {
        const reason = String(error);
        if (reason !== lastFault) {
          lastFault = reason;
          log('the local copy is not kept', { reason }, lock !== null);
        }
      }
    }
  }

  const paced = createPacedWork(lookAndTell, (tookMs) => Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, tookMs * 10)));
  return {
    note: paced.note,
    async stop() {
      stopping.abort();
      await paced.stop();
      await lock?.release().catch(() => undefined);
    },
  };
}

/** What a manifest says, without what alone is not worth writing it for. */
function essence({ confirmedMs: _at, trending, catalogue, ...rest }: CopyManifest): string {
  return JSON.stringify([rest, catalogue.files, trending.length > 0]);
}

/** What was kept is of no use to anybody, and has a shop's keys and shoppers in it. */
export async function removeLocalCopy(folder: string): Promise<void> {
  await rm(join(folder, MANIFEST), { force: true });
  await removeOthers(folder, { model: null, catalogue: { watermark: '0', files: [] } });
}
