/** Stored models that are damaged, a bit here, an end cut off there: none is served, none ends the process, the former model goes on answering. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/model/random.ts';
import { run } from '../../src/storage/database.ts';
import { publishHybridModel } from '../support/hybrid-model.ts';
import { type Service, startService } from '../support/service.ts';
import { fillShop } from '../support/three-tastes.ts';
import { LONG, SEED, noteFigure } from './figures.ts';

const FLIPS = LONG ? 200 : 40;
const CUTS = LONG ? 16 : 8;
type Part = 'item' | 'user';

describe('a damaged model', () => {
  let service: Service;
  let version: number;
  const whole: Record<Part, Buffer> = { item: Buffer.alloc(0), user: Buffer.alloc(0) };
  const random = createRandom(SEED);

  beforeAll(async () => {
    service = await startService();
    await fillShop(service);
    await publishHybridModel(service, 6);
    version = service.answers.modelVersion()!;
    for (const part of ['item', 'user'] as const) {
      const rows = await run<{ bytes: Buffer }>(service.database, 'SELECT bytes FROM model_chunks WHERE version = $1 AND part = $2 ORDER BY seq', [version, part]);
      whole[part] = Buffer.concat(rows.map(({ bytes }) => bytes));
    }
  });
  afterAll(async () => await service.stop());

  /** Makes a version of these bytes the live one. @param sums of other bytes than its own: those that were written before the damage */
  async function publish(bytes: Record<Part, Buffer>, sums: Record<Part, Buffer> = whole): Promise<number> {
    const sha = (part: Part) => createHash('sha256').update(sums[part]).digest();
    await run(service.database, `UPDATE models SET state = 'retired' WHERE state = 'live'`);
    const [{ made }] = await run<{ made: number }>(service.database, `INSERT INTO models (state, recipe, watermark, system_identifier, sha256, user_sha256) SELECT 'live', recipe, watermark, system_identifier, $2, $3 FROM models WHERE version = $1 RETURNING version AS made`, [version, sha('item'), sha('user')]);
    for (const part of ['item', 'user'] as const) {
      await run(service.database, 'INSERT INTO model_chunks (version, part, seq, bytes) VALUES ($1, $2, 0, $3)', [made, part, bytes[part]]);
    }
    await service.answers.followModels();
    return made;
  }

  /** @returns whether it is served */
  async function isServed(bytes: Record<Part, Buffer>, sums?: Record<Part, Buffer>): Promise<boolean> {
    const before = service.answers.modelVersion();
    const made = await publish(bytes, sums);
    const answer = await service.call('GET', '/v1/users/u1/recommendations');
    expect(answer.status).toBe(200);
    const served = service.answers.modelVersion() === made || answer.json.modelVersion === made;
    expect(served || answer.json.modelVersion === before).toBe(true);
    await run(service.database, 'DELETE FROM model_chunks WHERE version = $1', [made]);
    return served;
  }

  function flipped(): Record<Part, Buffer> {
    const part = random.integer(2) === 0 ? 'item' : 'user';
    const bytes = Buffer.from(whole[part]);
    bytes[random.integer(bytes.length)] ^= 1 << random.integer(8);
    return { ...whole, [part]: bytes };
  }

  function truncated(n: number): Record<Part, Buffer> {
    const part = n % 2 === 0 ? 'item' : 'user';
    // Among them nothing at all, and all but a byte.
    const length = n < 2 ? 0 : n < 4 ? whole[part].length - 1 : random.integer(whole[part].length);
    return { ...whole, [part]: whole[part].subarray(0, length) };
  }

  it(`${FLIPS} flipped bits and ${CUTS} truncations are not served`, { timeout: 120_000 }, async () => {
    let served = 0;
    for (let n = 0; n < FLIPS; n++) {
      served += (await isServed(flipped())) ? 1 : 0;
    }
    for (let n = 0; n < CUTS; n++) {
      served += (await isServed(truncated(n))) ? 1 : 0;
    }
    noteFigure({ measure: 'corrupt snapshots served', value: served, floor: 0, remark: `of ${FLIPS + CUTS}; crashes 0` });
    expect(service.answers.modelVersion()).toBe(version);
  });

  it(`truncated ones are not served even where their checksum fits`, { timeout: 60_000 }, async () => {
    let served = 0;
    for (let n = 0; n < CUTS; n++) {
      const bytes = truncated(n);
      served += (await isServed(bytes, bytes)) ? 1 : 0;
    }
    noteFigure({ measure: 'truncated snapshots with a checksum that fits served', value: served, floor: 0, remark: `of ${CUTS}` });
  });

  it('what is whole is served, and so would a flipped bit be without the checksum', async () => {
    expect(await isServed(whole)).toBe(true);
    const bytes = Buffer.from(whole.item);
    bytes[bytes.length - 8] ^= 1;
    const damaged = { ...whole, item: bytes };
    expect(await isServed(damaged, damaged)).toBe(true);
  });
});
