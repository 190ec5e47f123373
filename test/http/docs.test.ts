import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBLEMS } from '../../src/http/problems.ts';
import { type Service, startService } from '../support/service.ts';

interface Schema {
  $ref?: string;
  type?: string;
  examples?: unknown[];
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
}
interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security: object[];
  parameters?: { name: string; in: string; required?: boolean; schema: Schema; description?: string; example?: unknown; examples?: object }[];
  requestBody?: { content: Record<string, { schema: Schema; examples?: object; example?: unknown }>; required?: boolean };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
}

describe('the documentation', () => {
  let service: Service;
  // eslint-disable-next-line typescript/no-explicit-any -- a specification has many shapes
  let specification: any;
  let operations: { method: string; path: string; operation: Operation }[];

  beforeAll(async () => {
    service = await startService();
    specification = (await service.call('GET', '/openapi.json', undefined, null)).json;
    operations = Object.entries(specification.paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ method, path, operation })));
  });
  afterAll(async () => await service.stop());

  it('asks clients for no parameter that has a default', () => {
    const parameters = operations.flatMap(({ operation }) => operation.parameters ?? []);
    const withDefault = parameters.filter(({ schema }) => (schema as { default?: unknown }).default !== undefined);
    expect(withDefault.length).toBeGreaterThan(5);
    expect(withDefault.filter(({ required }) => required === true)).toEqual([]);
    expect(parameters.filter(({ in: place, required }) => place === 'path' && required !== true)).toEqual([]);
  });

  it('asks for a body where one is needed, and not where it may be left out', () => {
    const optional = operations.filter(({ operation }) => operation.requestBody !== undefined && operation.requestBody.required !== true).map(({ operation }) => operation.operationId);
    expect(optional).toEqual(['startTrainingRun']);
  });

  it('is OpenAPI 3.1 with everything a client generator asks for', () => {
    expect(specification.openapi).toMatch(/^3\.1\./);
    expect(specification.info).toMatchObject({ title: 'Jongleur', version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    expect(specification.components.securitySchemes.key).toMatchObject({ type: 'http', scheme: 'bearer' });
    const tags = specification.tags.map((tag: { name: string }) => tag.name);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations) {
      const { operationId } = operation;
      expect(operationId).toMatch(/^[a-z][A-Za-z]+$/);
      expect(operation).toMatchObject({ operationId, summary: expect.stringMatching(/^\S.*[^.]$/), tags: [expect.stringMatching(new RegExp(`^(${tags.join('|')})$`))] });
      expect(operation).toMatchObject({ operationId, description: expect.stringMatching(/🔑 Needs an? (publishable|secret|admin) key|🔓 No key needed/u), });
      expect([operationId, Object.keys(operation.responses).filter((status) => status.startsWith('2')).length]).toEqual([operationId, 1]);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect([operationId, ...(operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name)]).toEqual([operationId, ...inPath]);
    }
  });

  it('refers to nothing that is not there', () => {
    const text = JSON.stringify(specification);
    for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      // eslint-disable-next-line typescript/no-explicit-any -- walks down any path
      const target = pointer.split('/').reduce((at: any, name) => at?.[name], specification);
      expect([pointer, typeof target]).toEqual([pointer, 'object']);
    }
    expect(text).not.toContain('undefined');
  });

  it('has every route of the service in it, and no route that is not', () => {
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(
      [
        'get /metrics', 'get /v1/alerts',
        'get /health/live', 'get /health/ready', 'post /v1/events', 'get /v1/events', 'get /v1/event-types', 'put /v1/event-types', 'get /v1/items/schema', 'post /v1/ratings', 'put /v1/users/{userId}/ratings/{itemId}', 'delete /v1/users/{userId}/ratings/{itemId}',
        'post /v1/tokens', 'post /v1/sessions', 'get /v1/token-secrets', 'post /v1/token-secrets', 'delete /v1/token-secrets/{kid}',
        'post /v1/imports', 'post /v1/import-previews', 'get /v1/imports/{no}/quarantine', 'get /v1/imports', 'get /v1/imports/{no}', 'get /v1/imports/{no}/errors', 'get /v1/imports/{no}/progress', 'post /v1/imports/{no}/cancel', 'delete /v1/imports/{no}',
        'get /v1/items', 'post /v1/items', 'put /v1/items/{itemId}', 'patch /v1/items/{itemId}', 'get /v1/items/{itemId}', 'delete /v1/items/{itemId}', 'get /v1/users', 'get /v1/users/{userId}', 'get /v1/users/{userId}/export', 'get /v1/users/{userId}/events', 'delete /v1/users/{userId}', 'put /v1/users/{userId}/merge/{sourceId}',
        'get /v1/users/{userId}/recommendations', 'get /v1/items/{itemId}/similar', 'get /v1/trending', 'get /v1/newest', 'post /v1/sessions/recommendations', 'post /v1/users/{userId}/recommendations', 'get /v1/users/{userId}/recommendations/{itemId}/reasons', 'post /v1/recommendations/batch',
        'post /v1/items/similar', 'get /v1/items/{itemId}/together', 'post /v1/items/together', 'get /v1/items/{itemId}/audience', 'get /v1/scenarios', 'get /v1/scenarios/{name}', 'put /v1/scenarios/{name}', 'delete /v1/scenarios/{name}',
        'post /v1/impressions', 'get /v1/metrics/live', 'get /v1/experiments', 'post /v1/experiments', 'get /v1/experiments/{name}', 'delete /v1/experiments/{name}', 'post /v1/experiments/{name}/start', 'post /v1/experiments/{name}/stop', 'post /v1/experiments/{name}/promote', 'get /v1/overview', 'get /v1/data-quality', 'post /v1/data-quality', 'get /v1/insights/events-per-day', 'get /v1/insights/long-tail', 'get /v1/insights/activity', 'get /v1/insights/values', 'get /v1/insights/sparsity', 'get /v1/insights/categories', 'get /v1/insights/item-map', 'post /v1/training-runs', 'get /v1/training-runs', 'get /v1/training-runs/{no}', 'delete /v1/training-runs/{no}', 'get /v1/training-runs/{no}/progress', 'get /v1/models', 'get /v1/models/{version}', 'post /v1/models/{version}/activate', 'post /v1/models/{version}/reject', 'get /v1/settings', 'get /v1/settings/rules', 'get /v1/installation', 'get /v1/parameters', 'put /v1/settings', 'get /v1/keys', 'post /v1/keys', 'delete /v1/keys/{no}',
      ].sort(),
    );
  });

  it('has an example for every body and every path parameter', () => {
    const withoutExample: string[] = [];
    for (const { operation } of operations) {
      for (const { name, schema, examples, example, description } of (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')) {
        if ((schema.examples ?? examples ?? example) === undefined || (description ?? schema.description) === undefined) {
          withoutExample.push(`${operation.operationId} ${name}`);
        }
      }
      const body = operation.requestBody?.content['application/json'];
      if (body !== undefined && (body.schema.examples ?? body.examples ?? body.example) === undefined) {
        withoutExample.push(`${operation.operationId} body`);
      }
    }
    expect(withoutExample).toEqual([]);
    expect(operations.filter(({ operation }) => operation.requestBody !== undefined).length).toBeGreaterThanOrEqual(8);
  });

  it('has examples that the service accepts as they stand', async () => {
    await service.call('PUT', '/v1/items/item-1', { title: 'one' });
    await service.call('POST', '/v1/events', { userId: 'user-1', itemId: 'item-1', type: 'view' });
    await service.call('POST', '/v1/experiments', { name: 'home', scenario: 'cart', variants: [{ name: 'as-it-is', share: 0.5 }, { name: 'varied', share: 0.5 }], start: true });
    let sent = 0;
    for (const { method, path, operation } of operations) {
      const body = operation.requestBody?.content['application/json'];
      if (body === undefined) {
        continue;
      }
      const found = body.examples ?? body.schema.examples;
      const examples = Array.isArray(found) ? found : Object.values(found ?? { only: { value: body.example } }).map((example) => (example as { value: unknown }).value);
      for (const example of examples) {
        const url = path.replace('{userId}', 'user-1').replace('{itemId}', 'item-1').replace('{name}', 'home');
        const answer = await service.call(method.toUpperCase() as 'POST', url, example);
        expect([operation.operationId, answer.status < 300 ? '' : answer.text]).toEqual([operation.operationId, '']);
        sent++;
      }
    }
    expect(sent).toBeGreaterThanOrEqual(8);
  });

  it('answers what it says it answers', async () => {
    // fast-json-stringify drops what a schema leaves out: every field of an answer must be in its schema.
    const item = (await service.call('PUT', '/v1/items/shape', { title: 'x' })).json;
    const { schema } = specification.paths['/v1/items/{itemId}'].get.responses['200'].content['application/json'];
    expect(Object.keys(item).sort()).toEqual(Object.keys(schema.properties).sort());
  });

  it('is served as a page, with its files, to browsers on a plain-http LAN', async () => {
    const page = await service.call('GET', '/docs', undefined, null);
    const html = page.status === 302 ? await service.call('GET', String(page.headers.location), undefined, null) : page;
    expect(html.status).toBe(200);
    expect(html.headers['content-type']).toContain('text/html');
    expect(String(html.headers['content-security-policy'])).not.toContain('upgrade-insecure-requests');
    expect(html.headers['strict-transport-security']).toBeUndefined();
    const files = [...html.text.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map((match) => new URL(match[1], 'http://x/docs/').pathname);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      expect([file, (await service.call('GET', file, undefined, null)).status]).toEqual([file, 200]);
    }
    expect((await service.call('GET', '/', undefined, null)).headers.location).toBe('/docs');
  });

  it('has a section for every error code, with its status and the way out', async () => {
    const page = await service.call('GET', '/docs/errors', undefined, null);
    expect(page.headers['content-type']).toContain('text/html');
    for (const [code, { status, remedy }] of Object.entries(PROBLEMS)) {
      const section = page.text.split(`<section id="${code}">`)[1]?.split('</section>')[0] ?? '';
      expect([code, section]).toEqual([code, expect.stringContaining(`<small>${status}</small>`)]);
      expect([code, section]).toEqual([code, expect.stringContaining(remedy)]);
    }
    expect(page.text).toContain('href="/docs/errors.css"');
    expect((await service.call('GET', '/docs/errors.css', undefined, null)).headers['content-type']).toContain('text/css');
  });

  it('lists no error code that nothing answers', () => {
    const folder = new URL('../../src/http/', import.meta.url);
    const sources = readdirSync(folder).filter((name) => name !== 'problems.ts').map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
    // As `new Problem('code'`, as the `code:` of an answer, or as the value of a table or a choice of codes.
    const unused = Object.keys(PROBLEMS).filter((code) => !new RegExp(String.raw`Problem\('${code}'|code: '${code}'|: '${code}'|\? '${code}'|Problem\([^'\n]*'${code}'`).test(sources));
    expect(unused).toEqual([]);
  });
});
