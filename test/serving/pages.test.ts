import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Answers, createAnswers } from '../../src/serving/answers.ts';
import { SteeringFault, type SteeringRequest } from '../../src/serving/steering.ts';
import { readSecret } from '../../src/storage/secrets.ts';
import { type Service, startService } from '../support/service.ts';
import { ITEMS, fillShop } from '../support/three-tastes.ts';

const HOUR_MS = 3_600_000;
/** Beyond all events, so that nobody's purchase is young. */
const MIDNIGHT_MS = Date.UTC(2030, 0, 2);

describe('pages', () => {
  let service: Service;
  let answers: Answers;
  let nowMs = MIDNIGHT_MS - 10 * 60_000;
  const faultOf = async (page: () => unknown) => {
    try {
      await page();
      return 'none';
    } catch (error) {
      return error instanceof SteeringFault ? error.code : error;
    }
  };
  const idsOf = ({ items }: Answer) => items.map(({ itemId }) => itemId);

  beforeAll(async () => {
    service = await startService();
    await fillShop(service);
    // Items that no model knows, so that new ones have places.
    const fresh = Array.from({ length: 12 }, (_, n) => ({ itemId: `new${n}`, title: `Thing new ${n}`, price: 20 + n, categories: [`c${n % 3}`], publishedAt: new Date(MIDNIGHT_MS - 48 * HOUR_MS).toISOString() }));
    expect((await service.call('POST', '/v1/items', { items: fresh })).status).toBe(200);
    answers = createAnswers({ database: service.database, systemIdentifier: service.facts.systemIdentifier, tokenKey: await readSecret(service.database, 'tokens'), now: () => nowMs, log: () => undefined, loadTimeoutMs: 5_000 });
    await answers.start();
  });
  afterAll(async () => {
    answers.stop();
    await service.stop();
  });

  it('of a list that turns go on as the list began, for an hour', async () => {
    for (const steering of [{ limit: 6, rotation: 1, explore: 0 }, { limit: 6, explore: 0.4 }, { limit: 6, rotation: 0.5, explore: 0.3, fill: false }] satisfies SteeringRequest[]) {
      nowMs = MIDNIGHT_MS - 10 * 60_000;
      const whole = idsOf(await answers.recommend('u1', { steering: { ...steering, limit: 18 } }));
      const first = await answers.recommend('u1', { steering });
      expect(idsOf(first)).toEqual(whole.slice(0, 6));
      nowMs = MIDNIGHT_MS + 30 * 60_000;
      // A list that is begun now is another one.
      expect(idsOf(await answers.recommend('u1', { steering: { ...steering, limit: 18 } }))).not.toEqual(whole);
      const second = await answers.recommend('u1', { steering, cursor: first.nextCursor });
      const third = await answers.recommend('u1', { steering, cursor: second.nextCursor });
      expect([...idsOf(second), ...idsOf(third)]).toEqual(whole.slice(6, 18));
      nowMs = MIDNIGHT_MS + 61 * 60_000;
      expect(await faultOf(() => answers.recommend('u1', { steering, cursor: first.nextCursor }))).toBe('stale-cursor');
    }
  });

  it('of a list that has no turn go on whatever the time', async () => {
    nowMs = MIDNIGHT_MS - 10 * 60_000;
    const first = await answers.newest({ steering: { limit: 5 } });
    nowMs = MIDNIGHT_MS + 5 * HOUR_MS;
    expect(idsOf(await answers.newest({ steering: { limit: 5 }, cursor: first.nextCursor }))).toEqual(idsOf(await answers.newest({ steering: { limit: 10 } })).slice(5));
  });

  it('of a list that begins from items belong to these items', async () => {
    const steering = { limit: 3 };
    const lists: Readonly<Record<string, (of: string, cursor?: string) => Promise<Answer | null>>> = {
      similar: async (of, cursor) => await answers.similar([of], null, { steering, cursor }),
      together: async (of, cursor) => await answers.together([of], { steering, cursor }),
      session: async (of, cursor) => await answers.session([{ itemId: of, typeNo: 1 }], { steering, cursor }),
    };
    const cursors = new Map<string, string>();
    for (const [kind, list] of Object.entries(lists)) {
      const { nextCursor } = (await list('i3'))!;
      cursors.set(kind, nextCursor!);
      expect([kind, idsOf((await list('i3', nextCursor))!).length]).toEqual([kind, 3]);
      expect([kind, await faultOf(() => list('i6', nextCursor))]).toEqual([kind, 'cursor']);
    }
    const { nextCursor } = (await answers.similar(['i3'], 'u1', { steering }))!;
    expect(await faultOf(() => answers.similar(['i3'], 'u2', { steering, cursor: nextCursor }))).toBe('cursor');
    expect(await faultOf(() => answers.similar(['i3'], null, { steering, cursor: nextCursor }))).toBe('cursor');
    expect(await faultOf(() => answers.session([{ itemId: 'i3', typeNo: 2 }], { steering, cursor: cursors.get('session') }))).toBe('cursor');
    // Nor do they go from kind to kind.
    expect(await faultOf(() => answers.together(['i3'], { steering, cursor: cursors.get('similar') }))).toMatch(/cursor/);
    expect(await faultOf(() => answers.recommend('u1', { steering, cursor: cursors.get('similar') }))).toBe('cursor');
  });

  it('of a shopper’s list are places in it: with another shopper’s cursor it is still their own list', async () => {
    nowMs = MIDNIGHT_MS + 5 * HOUR_MS;
    const [one, other] = [await answers.recommend('u1', { steering: { limit: 5 } }), await answers.recommend('u2', { steering: { limit: 5 } })];
    const page = await answers.recommend('u2', { steering: { limit: 5 }, cursor: one.nextCursor });
    expect(idsOf(page)).toEqual(idsOf(await answers.recommend('u2', { steering: { limit: 5 }, cursor: other.nextCursor })));
    expect(new Set([...idsOf(other), ...idsOf(page)]).size).toBe(10);
    expect(ITEMS).toBeGreaterThan(10);
  });
});
