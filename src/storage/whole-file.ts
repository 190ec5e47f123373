/** A file that stands under its name only when it is whole and on the disk: until then it is `NAME.part`. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** @param through what packs it; null: as it is. @throws what the file system or the source says, and then there is no file */
export async function writeWholeFile(path: string, pieces: AsyncIterable<Buffer | string> | Iterable<Buffer | string>, through: Transform | null, mode = 0o666, signal?: AbortSignal): Promise<void> {
  const part = `${path}.part`;
  // One that an earlier attempt left has that one's permissions.
  await rm(part, { force: true });
  const source = Readable.from(pieces, { objectMode: true });
  const out = createWriteStream(part, { mode, flush: true });
  const options = signal === undefined ? {} : { signal };
  try {
    await (through === null ? pipeline(source, out, options) : pipeline(source, through, out, options));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
