/** Users who left, taken out of the bytes of a stored model. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeUserSide } from '../../src/model/snapshot.ts';
import { listUserParts, loadModelPart } from '../../src/storage/model-parts.ts';
import { createRedaction, redactModels } from '../../src/training/redaction.ts';
import { type Service, startService } from '../support/service.ts';
import { fillShop } from '../support/three-tastes.ts';

describe('the stored model', () => {
  let service: Service;
  let version: number;
  const stored = async () => decodeUserSide(await loadModelPart(service.database, version, 'user'));
  const sum = async () => (await listUserParts(service.database)).find((part) => part.version === version)!.sha256.toString('hex');
  const left = async (userId: string) => expect((await service.call('DELETE', `/v1/users/${userId}`)).status).toBe(200);

  beforeAll(async () => {
    service = await startService();
    await fillShop(service);
    await service.train();
    version = service.answers.modelVersion()!;
    // The service's own would be quicker than these tests.
    await service.redaction.stop();
  }, 60_000);
  afterAll(async () => await service.stop());

  it('loses those who left and nobody else, and its checksum fits', async () => {
    const before = await stored();
    await left('u1');
    await left('u2');
    expect(await redactModels(service.database)).toBe(2);
    const after = await stored();
    expect(after.userIds).toEqual(before.userIds.filter((id) => id !== 'u1' && id !== 'u2'));
    const row = after.userIds.indexOf('u5');
    const was = before.userIds.indexOf('u5');
    const { stride } = after.factors;
    expect(after.factors.data.slice(row * stride, (row + 1) * stride)).toEqual(before.factors.data.slice(was * stride, (was + 1) * stride));
    expect(await redactModels(service.database)).toBe(0);
  });

  it('is not read for guests that are newer than it, and is where one is in it', async () => {
    const known = new Map();
    await redactModels(service.database, known);
    expect([...known.keys()]).toEqual([version]);
    const before = await sum();
    expect((await service.call('POST', '/v1/events', { userId: 'guest', itemId: 'i1', type: 'view' })).status).toBe(200);
    expect((await service.call('PUT', '/v1/users/u7/merge/guest')).json.eventsMoved).toBe(1);
    // Whoever reads now finds nothing that can be read.
    await service.database.query(`CREATE TABLE aside AS SELECT * FROM model_chunks WHERE part = 'user'`);
    await service.database.query(`UPDATE model_chunks SET bytes = 'no model' WHERE part = 'user'`);
    expect(await redactModels(service.database, known)).toBe(0);
    await expect(redactModels(service.database)).rejects.toThrow(/does not match its checksum/);
    await service.database.query('UPDATE model_chunks SET bytes = aside.bytes FROM aside WHERE (model_chunks.version, model_chunks.part, model_chunks.seq) = (aside.version, aside.part, aside.seq)');
    expect(await sum()).toBe(before);
    await left('u4');
    expect(await redactModels(service.database, known)).toBe(1);
    expect((await stored()).userIds).not.toContain('u4');
    // What was learnt of the new bytes holds for them.
    expect(known.get(version).sha256.toString('hex')).toBe(await sum());
    expect(Array.from(known.get(version).userNos)).toEqual(Array.from((await stored()).userNos));
  });

  it('is looked at soon after somebody left, and a stop waits for no thread', async () => {
    const said: string[] = [];
    const redaction = createRedaction(service.database, (message, detail) => void said.push(`${message} ${JSON.stringify(detail)}`), 1);
    await left('u8');
    redaction.note();
    await vi.waitFor(() => expect(said).toEqual(['users who left were taken out of the stored model {"users":1}']), { timeout: 10_000 });
    await redaction.stop();
    const stopped = createRedaction(service.database, (message) => void said.push(message), 1);
    await left('u10');
    stopped.note();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await stopped.stop();
    // Broken off it is no fault, and nothing is half done.
    expect(said.join('\n')).not.toContain('could not');
    const isDone = said.length === 2;
    expect((await stored()).userIds.includes('u10')).toBe(!isDone);
    expect(await redactModels(service.database)).toBe(isDone ? 0 : 1);
  });
});
