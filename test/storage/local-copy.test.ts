import { mkdir, mkdtemp, readFile, readdir, rm, rmdir, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { placeOf } from '../../src/storage/database.ts';
import { COPY_FORMAT, type CopyManifest, LOCK, MANIFEST, filesOf, readManifest, writeManifest } from '../../src/storage/local-copy/files.ts';
import { type LocalCopyKeeper, type LocalCopyKeeperOptions, createLocalCopyKeeper, removeLocalCopy } from '../../src/storage/local-copy/keeper.ts';
import { findLocalCopy, readLocalCopy } from '../../src/storage/local-copy/reader.ts';
import { readItemRows } from '../../src/storage/item-rows.ts';
import { redactModels } from '../../src/training/redaction.ts';
import { type Service, startService } from '../support/service.ts';
import { ITEMS, fillShop } from '../support/three-tastes.ts';

const DAY_MS = 86_400_000;
const tokenKey = Buffer.alloc(32, 5);

describe('a local copy', () => {
  let service: Service;
  let folder: string;
  let keepers: LocalCopyKeeper[] = [];
  let said: { message: string; detail: Record<string, unknown>; failed: boolean }[] = [];

  function keep(options: Partial<LocalCopyKeeperOptions> = {}): LocalCopyKeeper {
    const keeper = createLocalCopyKeeper({
      database: service.database, folder, place: placeOf(service.url), systemIdentifier: service.facts.systemIdentifier, tokenKey, modelVersion: service.answers.modelVersion, trending: service.answers.trendingRows, now: Date.now,
      log: (message, detail, failed = false) => void said.push({ message, detail, failed }), ...options,
    });
    keepers.push(keeper);
    return keeper;
  }
  /** Noted again and again, as the poll does. */
  async function until(keeper: LocalCopyKeeper, isThere: (manifest: CopyManifest) => boolean): Promise<CopyManifest> {
    return await vi.waitFor(async () => {
      keeper.note();
      const manifest = await readManifest(folder);
      expect(manifest !== null && isThere(manifest)).toBe(true);
      return manifest!;
    }, { timeout: 30_000, interval: 50 });
  }
  async function rowsOf(read: (onRow: (row: { itemNo: number; itemId: string; title: string | null; price: number; isAvailable: boolean }) => void) => Promise<unknown>): Promise<Map<number, string>> {
    const rows = new Map<number, string>();
    await read((row) => rows.set(row.itemNo, JSON.stringify(row)));
    return rows;
  }

  beforeAll(async () => {
    service = await startService();
    await fillShop(service);
  }, 60_000);
  afterAll(async () => await service.stop());
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'jongleur-copy-')), 'local-copy');
    said = [];
  });
  afterEach(async () => {
    await Promise.all(keepers.map(async (keeper) => await keeper.stop()));
    keepers = [];
    await rm(join(folder, '..'), { recursive: true });
  });

  it('has all that answers need, for its owner alone, and is not written again where nothing changed', async () => {
    const keeper = keep();
    const manifest = await until(keeper, ({ model, trending }) => model !== null && trending.length > 0);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const name of (await readdir(folder)).filter((one) => one !== LOCK)) {
      expect([name, (await stat(join(folder, name))).mode & 0o777]).toEqual([name, 0o600]);
    }
    const copy = await readLocalCopy(folder, manifest);
    expect(copy.itemPart!.length).toBeGreaterThan(1_000);
    expect(copy.userPart!.length).toBeGreaterThan(1_000);
    expect(await rowsOf(copy.readItems)).toEqual(await rowsOf(async (onRow) => await readItemRows(service.database, null, onRow)));
    expect(await findLocalCopy(folder, placeOf(service.url), DAY_MS, Date.now())).toEqual(manifest);
    const before = (await stat(join(folder, MANIFEST))).mtimeMs;
    for (let n = 0; n < 3; n++) {
      keeper.note();
      await new Promise((resolve) => setTimeout(resolve, 1_100));
    }
    expect((await stat(join(folder, MANIFEST))).mtimeMs).toBe(before);
  });

  it('is refused wherever a bit is another, wherever it ends too soon, and where a file is missing', async () => {
    const manifest = await until(keep(), ({ model }) => model?.user != null);
    const read = async () => await readLocalCopy(folder, (await findLocalCopy(folder, manifest.place, DAY_MS, Date.now()))!);
    await read();
    for (const name of [MANIFEST, ...filesOf(manifest).map((file) => file.name)]) {
      const path = join(folder, name);
      const whole = await readFile(path);
      for (const at of [0, 15, 21, 90, whole.length >> 2, whole.length >> 1, whole.length - 1]) {
        const flipped = Buffer.from(whole);
        flipped[at] ^= 1 << at % 8;
        await writeFile(path, flipped);
        await expect(read(), `${name}, bit of byte ${at}`).rejects.toThrow(/damaged|format/);
        await writeFile(path, whole);
        await truncate(path, at);
        await expect(read(), `${name}, cut at ${at}`).rejects.toThrow(/damaged/);
        await writeFile(path, Buffer.concat([whole, Buffer.from('x')]));
        await expect(read(), `${name}, with more`).rejects.toThrow(/damaged/);
        await writeFile(path, whole);
      }
      await read();
    }
    for (const { name } of filesOf(manifest)) {
      const whole = await readFile(join(folder, name));
      await rm(join(folder, name));
      await expect(read(), `${name} gone`).rejects.toThrow(`${name} of it cannot be read`);
      await writeFile(join(folder, name), whole);
    }
  });

  it('of another format, of another database, or too old is refused with the reason; none is none', async () => {
    const place = placeOf(service.url);
    expect(await findLocalCopy(folder, place, DAY_MS, Date.now())).toBeNull();
    const manifest = await until(keep(), () => true);
    await expect(findLocalCopy(folder, placeOf(`${service.url}_other`), DAY_MS, Date.now())).rejects.toThrow('it is of another database than that of DATABASE_URL');
    await expect(findLocalCopy(folder, place, DAY_MS, manifest.confirmedMs + DAY_MS + 1)).rejects.toThrow(/too old: Postgres was last seen at 20.*LOCAL_COPY_DAYS/);
    const text = await readFile(join(folder, MANIFEST), 'utf8');
    await writeFile(join(folder, MANIFEST), text.replace(`JONGLEUR-COPY ${COPY_FORMAT} `, `JONGLEUR-COPY ${COPY_FORMAT + 1} `));
    await expect(findLocalCopy(folder, place, DAY_MS, Date.now())).rejects.toThrow(`it has format ${COPY_FORMAT + 1} and this version of Jongleur reads format ${COPY_FORMAT}`);
    // A name that leads out of the folder, under a checksum that is right.
    await writeManifest(folder, { ...manifest, catalogue: { ...manifest.catalogue, files: [{ ...manifest.catalogue.files[0], name: '../keys.env' }] } });
    await expect(findLocalCopy(folder, place, DAY_MS, Date.now())).rejects.toThrow('"../keys.env"');
  });

  it('means the same database by whatever name one comes to it, and another host, port or database is another', () => {
    expect(placeOf('postgres://a:b@db:5432/shop?sslmode=require')).toBe(placeOf('postgresql://c:d@db/shop'));
    for (const other of ['postgres://a@db2/shop', 'postgres://a@db:5433/shop', 'postgres://a@db/shop2']) {
      expect(placeOf(other)).not.toBe(placeOf('postgres://a@db/shop'));
    }
  });

  it('follows the catalogue by what changed, and begins it anew when that is much', async () => {
    const keeper = keep();
    const first = await until(keeper, () => true);
    expect(first.catalogue.files).toHaveLength(1);
    for (let n = 0; n < 3; n++) {
      expect((await service.call('PATCH', `/v1/items/i${n}`, { price: 900 + n })).status).toBe(200);
      const changed = await until(keeper, ({ catalogue }) => catalogue.files.length > n + 1);
      expect(changed.catalogue.files[0]).toEqual(first.catalogue.files[0]);
      expect(changed.model).toEqual(first.model);
      expect(changed.catalogue.files.at(-1)!.bytes).toBeLessThan(first.catalogue.files[0].bytes / 4);
    }
    expect((await service.call('DELETE', '/v1/items/i59')).status).toBe(204);
    const copy = await readLocalCopy(folder, await until(keeper, ({ catalogue }) => catalogue.files.length > 4));
    const rows = await rowsOf(copy.readItems);
    expect(rows).toEqual(await rowsOf(async (onRow) => await readItemRows(service.database, null, onRow)));
    expect(rows.size).toBe(ITEMS);
    const long = 'x'.repeat(1_000);
    const many = Array.from({ length: 900 }, (_, n) => ({ itemId: `new${n}`, title: long, url: `https://shop.example/${n}` }));
    for (let turn = 0; turn < 2; turn++) {
      expect((await service.call('POST', '/v1/items', { items: many.map((item) => ({ ...item, price: turn + 1 })) })).status).toBe(200);
      await until(keeper, ({ catalogue }) => turn === 0 ? catalogue.files.at(-1)!.bytes > 800_000 : catalogue.files.length === 1 || catalogue.files.at(-1)!.bytes > 800_000);
    }
    await service.call('PATCH', '/v1/items/i1', { price: 1 });
    const anew = await until(keeper, ({ catalogue }) => catalogue.files.length <= 2);
    expect(await rowsOf((await readLocalCopy(folder, anew)).readItems)).toEqual(await rowsOf(async (onRow) => await readItemRows(service.database, null, onRow)));
    // What is no part of it any more is gone.
    expect((await readdir(folder)).toSorted()).toEqual([LOCK, MANIFEST, ...filesOf(anew).map(({ name }) => name)].toSorted());
  }, 60_000);

  it('has nothing of whom it was told is erased, within seconds', async () => {
    const keeper = keep();
    const words = async () => (await Promise.all((await readdir(folder)).map(async (name) => await readFile(join(folder, name), 'latin1')))).join('\n');
    const before = await until(keeper, ({ model }) => model?.user != null);
    await service.call('POST', '/v1/events', { userId: 'somebody-by-name', itemId: 'i3', type: 'purchase' });
    for (const itemId of ['i6', 'i9', 'i12']) {
      await service.call('POST', '/v1/events', { userId: 'somebody-by-name', itemId, type: 'cart' });
    }
    await service.train();
    const known = await until(keeper, ({ model }) => model!.version > before.model!.version);
    expect(await words()).toContain('somebody-by-name');
    expect((await service.call('DELETE', '/v1/users/somebody-by-name')).status).toBe(200);
    const erasedMs = performance.now();
    const told = await until(keeper, ({ model }) => model!.goneUserNos.length > 0);
    expect(told.model!.goneUserNos).toHaveLength(1);
    await redactModels(service.database);
    const after = await until(keeper, ({ model }) => model!.user!.sha256 !== known.model!.user!.sha256);
    await vi.waitFor(async () => expect(await words()).not.toContain('somebody-by-name'), { timeout: 5_000 });
    expect(performance.now() - erasedMs).toBeLessThan(15_000);
    expect(after.model!.item).toEqual(known.model!.item);
    expect((await readdir(folder)).includes(known.model!.user!.name)).toBe(false);
  }, 60_000);

  it('is kept by one process at a time, and by the next when that one is gone', async () => {
    const first = keep();
    await until(first, () => true);
    const second = keep();
    second.note();
    await vi.waitFor(() => expect(said.at(-1)).toMatchObject({ message: 'the local copy is not kept', detail: { reason: 'Error: another process on this DATA_DIR keeps it' }, failed: false }), { timeout: 5_000 });
    await first.stop();
    const made = await service.call('POST', '/v1/keys', { role: 'secret', name: 'x' });
    await until(second, ({ keys }) => keys.some(({ keyNo }) => keyNo === made.json.no));
    expect((await service.call('DELETE', `/v1/keys/${made.json.no}`)).status).toBe(204);
    await until(second, ({ keys }) => keys.every(({ keyNo }) => keyNo !== made.json.no));
  }, 60_000);

  it('takes over what a former process left, writes anew what is damaged of it, and takes nothing of another database', async () => {
    const first = keep();
    const before = await until(first, ({ model }) => model !== null);
    await first.stop();
    const second = keep({ now: () => Date.now() + 600_000 });
    const confirmed = await until(second, ({ confirmedMs }) => confirmedMs > before.confirmedMs);
    expect([confirmed.model, confirmed.catalogue]).toEqual([before.model, before.catalogue]);
    await second.stop();
    await writeFile(join(folder, before.model!.item.name), 'no model');
    const third = keep();
    const mended = await until(third, ({ model }) => model!.item.name !== before.model!.item.name);
    await readLocalCopy(folder, mended);
    await third.stop();
    const other = await until(keep({ tokenKey: Buffer.alloc(32, 6) }), (manifest) => manifest.tokenKey !== mended.tokenKey);
    expect(filesOf(other).map(({ name }) => name)).not.toContain(mended.model!.item.name);
  }, 60_000);

  it('that cannot be written leaves the former one, is told of once, and leaves no file behind', async () => {
    const keeper = keep();
    const before = await until(keeper, () => true);
    const inTheWay = join(folder, `${MANIFEST}.part`);
    await mkdir(inTheWay);
    for (const price of [5, 6]) {
      await service.call('PATCH', '/v1/items/i2', { price });
      keeper.note();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
    expect(said.filter(({ message, failed }) => message === 'the local copy is not kept' && failed)).toHaveLength(1);
    expect(await readManifest(folder)).toEqual(before);
    await readLocalCopy(folder, before);
    await rmdir(inTheWay);
    const after = await until(keeper, ({ catalogue }) => catalogue.files.length > 1);
    // They go once the manifest that does without them is there for good.
    await vi.waitFor(async () => expect((await readdir(folder)).toSorted()).toEqual([LOCK, MANIFEST, ...filesOf(after).map(({ name }) => name)].toSorted()), { timeout: 10_000 });
  });

  it('is removed where none is wanted', async () => {
    const keeper = keep();
    await until(keeper, () => true);
    await keeper.stop();
    await removeLocalCopy(folder);
    expect(await readdir(folder)).toEqual([]);
    await removeLocalCopy(join(folder, 'never'));
  });
});
