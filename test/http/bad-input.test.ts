import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectNoFault, expectProblem } from './problem-answers.ts';

type Method = 'POST' | 'PUT' | 'PATCH';

const GOOD = { userId: 'u1', itemId: 'i1', type: 'view' };
const DAY_MS = 86_400_000;
/** Every operation with a body. */
const BODIES: readonly (readonly [Method, string])[] = [
  ['POST', '/v1/events'], ['POST', '/v1/ratings'], ['PUT', '/v1/users/u1/ratings/i1'], ['PUT', '/v1/items/i1'], ['PATCH', '/v1/items/i1'], ['POST', '/v1/items'], ['POST', '/v1/sessions/recommendations'], ['POST', '/v1/keys'], ['PUT', '/v1/event-types'], ['PUT', '/v1/settings'],
];

describe('bad input', () => {
  let service: Service;
  const call: Service['call'] = (...args) => service.call(...args);
  const countEvents = async () => Number((await service.database.query('SELECT count(*) FROM events')).rows[0].count);

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => await service.stop());

  describe.each(BODIES)('%s %s', (method, path) => {
    it.each([
      ['an empty body', '', {}, 400, 'body-empty'],
      ['a body that is not JSON', '{"userId": "u1",}', {}, 400, 'body-not-json'],
      ['NaN', '{"userId":"u1","itemId":"i1","type":"rating","value":NaN}', {}, 400, 'body-not-json'],
      ['a body cut off', '{"userId":"u1"', {}, 400, 'body-not-json'],
      ['a form', 'userId=u1', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'media-type'],
      ['plain text', JSON.stringify(GOOD), { 'content-type': 'text/plain' }, 415, 'media-type'],
      ['a list', '[]', {}, 400, 'invalid-request'],
      ['a string', '"hello"', {}, 400, 'invalid-request'],
      ['a number', '5', {}, 400, 'invalid-request'],
      ['null', 'null', {}, 400, 'invalid-request'],
      ['a body nested 100,000 deep', '['.repeat(100_000) + ']'.repeat(100_000), {}, 400, 'invalid-request'],
      ['a field nested 100,000 deep', `{"userId":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, {}, 400, 'invalid-request'],
      ['a prototype to poison', '{"__proto__":{"admin":true}}', {}, 400, 'invalid-request'],
      ['more than 1 MiB', `{"x":"${'y'.repeat(1024 * 1024)}"}`, {}, 413, 'body-too-large'],
    ] as const)('refuses %s', async (_what, body, headers, status, code) => {
      const answer = await call(method, path, body, 'admin', { 'x-request-id': 'my-request/1', ...headers });
      expectProblem(answer, status, code);
      expect(answer.headers['x-request-id']).toBe('my-request/1');
    });

    it('refuses no body at all as an empty one', async () => {
      const answer = await call(method, path);
      expectProblem(answer, 400, 'body-empty');
      expect(answer.json.detail).toContain('application/json');
    });
  });

  it('says where a body is no JSON, and which field has the name of a prototype', async () => {
    const cut = await call('POST', '/v1/events', '{"userId": "u1",}');
    expect(cut.json.detail).toContain('position 16');
    const poison = await call('POST', '/v1/items', '{"items":[{"itemId":"i1","attributes":{"a":[{"__proto__":{"admin":true}}]}}]}');
    expectProblem(poison, 400, 'invalid-request');
    expect(poison.json).toMatchObject({ field: 'items.0.attributes.a.0.__proto__', detail: 'No field may be called __proto__.' });
    expectProblem(await call('PUT', '/v1/settings', '\uFEFF{"explore":2}'), 400, 'invalid-request');
  });

  it('takes no text for a number without end', async () => {
    for (const path of ['/v1/imports/Infinity', '/v1/imports/1e999/progress', '/v1/models/-Infinity', '/v1/items?limit=Infinity', '/v1/trending?limit=1e400', '/v1/users/u1/recommendations?minScore=Infinity']) {
      expectProblem(await call('GET', path), 400, 'invalid-request');
    }
    // The bounds refuse it, so whatever is a number in a path or a query must have some.
    const { paths } = (await call('GET', '/openapi.json')).json as { paths: Record<string, Record<string, { parameters?: { name: string; schema: { type?: string; format?: string; minimum?: number; maximum?: number; exclusiveMinimum?: number } }[] }>> };
    const endless = Object.entries(paths).flatMap(([path, operations]) => Object.entries(operations).flatMap(([method, { parameters }]) => (parameters ?? [])
      .filter(({ schema: { type, format, minimum, maximum, exclusiveMinimum } }) => (type === 'integer' || type === 'number') && format === undefined && ((minimum ?? exclusiveMinimum) === undefined || maximum === undefined))
      .map(({ name }) => `${method} ${path}: ${name}`)));
    expect(endless).toEqual([]);
  });

  it('names the media type that was sent', async () => {
    const answer = await call('POST', '/v1/events', 'a,b', 'admin', { 'content-type': 'text/csv' });
    expectProblem(answer, 415, 'media-type');
    expect(answer.json.detail).toContain('text/csv');
  });

  describe('an event', () => {
    const soon = new Date(Date.now() + 2 * DAY_MS).toISOString();
    it.each([
      ['without userId', { userId: undefined }, 'userId', 'missing', /userId is missing/],
      ['without itemId', { itemId: undefined }, 'itemId', 'missing', /itemId is missing/],
      ['without type', { type: undefined }, 'type', 'missing', /type is missing/],
      ['with an empty id', { userId: '' }, 'userId', 'invalid-id', /userId is empty.*1 to 256/],
      ['with an id of 257 characters', { userId: 'x'.repeat(257) }, 'userId', 'invalid-id', /257 characters; at most 256/],
      ['with an id of 257 emoji', { itemId: '🤹'.repeat(257) }, 'itemId', 'invalid-id', /257 characters; at most 256/],
      ['with a lone surrogate', { itemId: 'a\uD800' }, 'itemId', 'invalid-id', /well-formed.*surrogate/],
      ['with NUL', { userId: 'a\0b' }, 'userId', 'invalid-id', /U\+0000 at position 1/],
      ['with a newline', { userId: 'ab\n' }, 'userId', 'invalid-id', /U\+000A at position 2/],
      ['with a C1 control character', { groupId: '\u0085' }, 'groupId', 'invalid-id', /U\+0085/],
      ['with a number for an id', { userId: 17850 }, 'userId', 'invalid-id', /string.*not 17850/],
      ['with null for an id', { eventId: null }, 'eventId', 'invalid-id', /not null/],
      ['with a list for an id', { itemId: ['i1'] }, 'itemId', 'invalid-id', /not \["i1"\]/],
      ['with a value of 1e-9', { value: 1e-9 }, 'value', 'invalid-number', /1e-9.*0\.000001/],
      ['with a value of 1e10', { value: 1e10 }, 'value', 'invalid-number', /10000000000.*1000000000/],
      ['with a value in quotes', { value: '5' }, 'value', 'invalid-number', /number, not "5"/],
      ['with a value of true', { value: true }, 'value', 'invalid-number', /number, not true/],
      ['with a value of null that is no rating', { value: null }, 'value', 'invalid-number', /null takes a rating back/],
      ['with a quantity of null', { quantity: null }, 'quantity', 'invalid-number', /not null/],
      ['with a price in quotes', { price: '1.99' }, 'price', 'invalid-number', /not "1\.99"/],
      ['with a rating that has no value', { type: 'rating' }, 'value', 'missing', /value is missing.*null takes/],
      ['with a misspelt field', { occuredAt: '2026-01-01T00:00:00Z' }, 'occuredAt', 'unknown-field', /"occuredAt".*did you mean "occurredAt"\?/],
      ['with a field of the answer', { recommendation: 'x' }, 'recommendation', 'unknown-field', /Known fields: userId/],
      ['before 1970', { occurredAt: '1969-12-31T23:59:59Z' }, 'occurredAt', 'invalid-date', /1969-12-31T23:59:59Z.*1970/],
      ['after tomorrow', { occurredAt: soon }, 'occurredAt', 'invalid-date', /future/],
      ['on 30 February', { occurredAt: '2026-02-30T10:00:00Z' }, 'occurredAt', 'invalid-date', /not "2026-02-30T10:00:00Z"/],
      ['in month 13', { occurredAt: '2026-13-01T10:00:00Z' }, 'occurredAt', 'invalid-date', /2026-13-01/],
      ['at a time without a zone', { occurredAt: '2026-02-03T10:00:00' }, 'occurredAt', 'invalid-date', /with its zone, like 2026/],
      ['at a Unix time', { occurredAt: 1_700_000_000 }, 'occurredAt', 'invalid-date', /not 1700000000/],
      ['of an unknown type', { type: 'purchse' }, 'type', 'unknown-event-type', /"purchse".*did you mean "purchase"\?.*Known types: view, cart, purchase, rating/],
      ['of a type that is an object’s own', { type: 'constructor' }, 'type', 'unknown-event-type', /"constructor"/],
      ['of a type that is a list', { type: ['view'] }, 'type', 'unknown-event-type', /\["view"\]/],
    ] as const)('is refused %s, by name', async (_what, patch, field, code, detail) => {
      const before = await countEvents();
      const event = { ...GOOD, ...patch };
      const alone = await call('POST', '/v1/events', event, 'secret');
      expectProblem(alone, 400, 'invalid-request');
      expect(alone.json.field).toBe(field);
      expect(alone.json.detail).toMatch(detail);
      // In a batch its index is told, and the valid ones around it are stored.
      const batch = await call('POST', '/v1/events', { events: [GOOD, event, GOOD] }, 'secret');
      expect(batch.status).toBe(200);
      expect(batch.json).toMatchObject({ accepted: 2, duplicates: 0, rejected: [{ index: 1, field, code }] });
      expect(batch.json.rejected).toHaveLength(1);
      expect(batch.json.rejected[0].message).toMatch(detail);
      expect(batch.json.items.map((item: { index: number }) => item.index)).toEqual([0, 2]);
      expect(await countEvents()).toBe(before + 2);
    });

    it.each([['a string', 'view'], ['a number', 7], ['a list', [GOOD]], ['null', null], ['true', true]])('is refused as %s', async (_what, element) => {
      const answer = await call('POST', '/v1/events', { events: [element] });
      expectProblem(answer, 400, 'nothing-accepted');
      expect(answer.json).toMatchObject({ field: 'events.0', rejected: [{ index: 0, code: 'not-an-object' }] });
      expect(answer.json.detail).toContain(JSON.stringify(element).slice(0, 20));
    });

    it('is refused with a number JSON can write and no machine can keep', async () => {
      const answer = await call('POST', '/v1/events', '{"userId":"u1","itemId":"i1","type":"rating","value":1e309}');
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.json.field).toBe('value');
      expect(answer.json.detail).toContain('Infinity');
    });
  });

  describe('a list of events', () => {
    it.each([
      ['no events', { events: [] }, 'invalid-request', 'events', /1 to 1000 events, not \[\]/],
      ['null', { events: null }, 'invalid-request', 'events', /not null/],
      ['an object', { events: { 0: GOOD } }, 'invalid-request', 'events', /must be a list/],
      ['1,001 events', { events: Array.from({ length: 1001 }, () => GOOD) }, 'too-many-events', 'events', /1001 elements; at most 1000/],
      ['a misspelt name', { event: [GOOD] }, 'invalid-request', 'event', /"event".*did you mean "events"\?/],
      ['a field beside it', { events: [GOOD], userId: 'u1' }, 'invalid-request', 'userId', /"userId".*beside "events"/],
    ] as const)('is refused with %s', async (_what, body, code, field, detail) => {
      const before = await countEvents();
      const answer = await call('POST', '/v1/events', body);
      expectProblem(answer, 400, code);
      expect(answer.json.field).toBe(field);
      expect(answer.json.detail).toMatch(detail);
      expect(await countEvents()).toBe(before);
    });

    it('of 1,000 is stored', async () => {
      const answer = await call('POST', '/v1/events', { events: Array.from({ length: 1000 }, () => GOOD) });
      expect(answer.json).toMatchObject({ accepted: 1000, rejected: [] });
    });

    it('with nothing valid in it is a 400 that lists every element', async () => {
      const before = await countEvents();
      const answer = await call('POST', '/v1/events', { events: [{ ...GOOD, userId: '' }, 5, { ...GOOD, type: 'vieww' }] });
      expectProblem(answer, 400, 'nothing-accepted');
      expect(answer.json.field).toBe('events.0.userId');
      expect(answer.json.rejected.map((one: { index: number; field: string; code: string }) => [one.index, one.field, one.code])).toEqual([[0, 'userId', 'invalid-id'], [1, '', 'not-an-object'], [2, 'type', 'unknown-event-type']]);
      expect(await countEvents()).toBe(before);
    });

    it('of ratings is refused under its own name', async () => {
      expect((await call('POST', '/v1/ratings', { rating: [{ userId: 'u', itemId: 'i', value: 1 }] })).json.detail).toContain('did you mean "ratings"?');
      const answer = await call('POST', '/v1/ratings', { ratings: [{ userId: 'u1', itemId: 'i1', value: '5' }] });
      expectProblem(answer, 400, 'nothing-accepted');
      expect(answer.json.field).toBe('ratings.0.value');
      const many = await call('POST', '/v1/ratings', { ratings: Array.from({ length: 1001 }, () => ({ userId: 'u1', itemId: 'i1', value: 5 })) });
      expectProblem(many, 400, 'too-many-events');
      expect(many.json.field).toBe('ratings');
    });
  });

  it.each([
    ['without value', { userId: 'u1', itemId: 'i1' }, 'value', /value is missing/],
    ['of another type', { userId: 'u1', itemId: 'i1', value: 5, type: 'view' }, 'type', /rating/],
    ['with a value in quotes', { userId: 'u1', itemId: 'i1', value: '5' }, 'value', /not "5"/],
  ] as const)('a rating %s is refused', async (_what, body, field, detail) => {
    const before = await countEvents();
    const answer = await call('POST', '/v1/ratings', body);
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.field).toBe(field);
    expect(answer.json.detail).toMatch(detail);
    expect(await countEvents()).toBe(before);
  });

  it.each([
    [{}, 'value', /value is missing/],
    [{ value: null }, 'value', /value is null/],
    [{ value: '5' }, 'value', /value is "5"/],
    [{ value: true }, 'value', /value is true/],
    [{ value: 1e-9 }, 'value', /value is 1e-9/],
    [{ value: 1e10 }, 'value', /value is 10000000000/],
    [{ value: 5, vlaue: 4 }, 'vlaue', /did you mean "value"\?/],
  ] as const)('PUT of a rating %j is refused', async (body, field, detail) => {
    const answer = await call('PUT', '/v1/users/u1/ratings/i1', body);
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.field).toBe(field);
    expect(answer.json.detail).toMatch(detail);
  });

  it.each([
    [{ titel: 'x' }, 'titel', /did you mean "title"\?/],
    [{ title: 5 }, 'title', /title is 5/],
    [{ title: 'x'.repeat(1001) }, 'title', /1000/],
    [{ title: 'a\0' }, 'title', /NUL/],
    [{ title: '\uDC00' }, 'title', /well-formed/],
    [{ price: '5' }, 'price', /price is "5"/],
    [{ price: -1 }, 'price', /price is -1/],
    [{ price: 1e10 }, 'price', /1000000000/],
    [{ price: 1e-50 }, 'price', /1e-50/],
    [{ categories: 'shoes' }, 'categories', /categories is "shoes"/],
    [{ categories: ['a', 'b\0'] }, 'categories.1', /control/],
    [{ attributes: [] }, 'attributes', /attributes is \[\]/],
    [{ attributes: { a: { b: ['x\0'] } } }, 'attributes.a.b.0', /NUL/],
    [{ attributes: { 'a\uD800': 1 } }, 'attributes', /well-formed/],
    [{ available: 'yes' }, 'available', /available is "yes"/],
    [{ publishedAt: '2026-02-30T00:00:00Z' }, 'publishedAt', /2026-02-30.*zone/],
    [{ expiresAt: '2026-02-03' }, 'expiresAt', /with its zone/],
  ])('an item %j is refused, alone and in a list', async (body, field, detail) => {
    for (const method of ['PUT', 'PATCH'] as const) {
      const answer = await call(method, '/v1/items/i1', body);
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.json.field).toBe(field);
      expect(answer.json.detail).toMatch(detail);
    }
    const list = await call('POST', '/v1/items', { items: [{ itemId: 'not-stored' }, { itemId: 'bad', ...body }] });
    expectProblem(list, 400, 'invalid-request');
    expect(list.json.field).toBe(`items.1.${field}`);
    expect((await call('GET', '/v1/items/not-stored')).status).toBe(404);
  });

  it('names all faults of a body at once', async () => {
    const answer = await call('PUT', '/v1/items/i1', { titel: 'x', price: 'y', available: 1 });
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.errors.map((one: { field: string }) => one.field).sort()).toEqual(['available', 'price', 'titel']);
  });

  it('refuses attributes nested too deep for Postgres to read', async () => {
    for (const [open, close] of [['[', ']'], ['{"a":', '}']]) {
      const answer = await call('PUT', '/v1/items/deep', `{"attributes":{"deep":${open.repeat(20_000)}1${close.repeat(20_000)}}}`);
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.json.field).toMatch(/^attributes/);
    }
  });

  it.each([
    [{ items: [] }, 'items'],
    [{ items: Array.from({ length: 101 }, () => ({ itemId: 'i1' })) }, 'items'],
    [{ items: [{ itemId: 'i1', type: 'vieww' }] }, 'items.0.type'],
    [{ items: [{ item: 'i1' }] }, 'items.0.itemId'],
    [{ items: [{ itemId: '' }] }, 'items.0.itemId'],
    [{ items: [{ itemId: 'i1' }], limit: 0 }, 'limit'],
    [{ items: [{ itemId: 'i1' }], limit: '5' }, 'limit'],
    [{ items: [{ itemId: 'i1' }], fields: ['titel'] }, 'fields.0'],
  ])('a session %# is refused', async (body, field) => {
    const answer = await call('POST', '/v1/sessions/recommendations', body, 'publishable');
    expectProblem(answer, 400, 'invalid-request');
    expect([answer.json.field, ...(answer.json.errors ?? []).map((one: { field: string }) => one.field)]).toContain(field);
  });

  it.each([
    '/v1/trending?limit=0', '/v1/trending?limit=201', '/v1/trending?limit=ten', '/v1/trending?limit=1.5', '/v1/trending?limit=', '/v1/trending?limit=5&limit=6', '/v1/trending?limt=5', '/v1/trending?fields=title,prize',
    '/v1/items?cursor=', '/v1/items?cursor=%F0%9F%A4%B9', '/v1/items?cursor=xyz', '/v1/items?q=', '/v1/items?q=%00', '/v1/users?limit=1001', '/v1/users?q=a&q=b', '/v1/events?after=5', '/v1/events?after=1-99999999999999999999',
    '/v1/models/0', '/v1/models/99999999999', '/v1/models/1?format=pdf', '/v1/training-runs/0/progress', '/v1/training-runs/abc', '/v1/users/u1/recommendations?limit=-1',
  ])('the query or path of %s is refused', async (path) => {
    const answer = await call('GET', path);
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.field).toMatch(/limit|limt|fields|cursor|q|after|no|version|format/);
  });

  it.each(['/v1/items', '/v1/users', '/v1/training-runs', '/v1/models', '/v1/users/u1/export'])('a cursor of %s far beyond the last row is no fault', async (path) => {
    await call('POST', '/v1/events', GOOD);
    for (const number of ['2147483648', '9007199254740991']) {
      const answer = await call('GET', `${path}?cursor=${Buffer.from(number).toString('base64url')}`);
      expectNoFault(answer, `${path} from ${number}`);
      expect([200, 404]).toContain(answer.status);
    }
  });

  it('answers 404 to what is no route, and 405 to another method of one that is', async () => {
    for (const [method, path, allow] of [['GET', '/v2/items'], ['GET', '/v1/items/a/b/c'], ['PATCH', '/v1/events', 'GET, HEAD, POST'], ['DELETE', '/', 'GET, HEAD'], ['POST', '/v1/items/a?x=1', 'PUT, PATCH, GET, HEAD, DELETE'], ['PUT', '/v1/items/schema', undefined]] as const) {
      const answer = await call(method, path, undefined, null);
      if (path === '/v1/items/schema') {
        // An item may have that id.
        expectProblem(answer, 401, 'key-missing');
        continue;
      }
      expectProblem(answer, allow === undefined ? 404 : 405, allow === undefined ? 'route-not-found' : 'method-not-allowed');
      expect(answer.json.detail).toContain(`${method} ${path.split('?')[0]}`);
      expect(answer.headers.allow?.toString().split(', ').toSorted()).toEqual(allow?.split(', ').toSorted());
    }
  });

  it('answers a path it cannot decode, or that is too long, with a problem', async () => {
    for (const path of ['/v1/items/%zz', '/v1/items/%ED%A0%80', '/v1/users/%/recommendations']) {
      const answer = await call('GET', path, undefined, 'admin', { 'x-request-id': 'mine' });
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.headers['x-request-id']).toBe('mine');
    }
    expectProblem(await call('GET', `/v1/items/${'x'.repeat(257)}`), 400, 'invalid-request');
    expectProblem(await call('GET', `/v1/items/${'x'.repeat(10_000)}`), 414, 'path-too-long');
    expectProblem(await call('GET', '/v1/items/a%00b'), 400, 'invalid-request');
  });

  it('refuses an Idempotency-Key that could not be part of an id', async () => {
    const answer = await call('POST', '/v1/events', GOOD, 'secret', { 'idempotency-key': 'x'.repeat(201) });
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.field).toBe('idempotency-key');
  });

  it('answers a URL beyond 16 KiB over a real socket', async () => {
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = service.app.server.address() as AddressInfo;
    const answer = await new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
      const sent = httpRequest({ port, host: '127.0.0.1', path: `/v1/items?q=${'x'.repeat(17_000)}`, headers: { authorization: `Bearer ${KEYS.secret}` } }, (response) => {
        let body = '';
        response.on('data', (piece) => (body += piece)).on('end', () => resolve({ status: response.statusCode!, type: response.headers['content-type']!, body }));
      });
      sent.on('error', reject).end();
    });
    expect(answer.status).toBe(431);
    expect(answer.type).toContain('application/problem+json');
    expect(JSON.parse(answer.body)).toMatchObject({ status: 431, code: 'headers-too-large' });
  });

  describe('unusual ids', () => {
    it.each([
      ['__proto__', '__proto__'], ['constructor', 'constructor'], ['256 characters', 'x'.repeat(256)], ['256 of two bytes', 'é'.repeat(256)], ['256 of three bytes', '漢'.repeat(256)], ['256 emoji', '🤹'.repeat(256)],
      ['a slash', 'a/b?c#d%20&e=f'], ['spaces around', ' a '], ['a backslash', '\\.\\N'], ['quotes', `a"b'c`], ['decomposed é', 'e\u0301'], ['composed é', '\u00e9'], ['right to left', '\u202eabc'],
    ])('%s is accepted and comes back exactly', async (_what, id) => {
      const path = encodeURIComponent(id);
      expect((await call('POST', '/v1/events', { userId: id, itemId: id, type: 'rating', value: 4, eventId: id, groupId: id })).status).toBe(200);
      expect((await call('PUT', `/v1/users/${path}/ratings/${path}`, { value: 5 })).status).toBe(200);
      const item = await call('PUT', `/v1/items/${path}`, { title: id.slice(0, 400) });
      expect(item.json).toMatchObject({ itemId: id, title: id.slice(0, 400) });
      expect((await call('GET', `/v1/items/${path}`)).json.itemId).toBe(id);
      expect((await call('GET', `/v1/users/${path}`)).json).toMatchObject({ userId: id, events: 2 });
      const kept = (await call('GET', `/v1/users/${path}/export`)).json;
      expect(kept.events.map((event: { itemId: string; value: number }) => [event.itemId, event.value])).toEqual([[id, 5], [id, 4]]);
      expect((await call('GET', `/v1/users/${path}/recommendations`)).status).toBe(200);
      expect((await call('POST', '/v1/sessions/recommendations', { items: [{ itemId: id }] })).status).toBe(200);
      expect((await call('GET', `/v1/items?q=${encodeURIComponent(id.slice(0, 150))}`)).json.items.map((one: { itemId: string }) => one.itemId)).toContain(id);
    });
  });
});
