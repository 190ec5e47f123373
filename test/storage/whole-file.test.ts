import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGzip, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeWholeFile } from '../../src/storage/whole-file.ts';

describe('a file that is written whole', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-whole-'));
  });
  afterAll(async () => await rm(folder, { recursive: true }));

  it('has its name when it is whole, and its own permissions', async () => {
    const path = join(folder, 'a.gz');
    await writeFile(`${path}.part`, 'of an earlier attempt', { mode: 0o644 });
    await writeWholeFile(path, (async function* () {
      yield 'one\n';
      expect(await readdir(folder)).toEqual(['a.gz.part']);
      yield Buffer.from('two\n');
    })(), createGzip(), 0o600);
    expect(await readdir(folder)).toEqual(['a.gz']);
    expect(gunzipSync(await readFile(path)).toString()).toBe('one\ntwo\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('that is interrupted, or whose source fails, leaves the former one as it was and nothing beside it', async () => {
    const path = join(folder, 'a.gz');
    const before = await readFile(path);
    await expect(writeWholeFile(path, (async function* () {
      yield 'half';
      throw new Error('no more');
    })(), null)).rejects.toThrow('no more');
    const controller = new AbortController();
    await expect(writeWholeFile(path, (async function* () {
      yield 'half';
      controller.abort(new Error('interrupted'));
      await new Promise(() => undefined);
    })(), createGzip(), 0o600, controller.signal)).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['a.gz']);
    expect((await readFile(path)).equals(before)).toBe(true);
  });
});
