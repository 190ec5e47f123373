/**
 * Every operation of /openapi.json, called with what it allows and with what it does not, as everybody who may call: each answer must be of a status, a media type, headers and a shape that are documented,
 * and none is a 5xx. `npm run fuzz` does it in more depth, with Schemathesis.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type JsonSchema, anything, mutationsOf, valuesOf } from '../support/schema-arbitrary.ts';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectNoFault } from './problem-answers.ts';

const RUNS = Number(process.env.JONGLEUR_FUZZ_RUNS ?? 30);
const SEED = Number(process.env.JONGLEUR_FUZZ_SEED ?? 1);
const USER = 'user-1';

interface Response {
  readonly headers?: Record<string, { required?: boolean }>;
  readonly content?: Record<string, { schema: object }>;
}
interface Operation {
  readonly operationId: string;
  readonly method: 'GET';
  readonly path: string;
  readonly parameters: readonly { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: JsonSchema; example?: unknown }[];
  readonly body: Readonly<Record<string, { schema: JsonSchema }>>;
  readonly responses: ReadonlyMap<number, { readonly response: Response; readonly validate: ReadonlyMap<string, ValidateFunction> }>;
}
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}
interface Sent {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

/** @returns what is not as it is documented, or null */
function faultOf({ responses }: Operation, { status, headers, text }: Answer): string | null {
  const documented = responses.get(status);
  if (status >= 500 || documented === undefined) {
    return `${status} ${documented === undefined ? 'is not documented' : 'is a fault'}: ${text.slice(0, 300)}`;
  }
  const missing = Object.entries(documented.response.headers ?? {}).find(([name, { required }]) => required === true && headers[name.toLowerCase()] === undefined);
  if (missing !== undefined) {
    return `${status} has no header ${missing[0]}`;
  }
  if (documented.validate.size === 0) {
    return text === '' ? null : `${status} has a body`;
  }
  const type = String(headers['content-type']).split(';')[0];
  const validate = documented.validate.get(type);
  if (validate === undefined) {
    return `${status} is ${type}; documented: ${[...documented.validate.keys()].join(', ')}`;
  }
  return !/[/+]json$/.test(type) || validate(JSON.parse(text)) ? null : `${status} is not as documented: ${JSON.stringify(validate.errors?.slice(0, 3))}: ${text.slice(0, 300)}`;
}

async function readOperations(service: Service): Promise<Operation[]> {
  // eslint-disable-next-line typescript/no-explicit-any -- a specification has many shapes
  const { paths, components } = (await service.call('GET', '/openapi.json', undefined, null)).json as { paths: Record<string, Record<string, any>>; components: any };
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  const follow = <T>(value: T & { $ref?: string }): T => (value.$ref === undefined ? value : (value.$ref.slice(2).split('/').slice(1).reduce((at, name) => at[name], components) as T));
  return Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, { operationId, parameters = [], requestBody, responses }]) => ({
    operationId, method: method.toUpperCase() as 'GET', path, parameters, body: requestBody?.content ?? {},
    responses: new Map(Object.entries(responses as Record<string, Response>).map(([status, one]) => {
      const response = follow(one);
      const headers = Object.fromEntries(Object.entries(response.headers ?? {}).map(([name, header]) => [name, follow(header)]));
      return [Number(status), { response: { ...response, headers }, validate: new Map(Object.entries(response.content ?? {}).map(([type, { schema }]) => [type, ajv.compile(schema)])) }];
    })),
  })));
}

/** Requests to an operation; about half of them with something in them that it does not allow. */
function requestsTo({ path, parameters, body }: Operation): fc.Arbitrary<Sent> {
  const one = (schema: JsonSchema, example?: unknown) => fc.oneof({ weight: 4, arbitrary: valuesOf({ ...schema, ...(example === undefined ? {} : { examples: [example] }) }) }, { weight: 1, arbitrary: anything });
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  // A path's . and .. are taken away by whoever sends it.
  const encode = (value: unknown) => encodeURIComponent(text(value).toWellFormed()).replace(/^\.{1,2}$/, 'dots');
  const of = (place: string) => parameters.filter((parameter) => parameter.in === place);
  const record = (place: string) => fc.record(Object.fromEntries(of(place).map(({ name, schema, example }) => [name, one(schema, example)])), { requiredKeys: of(place).filter(({ required }) => required === true).map(({ name }) => name) });
  const types = Object.keys(body);
  const bodies: fc.Arbitrary<{ type: string; text: string } | null> = types.length === 0
    ? fc.constant(null)
    : fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...types).chain((type) => fc.oneof(valuesOf(body[type].schema), mutationsOf(body[type].schema)).map((value) => ({ type, text: type === 'application/json' ? JSON.stringify(value) : text(value) }))) },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom('application/json', 'text/plain', 'application/xml', 'nonsense'), fc.string()).map(([type, value]) => ({ type, text: value })) },
      { weight: 1, arbitrary: fc.constant(null) },
    );
  return fc.record({ inPath: record('path'), query: record('query'), headers: record('header'), stray: fc.option(fc.tuple(fc.string({ minLength: 1, maxLength: 5 }), anything), { freq: 10 }), sent: bodies }).map(({ inPath, query, headers, stray, sent }) => {
    const pairs = [...Object.entries(query), ...(stray === null ? [] : [stray])].flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((each) => `${encode(name)}=${encode(each)}`));
    return {
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encode((inPath as Record<string, unknown>)[name]) || '%20') + (pairs.length === 0 ? '' : `?${pairs.join('&')}`),
      headers: { ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, text(value).replaceAll(/[^\x20-\x7e]/g, '')])), ...(sent === null ? {} : { 'content-type': sent.type }) },
      body: sent?.text,
    };
  });
}

describe('answers to whatever is sent', () => {
  let service: Service;
  let operations: Operation[];
  let callers: Record<string, Record<string, string>>;

  beforeAll(async () => {
    service = await startService();
    operations = await readOperations(service);
    await service.call('POST', '/v1/items', { items: [{ itemId: 'item-1', title: 'one', price: 2, categories: ['shoes'] }, { itemId: 'item-2', title: 'two' }] });
    await service.call('POST', '/v1/events', { events: [1, 2, 3, 4, 5, 6].flatMap((user) => ['item-1', 'item-2'].map((itemId) => ({ userId: `user-${user}`, itemId, type: 'view' }))) });
    await service.train();
    const token = (await service.call('POST', '/v1/tokens', { userId: USER })).json.token as string;
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
    callers = { none: {}, pk: bearer(KEYS.publishable), 'pk + token': { ...bearer(KEYS.publishable), 'x-shopper-token': token }, sk: bearer(KEYS.secret), ak: bearer(KEYS.admin) };
  });
  afterAll(async () => await service.stop());

  describe('to anything at all', () => {
    const call: Service['call'] = (...args) => service.call(...args);
    const anyText = fc.string({ unit: fc.oneof({ weight: 40, arbitrary: fc.constantFrom('a', 'b', '_', '%', '🤹') }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }), maxLength: 12 });
    const anyValue = fc.oneof(fc.jsonValue({ maxDepth: 3 }), anyText);
    const orAny = (usual: fc.Arbitrary<unknown>) => fc.oneof({ weight: 10, arbitrary: usual }, { weight: 1, arbitrary: anyValue });
    const anyEvent = fc.record(
      {
        userId: orAny(anyText), itemId: orAny(anyText), type: orAny(fc.constantFrom('view', 'cart', 'purchase', 'rating')), value: orAny(fc.double({ min: 0.5, max: 10, noNaN: true })), quantity: orAny(fc.integer({ min: -5, max: 5 })), price: orAny(fc.double({ noNaN: true, min: 0.01, max: 2e9 })),
        occurredAt: orAny(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date() }).map((date) => date.toISOString())), eventId: orAny(fc.constantFrom('e1', 'e2', 'e3')), groupId: orAny(anyText),
      },
      { requiredKeys: ['userId', 'itemId', 'type'] },
    );

    it('posted to /v1/events is stored or refused, never a fault', async () => {
      let stored = 0;
      await fc.assert(
        fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: fc.record({ events: fc.array(anyEvent, { minLength: 1, maxLength: 6 }) }) }, { weight: 2, arbitrary: anyEvent }, { weight: 1, arbitrary: anyValue }), async (body) => {
          const answer = await call('POST', '/v1/events', JSON.stringify(body), 'secret');
          expectNoFault(answer, JSON.stringify(body));
          // Of every element it is said once what became of it.
          const { accepted = 0, duplicates = 0, rejected = [], items = [] } = answer.status === 200 ? answer.json : {};
          expect(accepted + duplicates).toBe(items.length);
          const indexes = [...items, ...rejected].map((one: { index: number }) => one.index).sort((a, b) => a - b);
          expect(indexes).toEqual(indexes.map((_, index) => index));
          stored += accepted;
        }),
        { numRuns: 120 },
      );
      expect(stored).toBeGreaterThan(10);
    });

    it('put as an item is kept exactly or refused, never a fault', async () => {
      const attributes = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 });
      const anyItem = fc.record(
        { title: orAny(anyText), url: orAny(anyText), price: orAny(fc.double({ min: 0.01, max: 1.2e9, noNaN: true })), categories: orAny(fc.array(anyText, { maxLength: 3 })), attributes: orAny(attributes), available: orAny(fc.boolean()), publishedAt: orAny(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2199-01-01') }).map((date) => date.toISOString())) },
        { requiredKeys: [] },
      );
      let kept = 0;
      await fc.assert(
        fc.asyncProperty(anyText.filter((id) => id.isWellFormed()), anyItem, async (id, item) => {
          const path = `/v1/items/${encodeURIComponent(id)}`;
          const sent = JSON.stringify(item);
          const answer = await call('PUT', path, sent, 'secret');
          expectNoFault(answer, sent);
          expectNoFault(await call('PATCH', path, sent, 'secret'), sent);
          expectNoFault(await call('POST', '/v1/items', `{"items":[${JSON.stringify({ itemId: id, ...item })}]}`), sent);
          expectNoFault(await call('GET', path), path);
          const said = JSON.parse(sent);
          const { title = null, price = null, categories = [], attributes = {} } = answer.status === 200 ? answer.json : said;
          kept += Number(answer.status === 200);
          expect([title, Math.fround(price), categories ?? [], attributes ?? {}]).toEqual([said.title ?? null, Math.fround(said.price ?? null), said.categories ?? [], said.attributes ?? {}]);
        }),
        { numRuns: 80 },
      );
      expect(kept).toBeGreaterThan(5);
    });
  });

  async function send({ method }: Operation, { path, headers, body }: Sent, caller: string): Promise<Answer> {
    const answer = await service.app.inject({ method, url: path, headers: { ...headers, ...callers[caller] }, ...(body === undefined ? {} : { payload: body }) });
    return { status: answer.statusCode, headers: answer.headers, text: answer.body };
  }

  it('are of a documented status, media type and shape, and never a 5xx', async () => {
    const statuses = new Map<number, number>();
    for (const operation of operations) {
      // One training at a time is enough: each costs a thread.
      const numRuns = operation.operationId === 'startTrainingRun' ? 5 : RUNS;
      await fc.assert(
        fc.asyncProperty(requestsTo(operation), fc.constantFrom('ak', 'sk', 'pk + token', 'ak', 'sk', 'pk', 'none'), async (sent, caller) => {
          const answer = await send(operation, sent, caller);
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          const fault = faultOf(operation, answer);
          expect(fault === null ? '' : `${operation.method} ${sent.path} as ${caller} with ${sent.body}: ${fault}`).toBe('');
        }),
        { numRuns, seed: SEED, endOnFailure: process.env.JONGLEUR_FUZZ_SEED !== undefined },
      );
    }
    // It would say nothing if all were refused at the door.
    for (const [status, least] of [[200, 200], [201, 10], [400, 200], [401, 100], [403, 100], [404, 20], [415, 10]] as const) {
      expect([status, (statuses.get(status) ?? 0) >= least ? 'often' : statuses.get(status)]).toEqual([status, 'often']);
    }
  }, 120_000);

  it('are found wanting where they are: a fault, and what nobody wrote down', async () => {
    const broken = await startService({ quality: { check: () => Promise.reject(new Error('planted')), stop: () => undefined } as never });
    try {
      const operation = operations.find(({ operationId }) => operationId === 'checkDataQuality')!;
      const answer = await broken.call('POST', '/v1/data-quality');
      expect(faultOf(operation, { ...answer, headers: answer.headers as Answer['headers'] })).toMatch(/^500 is a fault/);
    } finally {
      await broken.stop();
    }
    const operation = operations.find(({ operationId }) => operationId === 'listEventTypes')!;
    const good = await send(operation, { path: '/v1/event-types', headers: {}, body: undefined }, 'sk');
    expect(faultOf(operation, good)).toBeNull();
    expect(faultOf(operation, { ...good, status: 418 })).toMatch(/not documented/);
    expect(faultOf(operation, { ...good, headers: { ...good.headers, 'content-type': 'text/html' } })).toMatch(/is text\/html/);
    expect(faultOf(operation, { ...good, headers: { ...good.headers, 'x-request-id': undefined } })).toMatch(/no header X-Request-Id/);
    expect(faultOf(operation, { ...good, text: good.text.replace('"weight":1', '"weight":"1"') })).toMatch(/not as documented/);
  });
});
