/**
 * The files of a local copy: what a start without Postgres answers from, in a folder of its own that only its owner can read.
 *
 *   manifest        one line "JONGLEUR-COPY format sha256", then JSON with that checksum: keys, secrets, settings, and which files belong to it
 *   all others      a model's parts and the catalogue, as Postgres gave them; the manifest has length and SHA-256 of each
 *
 * A file is written whole under a name that no manifest had before, the manifest comes last, and what it does not name is removed after it. So whatever ends the writing, the manifest that is there
 * belongs to files that are there; and whatever befalls them later, it is found before anything is answered from them.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventTypeRule } from '../../model/interactions.ts';
import type { LiveKey } from '../api-keys.ts';
import type { TrendingRow } from '../events.ts';
import type { AttributeType } from '../item-attributes.ts';
import type { StoredScenario } from '../scenarios.ts';
import { writeWholeFile } from '../whole-file.ts';

/** Changes with the manifest's shape, with the columns of the catalogue's files and with the layout of a snapshot: another one's copy is not read. */
export const COPY_FORMAT = 1;
export const MANIFEST = 'manifest';
export const LOCK = 'lock';
const FIRST_LINE = /^JONGLEUR-COPY (\d+) ([0-9a-f]{64})$/;
const NAME = /^[a-z][a-z0-9-]*$/;
const PIECE_BYTES = 1 << 20;
const OWNER_ONLY = 0o600;

export interface CopyFile {
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface CopiedModel {
  readonly version: number;
  readonly createdAt: string;
  readonly watermark: string;
  readonly systemIdentifier: string;
  /** Users who left since it was made, by number: its user part may still have them. */
  readonly goneUserNos: readonly number[];
  readonly item: CopyFile;
  /** null: it went live a second time, and knows nobody. */
  readonly user: CopyFile | null;
}

export interface CopiedCatalogue {
  /** To ask from: everything before it is in the files. */
  readonly watermark: string;
  /** The whole first (`from` null), then what changed at or after a watermark, in this order. */
  readonly files: readonly (CopyFile & { readonly from: string | null })[];
}

export interface CopyManifest {
  /** Which database it is of, as DATABASE_URL names it (`placeOf`), and by what it says of itself. */
  readonly place: string;
  readonly systemIdentifier: string;
  /** The secret `tokens`, base64. Another database has another one, also in the same cluster. */
  readonly tokenKey: string;
  /** When Postgres last said that all of it is so, ms since 1970. */
  readonly confirmedMs: number;
  readonly keys: readonly (Pick<LiveKey, 'keyNo' | 'role'> & { readonly sha256: string })[];
  readonly tokenSecrets: readonly { readonly kid: string; readonly secret: string }[];
  readonly eventTypes: readonly EventTypeRule[];
  readonly scenarios: readonly Pick<StoredScenario, 'scenarioNo' | 'name' | 'definition'>[];
  readonly explore: number;
  readonly attributes: readonly { readonly name: string; readonly type: AttributeType; readonly firstSeenMs: number }[];
  readonly trending: readonly TrendingRow[];
  readonly model: CopiedModel | null;
  readonly catalogue: CopiedCatalogue;
}

/** Nothing is answered from this copy. The message is a sentence's end: "it …". */
export class CopyRefused extends Error {
  override readonly name = 'CopyRefused';
}

/** @returns null where there is none. @throws CopyRefused */
export async function readManifest(folder: string): Promise<CopyManifest | null> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return null;
    }
    throw new CopyRefused(`it cannot be read (${error.message})`);
  });
  if (text === null) {
    return null;
  }
  const end = text.indexOf('\n');
  const found = FIRST_LINE.exec(text.slice(0, Math.max(0, end)));
  if (found === null) {
    throw new CopyRefused('it is damaged: the first line of its manifest is none');
  }
  if (Number(found[1]) !== COPY_FORMAT) {
    throw new CopyRefused(`it has format ${found[1]} and this version of Jongleur reads format ${COPY_FORMAT}`);
  }
  const json = text.slice(end + 1);
  if (createHash('sha256').update(json).digest('hex') !== found[2]) {
    throw new CopyRefused('it is damaged: its manifest does not match its checksum');
  }
  const manifest = JSON.parse(json) as CopyManifest;
  for (const { name } of filesOf(manifest)) {
    if (!NAME.test(name)) {
      throw new CopyRefused(`it is damaged: it names a file ${JSON.stringify(name)}`);
    }
  }
  return manifest;
}

export async function writeManifest(folder: string, manifest: CopyManifest): Promise<void> {
  const json = JSON.stringify(manifest);
  await writeWholeFile(join(folder, MANIFEST), [`JONGLEUR-COPY ${COPY_FORMAT} ${createHash('sha256').update(json).digest('hex')}\n`, json], null, OWNER_ONLY);
}

export function filesOf({ model, catalogue }: Pick<CopyManifest, 'model' | 'catalogue'>): CopyFile[] {
  return [...(model === null ? [] : [model.item]), ...(model?.user == null ? [] : [model.user]), ...catalogue.files];
}

/** @throws what the file system or the source says, and then there is no such file */
export async function writeCopyFile(folder: string, name: string, pieces: AsyncIterable<Buffer>, signal: AbortSignal): Promise<CopyFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      hash.update(piece);
      bytes += piece.length;
      yield piece;
    }
  }
  await writeWholeFile(join(folder, name), counted(), null, OWNER_ONLY, signal);
  return { name, bytes, sha256: hash.digest('hex') };
}

/** Feeds a file's bytes to `onPiece` and holds them against length and checksum. @throws CopyRefused */
async function checkBytes(folder: string, { name, bytes, sha256 }: CopyFile, onPiece: (piece: Buffer, offset: number) => void): Promise<void> {
  const path = join(folder, name);
  const hash = createHash('sha256');
  let offset = 0;
  try {
    const { size } = await stat(path);
    if (size !== bytes) {
      throw new CopyRefused(`it is damaged: ${name} has ${size} bytes in place of ${bytes}`);
    }
    for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
      onPiece(piece, offset);
      hash.update(piece);
      offset += piece.length;
    }
  } catch (error) {
    throw error instanceof CopyRefused ? error : new CopyRefused(`${name} of it cannot be read (${(error as Error).message})`);
  }
  if (offset !== bytes || hash.digest('hex') !== sha256) {
    throw new CopyRefused(`it is damaged: ${name} does not match its checksum`);
  }
}

/** A file in a buffer of its own. @throws CopyRefused */
export async function readCopyFile(folder: string, file: CopyFile): Promise<Uint8Array> {
  const whole = new Uint8Array(file.bytes);
  await checkBytes(folder, file, (piece, offset) => whole.set(piece, offset));
  return whole;
}

/** @throws CopyRefused */
export async function checkCopyFile(folder: string, file: CopyFile): Promise<void> {
  await checkBytes(folder, file, () => undefined);
}

export function streamCopyFile(folder: string, { name }: CopyFile): AsyncIterable<Buffer> {
  return createReadStream(join(folder, name), { highWaterMark: PIECE_BYTES });
}

/** Removes whatever the manifest does not name, also what a writing that was interrupted left. */
export async function removeOthers(folder: string, manifest: Pick<CopyManifest, 'model' | 'catalogue'>): Promise<void> {
  const kept = new Set([MANIFEST, LOCK, ...filesOf(manifest).map(({ name }) => name)]);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!kept.has(name)) {
      await rm(join(folder, name), { force: true });
    }
  }
}

/** The folder's own entry on the disk, so that a power cut finds the files under their names. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
