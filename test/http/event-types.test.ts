import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

interface TypeAnswer {
  name: string;
  weight: number;
}

describe('event types', () => {
  let service: Service;
  const put = async (body: unknown) => await service.call('PUT', '/v1/event-types', body);
  const named = (answer: { json: { items: TypeAnswer[] } }, name: string) => answer.json.items.find((type) => type.name === name);

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  it('can be made, and the very next event may be of one', async () => {
    expectProblem(await service.call('POST', '/v1/events', { userId: 'u', itemId: 'i', type: 'wishlist' }), 400, 'invalid-request');
    const answer = await put({ items: [{ name: 'wishlist', weight: 2, halfLifeDays: 180 }] });
    expect(named(answer, 'wishlist')).toEqual({ name: 'wishlist', weight: 2, mode: 'sum', halfLifeDays: 180, threshold: null, useValue: false, hidesDays: 0 });
    expect((await service.call('POST', '/v1/events', { userId: 'u', itemId: 'i', type: 'wishlist' })).json).toMatchObject({ accepted: 1 });
  });

  it('keep what a change leaves out, and lose what it sets to null', async () => {
    await put({ items: [{ name: 'wishlist', weight: 2, halfLifeDays: 180 }] });
    expect(named(await put({ items: [{ name: 'wishlist', weight: -1.5 }, { name: 'cart', hidesDays: null }] }), 'wishlist')).toMatchObject({ weight: -1.5, halfLifeDays: 180 });
    const answer = await put({ items: [{ name: 'wishlist', halfLifeDays: null }] });
    expect(named(answer, 'wishlist')).toMatchObject({ weight: -1.5, halfLifeDays: null });
    expect(named(answer, 'cart')).toMatchObject({ weight: 3, hidesDays: null });
    expect(answer.json).toEqual((await service.call('GET', '/v1/event-types', undefined, 'secret')).json);
  });

  it('of a preset are set, and others stay', async () => {
    const answer = await put({ preset: 'streaming' });
    expect(named(answer, 'play')).toMatchObject({ weight: 2, halfLifeDays: 90 });
    expect(named(answer, 'skip')).toMatchObject({ weight: -1 });
    expect(named(answer, 'wishlist')).toBeDefined();
    expect(named(await put({ preset: 'shop' }), 'cart')).toMatchObject({ weight: 3, hidesDays: 0 });
  });

  it.each([
    [{}, 'items'],
    [{ preset: 'shop', items: [{ name: 'x' }] }, 'preset'],
    [{ preset: 'shops' }, 'preset'],
    [{ items: [{ name: 'with space' }] }, 'items.0.name'],
    [{ items: [{ name: 'x', weight: 'heavy' }] }, 'items.0.weight'],
    [{ items: [{ name: 'x', mode: 'max' }] }, 'items.0.mode'],
    [{ items: [{ name: 'x', halfLifeDays: 0 }] }, 'items.0.halfLifeDays'],
    [{ items: [{ name: 'x', wieght: 1 }] }, 'items.0.wieght'],
  ])('are refused by name where %j is wrong', async (body, field) => {
    const before = (await service.call('GET', '/v1/event-types')).json;
    const answer = await put(body);
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.field).toBe(field);
    expect((await service.call('GET', '/v1/event-types')).json).toEqual(before);
  });

  it('are an admin’s to change', async () => {
    const refused = await service.call('PUT', '/v1/event-types', { preset: 'shop' }, 'secret');
    expect(refused.status).toBe(403);
    expectProblem(refused, 403, 'key-role');
  });

  it('change what the next training makes of events that are stored already', async () => {
    // Everybody of a kind views all of their kind but one; "meh" says nothing until it is worth something.
    const events = Array.from({ length: 20 }, (_, user) => Array.from({ length: 12 }, (_unused, item) => ({ userId: `t${user}`, itemId: `ti${item}`, type: item % 2 === user % 2 ? 'wishlist' : 'view' })).filter((_unused, item) => item !== user % 12)).flat();
    await put({ items: [{ name: 'wishlist', weight: 5, hidesDays: null }, { name: 'view', weight: 0 }] });
    await service.call('POST', '/v1/events', { events });
    await service.train();
    const first = (await service.call('GET', '/v1/users/t1/recommendations?limit=1')).json;
    expect(first.items[0].itemId).toBe('ti1');
    await put({ items: [{ name: 'wishlist', weight: 0, hidesDays: 0 }, { name: 'view', weight: 5 }] });
    await service.train();
    const second = (await service.call('GET', '/v1/users/t1/recommendations?limit=6')).json;
    expect(second.modelVersion).toBe(first.modelVersion + 1);
    expect(second.items.slice(0, 5).every((item: { itemId: string }) => Number(item.itemId.slice(2)) % 2 === 0)).toBe(true);
  });
});

describe('the catalogue’s schema', () => {
  it('shows the attributes with the types of their first values, and values of another type are refused', async () => {
    const service = await startService();
    const put = async (id: string, attributes: unknown) => await service.call('PUT', `/v1/items/${id}`, { attributes });
    expect((await put('a', { weight: 2.5, colour: 'red', sizes: ['s', 'm'], sale: true, dims: { w: 1 }, unknown: null })).status).toBe(200);
    const schema = (await service.call('GET', '/v1/items/schema', undefined, 'secret')).json;
    expect(schema.attributes.map(({ name, type }: { name: string; type: string }) => [name, type])).toEqual([['colour', 'string'], ['dims', 'object'], ['sale', 'boolean'], ['sizes', 'array'], ['weight', 'number']]);
    const ordered = ['=', '!=', '<', '<=', '>', '>=', 'TO', 'IN', 'NOT IN', 'EXISTS', 'NOT EXISTS'];
    const operators = Object.fromEntries([...schema.fields, ...schema.attributes].map((one: { name: string; operators: string[] }) => [one.name, one.operators.join(' ')]));
    expect(schema.fields).toContainEqual({ name: 'price', type: 'number', operators: ordered });
    expect([operators.weight, operators.dims, operators.colour, operators.url, operators.title]).toEqual([ordered.join(' '), 'EXISTS NOT EXISTS', '= != IN NOT IN EXISTS NOT EXISTS', '', '= != IN NOT IN CONTAINS EXISTS NOT EXISTS']);
    const wrong = await put('b', { weight: 'heavy' });
    expectProblem(wrong, 400, 'attribute-type');
    expect(wrong.json).toMatchObject({ field: 'attributes.weight', itemId: 'b', detail: expect.stringContaining('must be of type number') });
    expectProblem(await service.call('GET', '/v1/items/b'), 404, 'not-found');
    expect((await put('b', { weight: null, colour: '7' })).status).toBe(200);
    // Many at once that bring the same new ones in different order.
    const answers = await Promise.all(Array.from({ length: 8 }, async (_, k) => await put(`c${k}`, Object.fromEntries(Array.from({ length: 20 }, (_unused, n) => [`n${(n * (k % 2 === 0 ? 1 : 19) + k) % 20}`, n])))));
    expect(answers.map((answer) => answer.status)).toEqual(Array(8).fill(200));
    await service.stop();
  });
});
