import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportText } from '../src/data-commands.ts';
import { deleteOldEvents } from '../src/storage/retention.ts';
import { KEYS, type Service, startService } from './support/service.ts';

describe('what goes out', () => {
  let service: Service;
  const text = async (kind: 'events' | 'items' | 'users', format: 'csv' | 'ndjson', raw = false) => {
    let whole = '';
    for await (const piece of exportText(service.database, kind, format, raw)) {
      whole += piece;
    }
    return whole;
  };

  beforeAll(async () => {
    service = await startService();
    await service.call('POST', '/v1/events', { events: [
      { userId: 'ann', itemId: '=cmd|calc', type: 'purchase', quantity: -2, price: 1.5, occurredAt: '2026-01-02T03:04:05.678Z' },
      { userId: '@bob', itemId: 'b"2",', type: 'rating', value: 4.5, occurredAt: '2026-01-01T00:00:00Z' },
    ] });
    await service.call('PUT', '/v1/items/a', { title: '+49 title', price: 3, categories: ['x', 'y'], attributes: { size: 4 } });
  });
  afterAll(async () => await service.stop());

  it('is CSV in which no text is a formula, and numbers are numbers', async () => {
    expect((await text('events', 'csv')).replaceAll(/,2\d{3}-[\d-]+T[\d:.]+Z\n/g, ',RECEIVED\n')).toBe(`userId,itemId,type,value,quantity,price,occurredAt,receivedAt
ann,'=cmd|calc,purchase,,-2,1.5,2026-01-02T03:04:05.678Z,RECEIVED
'@bob,"b""2"",",rating,4.5,,,2026-01-01T00:00:00.000Z,RECEIVED
`);
    expect(await text('items', 'csv')).toContain(`a,'+49 title,,,3,x|y,true,,,"{""size"":4}"\n`);
    expect(await text('users', 'csv')).toMatch(/^userId,firstSeenAt\n'@bob,.*\nann,/);
  });

  it('as NDJSON, or raw, is exactly what is stored, and can be imported again', async () => {
    const events = (await text('events', 'ndjson')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events[1]).toMatchObject({ userId: '@bob', itemId: 'b"2",', type: 'rating', value: 4.5, price: null, occurredAt: '2026-01-01T00:00:00.000Z' });
    for (const [body, type] of [[await text('events', 'csv', true), 'text/csv'], [await text('events', 'ndjson'), 'application/x-ndjson']] as const) {
      const other = await startService();
      const { no } = (await other.app.inject({ method: 'POST', url: '/v1/imports?columns=time=occurredAt', headers: { authorization: `Bearer ${KEYS.secret}`, 'content-type': type }, payload: body })).json();
      await expect.poll(async () => (await other.call('GET', `/v1/imports/${no}`)).json.state, { timeout: 10_000 }).toBe('done');
      const exported = (await other.call('GET', '/v1/users/@bob/export')).json.events;
      expect(exported).toMatchObject([{ itemId: 'b"2",', type: 'rating', value: 4.5, occurredAt: '2026-01-01T00:00:00.000Z' }]);
      await other.stop();
    }
  });

  it('ends quietly where its reader has enough', async () => {
    await service.database.query(`INSERT INTO users (user_id) SELECT 'reader-' || n FROM generate_series(1, 30000) n`);
    const child = spawn(process.execPath, [fileURLToPath(new URL('../dist/cli.js', import.meta.url)), 'export', 'users'], { env: { PATH: process.env.PATH, DATABASE_URL: service.url }, stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (piece: Buffer) => (complaint += piece.toString()));
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    child.stdout.destroy();
    const [code] = await once(child, 'close');
    expect([first.toString().slice(0, 19), code, complaint]).toEqual(['userId,firstSeenAt\n', 0, '']);
  });

  it('after its time is deleted in parts, the oldest first, by when it was received', async () => {
    const values = Array.from({ length: 250 }, (_, k) => `(1, 1, 1, now(), now() - interval '${k < 120 ? 40 : 5} days', gen_random_uuid())`);
    await service.database.query('DELETE FROM events');
    await service.database.query(`INSERT INTO events (user_no, item_no, type_no, occurred_at, received_at, dedup) VALUES ${values.join(', ')}`);
    const before = new Date(Date.now() - 30 * 86_400_000);
    const deleted = [];
    for (let some = 1; some > 0; ) {
      some = await deleteOldEvents(service.database, before, 50);
      deleted.push(some);
    }
    expect(deleted).toEqual([50, 50, 20, 0]);
    expect((await service.database.query('SELECT count(*)::int AS n FROM events')).rows[0].n).toBe(130);
  });
});
