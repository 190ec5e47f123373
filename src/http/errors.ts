/** The one place that makes error answers: RFC 9457 `application/problem+json`, and nothing internal above 499. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { BodyDamaged, BodyTooLarge } from '../ingest/body-stream.ts';
import { ImportFileFault } from '../ingest/csv.ts';
import { ImportsBusy } from '../ingest/import-jobs.ts';
import { LineTooLong, LinesStopped, LinesTooMany } from '../ingest/event-lines.ts';
import { IngestOverloaded, WriteUnknown } from '../ingest/writer.ts';
import { describeValue } from '../ingest/ids.ts';
import { nearestName } from '../model/nearest-name.ts';
import { SteeringFault } from '../serving/steering.ts';
import { DatabaseFull, DatabaseUnavailable } from '../storage/database.ts';
import { AttributeTypeFault } from '../storage/item-attributes.ts';
import { ExperimentFault } from '../storage/live-experiments.ts';
import { ModelStateFault } from '../storage/models.ts';
import { PROBLEMS, Problem, type ProblemCode, RETRY_AFTER_SECONDS } from './problems.ts';

/** What Fastify itself refuses, in this service's codes. */
const FASTIFY_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'body-not-json',
  FST_ERR_MAX_PARAM_LENGTH: 'path-too-long',
  FST_ERR_BAD_URL: 'invalid-request',
};

/** Why a version cannot become what was asked for. */
const STATE_CODES: Readonly<Record<ModelStateFault['code'], ProblemCode>> = { live: 'model-live', rejected: 'model-rejected', pruned: 'model-pruned', 'not-candidate': 'model-not-candidate', 'in-experiment': 'model-in-experiment' };
const EXPERIMENT_CODES: Readonly<Record<ExperimentFault['code'], ProblemCode>> = { exists: 'experiment-exists', 'not-draft': 'experiment-started', 'not-running': 'experiment-not-running', conflict: 'experiment-conflict', 'too-many-models': 'experiment-models' };

/** What is wrong with how a list was to be steered. */
const STEERING_CODES: Readonly<Record<SteeringFault['code'], ProblemCode>> = { filter: 'invalid-filter', scenario: 'scenario-unknown', cursor: 'cursor-invalid', 'stale-cursor': 'cursor-stale' };

interface FieldError {
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

/** JSON's types as people call them. */
const TYPE_WORDS: Readonly<Record<string, string>> = { integer: 'a whole number', number: 'a number', boolean: 'true or false', string: 'text', array: 'a list', object: 'an object' };

interface FaultySchema {
  readonly properties?: object;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** "1 to 200", or where there is one bound alone "at most 200". @param from stands before two bounds */
function range(least: number | undefined, most: number | undefined, from = ''): string {
  return least === undefined ? `at most ${most}` : most === undefined ? `at least ${least}` : `${from}${least} to ${most}`;
}

/** One fault found by Ajv, in words: which field, which value, what would be right. */
function describeFault(fault: FastifySchemaValidationError & { data?: unknown; parentSchema?: FaultySchema }, context: string): FieldError {
  const path = fault.instancePath.slice(1).replaceAll('/', '.').replace(/~1/g, '/').replace(/~0/g, '~');
  const inside = (name: string) => (path === '' ? name : `${path}.${name}`);
  const params = fault.params as Record<string, unknown>;
  const field = path === '' ? context : path;
  switch (fault.keyword) {
    case 'required':
      return { field: inside(String(params.missingProperty)), code: 'missing', message: `${inside(String(params.missingProperty))} is missing` };
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      const known = Object.keys(fault.parentSchema?.properties ?? {});
      const near = nearestName(name, known);
      return {
        field: inside(name),
        code: 'unknown-field',
        message: `${JSON.stringify(name)} is not known here${near === null ? '' : `; did you mean "${near}"?`}${known.length === 0 ? '' : `${near === null ? '.' : ''} Known: ${known.join(', ')}`}`,
      };
    }
    case 'enum':
      return { field, code: 'invalid', message: `${field} is ${describeValue(fault.data)}; it must be one of ${(params.allowedValues as unknown[]).map(String).join(', ')}` };
    case 'type':
      return { field, code: 'invalid', message: `${field} is ${describeValue(fault.data)}; it must be ${[params.type].flat().map((type) => TYPE_WORDS[String(type)] ?? String(type)).join(' or ')}` };
    case 'minimum':
    case 'maximum':
      return { field, code: 'invalid', message: `${field} is ${describeValue(fault.data)}; it must be ${range(fault.parentSchema?.minimum, fault.parentSchema?.maximum, 'from ')}` };
    case 'minLength':
    case 'maxLength':
      return { field, code: 'invalid', message: `${field} is ${describeValue(fault.data)}; it must have ${range(fault.parentSchema?.minLength, fault.parentSchema?.maxLength)} characters` };
    case 'minItems':
    case 'maxItems':
      return { field, code: 'invalid', message: `${field} has ${(fault.data as unknown[]).length} members; it must have ${range(fault.parentSchema?.minItems, fault.parentSchema?.maxItems)}` };
    case 'format':
      return { field, code: `invalid-${String(params.format)}`, message: `${field} is ${describeValue(fault.data)}; it must be ${FORMAT_WORDS[String(params.format)] ?? String(params.format)}` };
    case 'pattern': {
      const rule = fault.parentSchema?.description;
      return { field, code: 'invalid', message: `${field} is ${describeValue(fault.data)}, which does not fit${rule === undefined ? '' : `: ${rule}`}` };
    }
    default:
      return { field, code: 'invalid', message: `${field} is ${describeValue(fault.data)}; it ${fault.message ?? 'is not valid'}` };
  }
}

/** What the formats of `validation.ts` mean. */
const FORMAT_WORDS: Readonly<Record<string, string>> = {
  id: 'well-formed text of 1 to 256 characters without control characters',
  text: 'well-formed text without NUL',
  amount: '0, or from 0.000001 to 1000000000',
  value: '0, or from 0.000001 to 1000000000, or the same below zero',
  'date-time': 'a date and time with its zone, like 2026-11-22T10:00:00Z, from 1970 on',
};

interface Answer {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

function explain(error: FastifyError | Error, request: FastifyRequest): Answer | null {
  if (error instanceof Problem) {
    return { code: error.code, detail: error.message, extra: error.extra };
  }
  if (error instanceof IngestOverloaded) {
    return { code: 'ingest-overloaded', detail: error.message, extra: {} };
  }
  if (error instanceof ModelStateFault) {
    return { code: STATE_CODES[error.code], detail: error.message, extra: {} };
  }
  if (error instanceof ExperimentFault) {
    return { code: EXPERIMENT_CODES[error.code], detail: error.message, extra: {} };
  }
  if (error instanceof LinesStopped) {
    const reason = explain(error.cause as Error, request);
    const { lines, accepted, duplicates } = error.soFar;
    return reason === null ? null : { ...reason, detail: `${reason.detail} The first ${lines} lines were taken before (${accepted} events stored, ${duplicates} known already).`, extra: { ...reason.extra, ...error.soFar } };
  }
  if (error instanceof LinesTooMany) {
    return { code: 'too-many-events', detail: error.message, extra: {} };
  }
  if (error instanceof LineTooLong || error instanceof BodyTooLarge) {
    return { code: 'body-too-large', detail: error.message, extra: {} };
  }
  if (error instanceof ImportFileFault) {
    return { code: 'import-file', detail: error.message, extra: {} };
  }
  if (error instanceof AttributeTypeFault) {
    return { code: 'attribute-type', detail: error.message, extra: { field: `attributes.${error.attribute}`, itemId: error.itemId } };
  }
  if (error instanceof SteeringFault) {
    return { code: STEERING_CODES[error.code], detail: error.message, extra: { field: error.field, ...(error.position === null ? {} : { position: error.position, reason: error.reason }) } };
  }
  if (error instanceof ImportsBusy) {
    return { code: 'imports-busy', detail: error.message, extra: {} };
  }
  if (error instanceof BodyDamaged) {
    return { code: 'body-damaged', detail: error.message, extra: {} };
  }
  if (error instanceof WriteUnknown) {
    return { code: 'commit-unknown', detail: PROBLEMS['commit-unknown'].when, extra: { items: error.eventIds } };
  }
  if (error instanceof DatabaseFull) {
    return { code: 'database-full', detail: PROBLEMS['database-full'].when, extra: {} };
  }
  if (error instanceof DatabaseUnavailable) {
    return { code: 'database-unavailable', detail: PROBLEMS['database-unavailable'].when, extra: {} };
  }
  if ('validation' in error && Array.isArray(error.validation)) {
    const seen = new Set<string>();
    const errors = error.validation.map((fault) => describeFault(fault, error.validationContext ?? 'body')).filter((one) => !seen.has(one.field) && seen.add(one.field));
    return { code: 'invalid-request', detail: errors.map((one) => one.message).join('; '), extra: { field: errors[0].field, errors } };
  }
  const code = 'code' in error ? FASTIFY_CODES[error.code] : undefined;
  if (code === 'media-type') {
    return { code, detail: `Content-Type is ${describeValue(request.headers['content-type'])}; it must be ${['application/json', ...(request.routeOptions.config.streamTypes ?? [])].join(' or ')}.`, extra: {} };
  }
  if (code !== undefined) {
    return { code, detail: error.message, extra: {} };
  }
  return null;
}

function send(reply: FastifyReply, requestId: string, { code, detail, extra }: Answer): FastifyReply {
  const { status, title, remedy } = PROBLEMS[code];
  if (status === 503 || (status === 429 && !reply.hasHeader('retry-after'))) {
    reply.header('retry-after', RETRY_AFTER_SECONDS);
  }
  if (status === 401) {
    reply.header('www-authenticate', 'Bearer realm="jongleur"');
  }
  // A body that was not read to its end would be taken for the next request's beginning.
  if (status === 413) {
    reply.header('connection', 'close');
  }
  return reply
    .code(status)
    .type('application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ type: `/docs/errors#${code}`, title, status, code, detail, remedy, requestId, ...extra });
}

/** What the router refuses before there is a route, and so before any hook. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id);
  void send(reply, request.id, explain(error, request) ?? { code: 'invalid-request', detail: PROBLEMS['invalid-request'].when, extra: {} });
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Refused for being one of too many: logged at `debug`. */
    quiet: boolean;
  }
}

/** @returns which methods a path takes; looked for only where a request came with another one */
function collectMethods(app: FastifyInstance): (path: string) => string[] {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    // What answers a browser that asks what it may send is no path of its own.
    if (url !== '*') {
      routes.push({ pattern: new RegExp(`^${url.replaceAll('.', String.raw`\.`).replace(/:\w+/g, '[^/]+').replace(/\*$/, '.*')}$`), methods: [method].flat() });
    }
  });
  return (path) => [...new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))];
}

/** Told of by who refuses, once for many. */
const QUIET_CODES: ReadonlySet<ProblemCode> = new Set(['overloaded', 'ingest-overloaded', 'rate-limited']);

/** @param isFull whether the database is away because its disk is full */
export function installErrors(app: FastifyInstance, isFull: () => boolean = () => false): void {
  app.decorateRequest('quiet', false);
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    if (request.raw.readableAborted && (error.code as string | undefined) === 'ECONNRESET') {
      // Nobody is there to read an answer, and nothing of ours has failed.
      request.log.info({ reqId: request.id, method: request.method, url: request.routeOptions.url }, 'the sender hung up');
      return reply.hijack();
    }
    const answer = explain(error instanceof DatabaseUnavailable && isFull() ? new DatabaseFull(error) : error, request) ?? { code: 'internal' as const, detail: PROBLEMS.internal.when, extra: {} };
    // A line for each of thousands would be one load more.
    request.quiet = QUIET_CODES.has(answer.code);
    if (PROBLEMS[answer.code].status >= 500 && !request.quiet) {
      request.log.error({ err: error, reqId: request.id }, answer.code);
    }
    return send(reply, request.id, answer);
  });
}

/** Said before the body is looked at: whatever is wrong with it is beside the point, and the framework has no answer of ours for some methods without one. After quotas, before any route. */
export function installNotFound(app: FastifyInstance): void {
  const methodsOf = collectMethods(app);
  const problemOf = (request: FastifyRequest, reply: FastifyReply): Problem => {
    const path = request.url.split('?')[0];
    const methods = methodsOf(path);
    if (methods.length > 0) {
      reply.header('allow', methods.join(', '));
    }
    return new Problem(methods.length > 0 ? 'method-not-allowed' : 'route-not-found', `There is no ${request.method} ${path.slice(0, 200)}. All operations are listed at /docs.`);
  };
  app.addHook('onRequest', (request, reply, done) => done(request.is404 ? problemOf(request, reply) : undefined));
  app.setNotFoundHandler((request, reply) => {
    throw problemOf(request, reply);
  });
}
