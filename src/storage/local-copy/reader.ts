/** Reading a local copy: first only what it is, then, where Postgres is away, all of it, each byte held against its checksum before anything is answered from it. */
import { type ItemRow, parseItemRows } from '../item-rows.ts';
import { CopyRefused, type CopyManifest, checkCopyFile, readCopyFile, readManifest, streamCopyFile } from './files.ts';

export interface LocalCopy {
  readonly manifest: CopyManifest;
  /** Of the model, where there is one: in buffers of their own. */
  readonly itemPart: Uint8Array | null;
  readonly userPart: Uint8Array | null;
  /** Every item in ascending order of numbers, then those that changed later. */
  readItems(onRow: (row: Readonly<ItemRow>) => void): Promise<void>;
}

/** A process beside this one may be writing: what it has replaced is looked for anew, so often. */
const ATTEMPTS = 3;

/**
 * What the copy is, where it may be answered from: it is of this database, and young enough.
 *
 * @returns null where there is none
 * @throws CopyRefused
 */
export async function findLocalCopy(folder: string, place: string, maxAgeMs: number, nowMs: number): Promise<CopyManifest | null> {
  const manifest = await readManifest(folder);
  if (manifest === null) {
    return null;
  }
  if (manifest.place !== place) {
    throw new CopyRefused('it is of another database than that of DATABASE_URL');
  }
  if (nowMs - manifest.confirmedMs > maxAgeMs) {
    throw new CopyRefused(`it is too old: Postgres was last seen at ${new Date(manifest.confirmedMs).toISOString()} (LOCAL_COPY_DAYS)`);
  }
  return manifest;
}

/** @throws CopyRefused */
export async function readLocalCopy(folder: string, found: CopyManifest): Promise<LocalCopy> {
  let manifest = found;
  for (let attempt = 1; ; attempt++) {
    try {
      return await readAll(folder, manifest);
    } catch (error) {
      const current = await readManifest(folder);
      if (attempt === ATTEMPTS || current === null || current.confirmedMs === manifest.confirmedMs) {
        throw error;
      }
      manifest = current;
    }
  }
}

async function readAll(folder: string, manifest: CopyManifest): Promise<LocalCopy> {
  const { model, catalogue } = manifest;
  for (const file of catalogue.files) {
    await checkCopyFile(folder, file);
  }
  return {
    manifest,
    itemPart: model === null ? null : await readCopyFile(folder, model.item),
    userPart: model?.user == null ? null : await readCopyFile(folder, model.user),
    async readItems(onRow) {
      for (const file of catalogue.files) {
        await parseItemRows(streamCopyFile(folder, file), onRow);
      }
    },
  };
}
