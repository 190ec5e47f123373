/**
 * /openapi.json: what the routes say of themselves, and what is true of all of them: keys, refusals before a handler is reached, headers. Routes say which refusals are their own; which the framework
 * gives follows from what a route takes. `test/http/fuzz.test.ts` and `npm run fuzz` hold answers against it.
 */
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { type Access, ROLE_WORDS } from './auth.ts';
import type { Shed } from './pressure.ts';
import { PROBLEMS } from './problems.ts';
import { ProblemBody } from './schemas.ts';
import type { Services } from './services.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Text that the route answers in place of what its schema says, where it is asked to. */
    textTypes?: readonly string[];
  }
}

/** Beside the summary in the list of operations. */
const SHORT_BADGE: Readonly<Record<Access, string>> = { open: 'no key', publishable: 'pk_', shopper: 'pk_ + token', secret: 'sk_', admin: 'ak_' };

const BADGE: Readonly<Record<Access, string>> = {
  open: '🔓 No key needed.',
  publishable: `🔑 Needs ${ROLE_WORDS.publishable} or more.`,
  shopper: `🔑 Needs ${ROLE_WORDS.shopper} or more.`,
  secret: `🔑 Needs ${ROLE_WORDS.secret} or more.`,
  admin: `🔑 Needs ${ROLE_WORDS.admin}.`,
};

/** Role names beside a scheme are OpenAPI 3.1's way to say which of its keys will do. */
const SECURITY: Readonly<Record<Access, Record<string, string[]>[]>> = {
  open: [],
  publishable: [{ key: ['publishable'] }],
  shopper: [{ key: ['publishable'], shopperToken: [] }, { key: ['secret'] }],
  secret: [{ key: ['secret'] }],
  admin: [{ key: ['admin'] }],
};

const SUCCESS: Readonly<Record<string, string>> = { 200: 'Done', 201: 'Made', 202: 'Begun', 204: 'Done; there is nothing to say' };

/** Of a health check that says no. */
const PHASES = 'Starting, making the demo, or stopping';

/** What the formats of `validation.ts` mean to those who do not know them. */
const FORMATS: Readonly<Record<string, object>> = {
  id: { pattern: String.raw`^[^\u0000-\u001f\u007f-\u009f]+$` },
  text: { pattern: String.raw`^[^\u0000]*$` },
  amount: { anyOf: [{ const: 0 }, { minimum: 1e-6 }] },
  value: { anyOf: [{ const: 0 }, { minimum: 1e-6, maximum: 1e9 }, { minimum: -1e9, maximum: -1e-6 }] },
};

interface Operation {
  parameters?: { readonly in: string }[];
  requestBody?: { required?: boolean; content: Record<string, object> };
  responses: Record<string, { description: string; headers?: Record<string, object>; content?: Record<string, object> }>;
}

/** What the plugin does not hand on of a route. */
interface RouteFacts {
  readonly access: Access;
  readonly shed: Shed | undefined;
  readonly bodyOptional: boolean;
  readonly streamTypes: readonly string[];
  readonly textTypes: readonly string[];
  /** Statuses whose answers are problems. */
  readonly refusals: readonly string[];
}

/** Statuses that come before a handler, or instead of one. */
function frameworkRefusals({ access, shed, streamTypes }: RouteFacts, { parameters = [], requestBody }: Operation): readonly number[] {
  const inPath = parameters.some((parameter) => parameter.in === 'path');
  const takesBody = requestBody !== undefined || streamTypes.length > 0;
  return [...(parameters.length > 0 || takesBody ? [400] : []), ...(access === 'open' ? [] : [401, 403, 500, 503]), ...(takesBody ? [408, 413, 415] : []), ...(inPath ? [414] : []), ...(shed === 'never' ? [] : [429]), 431];
}

function headerOf(name: string): object {
  return { $ref: `#/components/headers/${name}` };
}

const HEADERS = {
  'X-Request-Id': { description: 'Finds the request in the log: the one that was sent, or one made here', required: true, schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds after which to try again', required: true, schema: { type: 'integer', minimum: 1 } },
  'WWW-Authenticate': { description: 'Which kind of key', required: true, schema: { type: 'string' } },
  RateLimit: { description: 'Requests that are left (`r`), and in how many seconds all of them are (`t`); where there is a quota', schema: { type: 'string' } },
  'RateLimit-Policy': { description: 'The quota (`q`) of so many seconds (`w`)', schema: { type: 'string' } },
  Location: { description: 'Where to look how far it is', schema: { type: 'string' } },
} as const;
const QUOTA_HEADERS = { RateLimit: headerOf('RateLimit'), 'RateLimit-Policy': headerOf('RateLimit-Policy') };

/** Answered by the connection itself: there may be no request yet that has an id. */
const WITHOUT_REQUEST: ReadonlySet<number> = new Set([408, 431]);

/** For each status that is a problem's, its answer. */
function problemResponses(): Record<string, object> {
  // 405 is of a method that is no operation.
  const statuses = [...new Set(Object.values(PROBLEMS).map(({ status }) => status as number))].filter((status) => status !== 405).toSorted((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = Object.entries(PROBLEMS).filter(([, problem]) => problem.status === status).map(([code, { title }]) => ({ code, title }));
      const { requestId: _, ...fields } = ProblemBody.properties;
      const properties = { ...(WITHOUT_REQUEST.has(status) ? fields : ProblemBody.properties), status: { const: status }, code: { type: 'string', enum: codes.map(({ code }) => code) } };
      return [
        `Problem${status}`,
        {
          description: codes.map(({ code, title }) => `\`${code}\`: ${title}`).join('  \n'),
          headers: {
            ...(WITHOUT_REQUEST.has(status) ? {} : { 'X-Request-Id': headerOf('X-Request-Id') }),
            ...(status === 429 || status === 503 ? { 'Retry-After': headerOf('Retry-After') } : {}),
            ...(status === 401 ? { 'WWW-Authenticate': headerOf('WWW-Authenticate') } : {}),
            ...(status === 429 ? QUOTA_HEADERS : {}),
          },
          content: { 'application/problem+json': { schema: { type: 'object', required: Object.keys(properties), properties } } },
        },
      ];
    }),
  );
}

/** What has a default is there whenever a handler looks, hence required in the schema; a client need not send it. */
function withoutDefaultsRequired(schema: unknown): unknown {
  const { required, properties } = (schema ?? {}) as { required?: string[]; properties?: Record<string, { default?: unknown }> };
  return required === undefined || properties === undefined ? schema : { ...(schema as object), required: required.filter((name) => properties[name].default === undefined) };
}

/** A default that a handler works out itself is shown like the others, and a format that is only known here is spelt out. */
function spellOut(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(spellOut);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const format = 'type' in value && 'format' in value ? FORMATS[String(value.format)] : undefined;
  return { ...Object.fromEntries(Object.entries(value).filter(([name]) => format === undefined || name !== 'format').map(([name, inner]) => (name === 'x-default' ? ['default', inner] : [name, spellOut(inner)]))), ...format };
}

function complete(operation: Operation, facts: RouteFacts): void {
  if (facts.streamTypes.length > 0) {
    operation.requestBody = { required: true, content: { ...operation.requestBody?.content, ...Object.fromEntries(facts.streamTypes.map((type) => [type, { schema: { type: 'string', description: 'Read as it comes, whatever its length' } }])) } };
  }
  // The plugin calls every body required.
  if (operation.requestBody !== undefined && facts.bodyOptional) {
    operation.requestBody.required = false;
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    response.description = response.description === 'Default Response' ? (SUCCESS[status] ?? PHASES) : response.description;
    // A stream of events is no string to those who read it as one; OpenAPI 3.1 has no word for it.
    delete (response.content?.['text/event-stream'] as { schema?: { type?: string } } | undefined)?.schema?.type;
    response.headers = { 'X-Request-Id': headerOf('X-Request-Id'), ...(facts.shed === 'never' ? {} : QUOTA_HEADERS), ...(status === '503' ? { 'Retry-After': headerOf('Retry-After') } : {}), ...(status === '202' ? { Location: headerOf('Location') } : {}) };
  }
  for (const type of facts.textTypes) {
    operation.responses['200'].content![type] = { schema: { type: 'string' } };
  }
  for (const status of [...facts.refusals, ...frameworkRefusals(facts, operation)]) {
    operation.responses[status] = { $ref: `#/components/responses/Problem${status}` } as never;
  }
}

export async function installSpecification(app: FastifyInstance, { publicUrl, version }: Services): Promise<void> {
  const routes = new Map<string, RouteFacts>();
  await app.register(swagger, {
    transformObject: (document) => {
      const { openapiObject } = document as { openapiObject: { paths?: Record<string, Record<string, Operation>>; components?: object } };
      for (const [path, methods] of Object.entries(openapiObject.paths ?? {})) {
        for (const [method, operation] of Object.entries(methods)) {
          complete(operation, routes.get(`${method} ${path}`)!);
        }
      }
      openapiObject.components = { ...openapiObject.components, headers: HEADERS, responses: problemResponses() };
      return spellOut(openapiObject) as typeof openapiObject;
    },
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Jongleur',
        version,
        description:
          'Self-hosted recommendations for shops. Send behaviour in (`POST /v1/events`), get lists out (`GET /v1/users/{userId}/recommendations`).\n\nClick **Authorize** and paste a key; `jongleur keys` shows them. With the demo shop running, every example works with **Try it out**. Errors are RFC 9457 problems; [all codes](/docs/errors).',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      ...(publicUrl === null ? {} : { servers: [{ url: publicUrl }] }),
      tags: [
        { name: 'data', description: 'What comes in: events, ratings, the catalogue' },
        { name: 'answers', description: 'What goes out: recommendations' },
        { name: 'model', description: 'Training runs and the models they made' },
        { name: 'insight', description: 'What recommendations did' },
        { name: 'settings', description: 'Training, event types, keys and tokens' },
        { name: 'operations', description: 'Health' },
      ],
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'A key: pk_…, sk_… or ak_…; of the role that the operation names, or a higher one' },
          shopperToken: { type: 'apiKey', in: 'header', name: 'X-Shopper-Token', description: 'With a publishable key: a JWT that says which shopper asks, the only one who can be read or written then' },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const { role: access = 'open', shed, bodyOptional = false, streamTypes = [], textTypes = [] } = route.config ?? {};
      const described = schema as FastifySchema & { description?: string; summary?: string };
      const responses = Object.entries((described.response ?? {}) as Record<string, unknown>);
      const refusals = responses.filter(([, body]) => body === ProblemBody).map(([status]) => status);
      for (const method of [route.method].flat()) {
        routes.set(`${method.toLowerCase()} ${url.replace(/:(\w+)/g, '{$1}')}`, { access, shed, bodyOptional, streamTypes, textTypes, refusals });
      }
      return {
        url,
        schema: {
          ...schema, response: Object.fromEntries(responses.filter(([status]) => !refusals.includes(status))), querystring: withoutDefaultsRequired(described.querystring), body: withoutDefaultsRequired(described.body),
          summary: `${described.summary ?? ''} [${SHORT_BADGE[access]}]`, description: [described.description, BADGE[access]].filter(Boolean).join('\n\n'), security: SECURITY[access],
        } as FastifySchema,
      };
    },
  });
}
