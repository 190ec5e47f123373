/** The commands as they are shipped. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from './support/postgres.ts';

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

// A command is a process: beside other work a dozen of them take a while.
describe('jongleur', { timeout: 60_000 }, () => {
  let folder: string;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-cli-'));
    database = await createTestDatabase(inject('templateUrl'));
  });
  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true });
  });

  /** This shop is smaller than a model should be made from. */
  const small = { TRAIN_MIN_INTERACTIONS: '1', TRAIN_MIN_USERS: '1' };
  const jongleur = async (...args: string[]) => await jongleurWith(small, ...args);
  const jongleurWith = async (environment: Record<string, string>, ...args: string[]) =>
    await new Promise<{ code: number; out: string; err: string }>((resolve) => {
      execFile(process.execPath, [cli, ...args], { env: { PATH: process.env.PATH, DATABASE_URL: database.url, DATA_DIR: folder, ...environment }, cwd: folder }, (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }));
    });
  const file = async (name: string, content: string | Buffer) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const orders = `customer,sku,ordered_at,title,qty\n${Array.from({ length: 16 }, (_, user) => Array.from({ length: 8 }, (_unused, item) => (item % 2 === user % 2 && item !== user % 8 ? `u${user},i${item},2026-01-${String(user + 1).padStart(2, '0')} 10:00,"Item ""${item}""",1\n` : '')).join('')).join('')},i1,2026-01-01,x,1\nu1,i1,yesterday,x,1\n`;

  it('imports, trains and recommends, and says what it did', async () => {
    const path = await file('orders.csv.gz', gzipSync(orders));
    const imported = await jongleur('import', path, '--columns', 'user=customer,item=sku,time=ordered_at,quantity=qty', '--type', 'cart');
    expect(imported).toMatchObject({ code: 0, err: '' });
    expect(imported.out).toMatch(/user = customer, item = sku, time = ordered_at, quantity = qty, title = title; type cart/);
    expect(imported.out).toMatch(/imported +48\n[^]*skipped: no user +1 {2}first in line 50[^]*skipped: bad time +1 {2}first in line 51: "u1,i1,yesterday,x,1"/);
    const again = await jongleur('import', path, '--columns', 'user=customer,item=sku,time=ordered_at,quantity=qty', '--type', 'cart');
    expect(again.out).toMatch(/imported +0\n[^]*known already +48/);

    const refused = await jongleur('train');
    expect(refused).toMatchObject({ code: 3, out: expect.stringMatching(/^No model went live: the gate refused what run 1 made[^]*✗ It could not be measured/) as string });
    expect(await jongleur('settings', 'set', 'gate.publishUnmeasured=true', 'keepVersions=3')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/gate\.publishUnmeasured +true +false +publish/) as string });
    const trained = await jongleur('train');
    expect(trained.code).toBe(0);
    expect(trained.err).toMatch(/^extract, 0 %\n(\w+, \d+ %(, \d+ s left)?\n)+$/);
    expect(trained.out).toMatch(/^Model 1 is live \(run 2; \d+\.\d s\)[^]*48 events → 48 interactions of 16 users with 8 items/);
    expect(trained.out).toContain('Fitted from the start: There is no live version to go on from.');

    const list = await jongleur('recommend', 'u3', '--limit', '4');
    expect(list.out.trim().split('\n')).toHaveLength(4);
    expect(list.out).toMatch(/^ +1 +\d\.\d{4} +i[1357] +Item "[1357]"/);
    const json = JSON.parse((await jongleur('recommend', 'u3', '--limit', '2', '--json')).out) as { source: string; items: unknown[] };
    expect(json).toMatchObject({ source: 'personal', modelVersion: 1 });
    expect(json.items).toHaveLength(2);
    const stranger = await jongleur('recommend', 'nobody');
    expect(stranger).toMatchObject({ code: 0 });
    expect(stranger.err).toMatch(/Nothing is known of "nobody".*trending/);
    expect(await jongleur('recommend', 'nobody', '--no-fill')).toMatchObject({ code: 0, out: expect.stringMatching(/^Nothing to recommend/) as string });
    const ids = async (...args: string[]) => ((JSON.parse((await jongleur(...args, '--json')).out) as { items: { itemId: string }[] }).items.map(({ itemId }) => itemId));
    expect(await ids('similar', 'i1', 'i3', '--limit', '2', '--user', 'u1')).toHaveLength(2);
    expect(await ids('session', 'i1', '--type', 'cart', '--limit', '2', '--explore', '0', '--min-score', '-1')).toEqual(expect.arrayContaining([expect.stringMatching(/^i[3579]$/)]));
    expect(await ids('newest', '--limit', '3', '--rotation', '1', '--rotation-hours', '1')).toHaveLength(3);
    expect(await ids('trending', '--limit', '3')).toHaveLength(3);
    expect(await jongleur('together', 'i1', '--limit', '2')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^ +1 .* i[357] /) as string });
    expect((await jongleur('together', 'i1', 'nothing', '--scenario', 'hom')).err).toMatch(/did you mean "home"/);
    expect(await jongleur('similar', 'nothing')).toMatchObject({ code: 1, err: expect.stringMatching(/There is no item "nothing"/) as string });
    expect(await jongleur('session', 'i1', '--type', 'vew')).toMatchObject({ code: 1, err: expect.stringMatching(/no event type "vew"; there are view, cart/) as string });
    expect(await jongleur('trending', '--explore', '0.6')).toMatchObject({ code: 2, err: expect.stringMatching(/number from 0 to 0.5/) as string });
  });

  it('shows versions, takes one back, and lets somebody decide', async () => {
    expect(await jongleur('settings', 'set', 'gate.manual=true')).toMatchObject({ code: 0 });
    const waiting = await jongleur('train', '--search', 'off', '--cold');
    expect(waiting).toMatchObject({ code: 0, out: expect.stringMatching(/^Model 2 waits for approval \(run 3[^]*jongleur models activate 2[^]*It was asked to begin cold[^]*publishing is set to manual/) as string });
    expect(await jongleur('models', 'activate', '2')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^Model 2 is live; running servers swap/) as string });
    expect(JSON.parse((await jongleur('models', 'activate', '1', '--json')).out)).toMatchObject({ version: 1, state: 'live' });
    const third = JSON.parse((await jongleur('train', '--search', 'off', '--json')).out) as { version: number; state: string; report: object };
    expect(third).toMatchObject({ version: 3, state: 'needs-approval', report: { users: 16, start: { kind: 'warm', fromVersion: 1 } } });
    expect(await jongleur('models', 'reject', '3')).toMatchObject({ code: 0, out: 'Model 3 was refused; the live version stays.\n' });
    expect((await jongleur('models')).out).toMatch(/^version +state[^\n]*\n3 +rejected [^\n]*\n2 +retired [^\n]*\n1 +live [^\n]* underpowered +data-limited\n$/);
    expect((await jongleur('models', 'show', '1', '--markdown')).out).toMatch(/^# Model 1\n[^]*## Recipe\n/);
  });

  it('lists runs, shows one, and cancels none that has ended', async () => {
    expect((await jongleur('runs')).out).toMatch(/^run +started[^\n]*\n4 [^\n]* cli [^\n]* rejected +model 3\n3 [^\n]* published +model 2\n2 [^\n]* published +model 1\n1 [^\n]* rejected +not-measured\n$/);
    expect((await jongleur('runs', 'show', '2')).out).toMatch(/^Run 2: published, model 1[^]*phase +seconds +rows\n {2}extract +\d/);
    expect(await jongleur('runs', 'cancel', '2')).toMatchObject({ code: 1, err: 'jongleur: Run 2 has ended already (published).\n' });
    expect(JSON.parse((await jongleur('settings', 'set', 'gate.manual=default', '--json')).out)).toMatchObject({ gate: { manual: false, publishUnmeasured: true }, keepVersions: 3 });
  });

  it('checks what is stored, or a file before it is imported, and ends with code 1 where no model would come of it', async () => {
    expect(await jongleur('check')).toMatchObject({ code: 0, out: expect.stringMatching(/48 events of 16 users on 8 items[^]*warning +few-interactions: 48 interactions[^]*Import older orders/) as string });
    expect(await jongleurWith({}, 'check')).toMatchObject({ code: 1, out: expect.stringMatching(/error +too-few-interactions: 48 of at least 1,000/) as string });
    expect(await jongleurWith({}, 'train')).toMatchObject({ code: 1, err: expect.stringMatching(/not-enough-data.*48 of at least 1000 interactions, 16 of at least 25 users/) as string });
    const path = await file('unseen.csv', orders);
    const checked = await jongleurWith({}, 'check', '--file', path, '--columns', 'user=customer,item=sku,time=ordered_at', '--json');
    expect(checked.code).toBe(1);
    expect(JSON.parse(checked.out)).toMatchObject({ figures: { events: 48, users: 16 }, findings: expect.arrayContaining([expect.objectContaining({ code: 'rows-left-out', severity: 'info', figure: 1, message: expect.stringMatching(/1 of 50 rows: bad time, first in line 51/) as string })]) as unknown });
    expect(await jongleur('check', '--file', join(folder, 'none.csv'))).toMatchObject({ code: 1, err: expect.stringMatching(/There is no file/) as string });
  });

  it('ends with code 1 and one sentence that helps, where something of the user’s is wrong', async () => {
    const whole = gzipSync(orders.repeat(50));
    const cases: [string[], RegExp][] = [
      [['import', join(folder, 'none.csv')], /There is no file .*none\.csv/],
      [['import', await file('cut.csv.gz', whole.subarray(0, whole.length - 20)), '--columns', 'user=customer,item=sku'], /cut off.*stored/],
      [['import', await file('other.csv', 'a,b\n1,2\n')], /No column of the file looks like the user\. Its columns are: a, b\. Say which it is, for example --columns user=a/],
      [['import', await file('o.csv', orders), '--columns', 'user=custmer,item=sku'], /no column "custmer".*did you mean "customer"/],
      [['import', await file('o.csv', orders), '--columns', 'user=customer', '--type', 'puchase'], /"puchase" is no event type; did you mean "purchase"/],
      [['import', await file('bad.csv', 'user,item,time\nu,i,never\n')], /No row could be imported/],
      [['keys', 'root'], /There is no role "root"/],
      [['settings', 'set', 'gate.margn=0.1'], /no setting "gate\.margn"; did you mean gate\.margin\?/],
    ];
    for (const [args, message] of cases) {
      const result = await jongleur(...args);
      expect(result, args.join(' ')).toMatchObject({ code: 1, err: expect.stringMatching(message) as string });
      expect(result.err, args.join(' ')).not.toMatch(/ {4}at |node:internal/);
    }
  });

  it('ends with code 2 for a command that it does not know', async () => {
    expect(await jongleur('recomend', 'u1')).toMatchObject({ code: 2, err: expect.stringMatching(/Did you mean recommend/) as string });
    expect(await jongleur('recommend', 'u1', '--limit', 'many')).toMatchObject({ code: 2, err: expect.stringMatching(/whole number from 1 to 200/) as string });
    expect(await jongleur('train', '--search', 'deep')).toMatchObject({ code: 2, err: expect.stringMatching(/Allowed choices are off, light, full/) as string });
    expect((await jongleur('--help')).out).toMatch(/import[^]*train[^]*runs[^]*models[^]*recommend[^]*keys[^]*demo[^]*settings[^]*check/);
  });

  it('makes keys where there are none and shows them, readable by their owner alone', async () => {
    const all = await jongleur('keys');
    expect(all.out).toMatch(/^secret +sk_[\w-]{43}\npublishable +pk_[\w-]{43}\nadmin +ak_[\w-]{43}\n$/);
    expect((await jongleur('keys', 'secret')).out.trim()).toBe(/sk_\S+/.exec(all.out)![0]);
    expect((await stat(join(folder, 'keys.env'))).mode & 0o777).toBe(0o600);
  });

  it('makes, lists and revokes keys and secrets for shopper tokens', async () => {
    const [, no, key] = /^key (\d+): (pk_\S{43})$/m.exec((await jongleur('keys', 'make', 'publishable', '--name', 'the shop’s pages')).out)!;
    const list = (await jongleur('keys', 'list')).out;
    expect(list).toMatch(new RegExp(`^${no} +publishable +the shop’s pages +${key.slice(0, 8)}… `, 'm'));
    expect(list).not.toContain(key.slice(8));
    expect((await jongleur('keys', 'revoke', no)).out).toContain(`Key ${no} opens nothing from now on.`);
    expect((await jongleur('keys', 'list')).out).toMatch(new RegExp(`^${no} .* revoked `, 'm'));
    expect(await jongleur('keys', 'revoke', no)).toMatchObject({ code: 1, err: expect.stringContaining('There is no live key') });
    expect(await jongleur('keys', 'make', 'root')).toMatchObject({ code: 1, err: expect.stringContaining('roles are') });

    const [, kid, secret] = /^(shop-\S+): (ts_\S{43})$/m.exec((await jongleur('token-secrets', 'make')).out)!;
    expect((await jongleur('token-secrets')).out).toContain(kid);
    expect((await jongleur('token-secrets')).out).not.toContain(secret);
    await jongleur('token-secrets', 'make');
    expect(await jongleur('token-secrets', 'make')).toMatchObject({ code: 1, err: expect.stringContaining('2 secrets already') });
    expect((await jongleur('token-secrets', 'delete', kid)).out).toContain(kid);
    expect((await jongleur('token-secrets')).out).not.toContain(kid);
  });
});
