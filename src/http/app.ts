/**
 * Builds the HTTP side and never listens. The routes are listed by hand: this list is the table of contents.
 */
import { type TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { installAuth, requireRoles } from './auth.ts';
import { installBrowsers } from './browsers.ts';
import { dashboardRoutes } from './dashboard.ts';
import { installPages, installSpecification } from './docs.ts';
import { answerFrameworkError, installErrors } from './errors.ts';
import { eventTypeRoutes } from './event-types.ts';
import { eventRoutes } from './events.ts';
import { installFastLane } from './fast-lane.ts';
import { importRoutes } from './imports.ts';
import { itemRoutes } from './items.ts';
import { keyRoutes } from './keys.ts';
import { createKnownQueries } from './known-queries.ts';
import { modelRoutes } from './models.ts';
import { operationRoutes } from './operations.ts';
import { PROBLEMS, Problem, type ProblemCode } from './problems.ts';
import { qualityRoutes } from './quality.ts';
import { recommendationBatchRoutes } from './recommendation-batch.ts';
import { recommendationRoutes } from './recommendations.ts';
import { requestIdOf } from './request-id.ts';
import type { Services } from './services.ts';
import { redactKeys } from './redact.ts';
import { scenarioRoutes } from './scenarios.ts';
import { settingRoutes } from './settings.ts';
import { tokenRoutes } from './tokens.ts';
import { trainingRunRoutes } from './training-runs.ts';
import { userRoutes } from './users.ts';
import { checkBody, validatorCompiler } from './validation.ts';

const MAX_BODY_BYTES = 1024 * 1024;
/** Headers must have arrived by then, and so must bodies that are not streams. */
const REQUEST_TIMEOUT_MS = 15_000;
const SWEEP_MS = 2_000;
/** An id of 256 characters, each of up to four bytes, percent-encoded. */
const MAX_PARAM_CHARS = 256 * 4 * 3;

/** One line a request, when it is done: what was refused at `info`, what went well at `debug`. A line for each answer would cost more than the answer. */
class RequestLog extends LogController {
  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const level = error == null && reply.statusCode < 400 ? 'debug' : 'info';
    const { method, url, host, ip, socket } = request;
    reply.log[level]({ reqId: request.id, req: { method, url: redactKeys(url), host, ip, socket }, res: reply, responseTime: reply.elapsedTime, err: error ?? undefined }, 'request');
  }
}

/** For a request that never came to be: nothing of Fastify can answer it. */
function answerSocket(socket: Duplex, code: ProblemCode): void {
  const { status, title, when, remedy } = PROBLEMS[code];
  if (socket.writable) {
    const body = JSON.stringify({ type: `/docs/errors#${code}`, title, status, code, detail: when, remedy });
    socket.end(`HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }
}

/** Ends requests whose body does not come. Streamed ones are as long as they are; of those a silent connection ends after `connectionTimeout`. */
function limitBodies(app: FastifyInstance, limitMs: number): void {
  /** Since when they are under way, the oldest first. */
  const underWay = new Map<FastifyRequest, number>();
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
      underWay.set(request, performance.now());
    }
    done();
  });
  app.addHook('preValidation', (request, _reply, done) => {
    underWay.delete(request);
    done();
  });
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const [request, startedMs] of underWay) {
      if (now - startedMs < limitMs) {
        break;
      }
      underWay.delete(request);
      if (!request.raw.complete && !request.raw.destroyed) {
        answerSocket(request.raw.socket, 'request-timeout');
      }
    }
  }, Math.min(SWEEP_MS, limitMs));
  sweep.unref();
  app.addHook('onClose', (_instance, done) => {
    clearInterval(sweep);
    done();
  });
}

/** @param bodyTimeoutMs for tests */
export async function createApp(services: Services, bodyTimeoutMs = REQUEST_TIMEOUT_MS): Promise<FastifyInstance> {
  const app = fastify({
    // Pino's own type says less than Fastify's interface about the same object.
    loggerInstance: services.logger as FastifyBaseLogger,
    bodyLimit: MAX_BODY_BYTES,
    // Node's own limit would hold for streamed bodies too; see `limitBodies`.
    requestTimeout: 0,
    connectionTimeout: 60_000,
    keepAliveTimeout: 72_000,
    http: { connectionsCheckingInterval: 2_000, headersTimeout: REQUEST_TIMEOUT_MS },
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    logController: new RequestLog(),
    // A child logger for each request would cost an answer a tenth of its time to hold an id that the few lines which are written name themselves.
    childLoggerFactory: (logger) => logger,
    frameworkErrors: answerFrameworkError,
    genReqId: requestIdOf,
    clientErrorHandler(error, socket) {
      answerSocket(socket, error.code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request-timeout' : 'invalid-request');
    },
  }).withTypeProvider<TypeBoxTypeProvider>();

  // Fastify would take plain text as well, and hand a string to routes that document an object.
  app.removeContentTypeParser('text/plain');
  app.addHook('preValidation', (request, _reply, done) => {
    checkBody(request);
    done();
  });
  app.setValidatorCompiler(validatorCompiler as Parameters<typeof app.setValidatorCompiler>[0]);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    // Data, never a page: the pages get the rest of the security headers (`docs.ts`).
    reply.header('x-content-type-options', 'nosniff');
    done();
  });
  limitBodies(app, bodyTimeoutMs);
  installErrors(app);
  requireRoles(app);
  await installBrowsers(app, services.corsOrigins);
  installAuth(app, services);
  app.addHook('onRequest', (request, _reply, done) => {
    const phase = services.phase();
    if (phase === 'starting' && request.url.startsWith('/v1/')) {
      done(new Problem('starting', PROBLEMS.starting.when));
      return;
    }
    done();
  });
  // Clients that always name a type send it with DELETE too: no body is none, and where one is needed `checkBody` says so.
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') {
      done(null, undefined);
    } else {
      parseJson(request, body as string, done);
    }
  });
  await installSpecification(app, services);
  const queries = createKnownQueries();

  await app.register(operationRoutes(services));
  await app.register(eventRoutes(services));
  await app.register(eventTypeRoutes(services));
  await app.register(importRoutes(services));
  await app.register(itemRoutes(services));
  await app.register(userRoutes(services));
  await app.register(recommendationRoutes(services, queries));
  await app.register(recommendationBatchRoutes(services));
  await app.register(scenarioRoutes(services));
  await app.register(qualityRoutes(services));
  await app.register(trainingRunRoutes(services));
  await app.register(modelRoutes(services));
  await app.register(settingRoutes(services));
  await app.register(keyRoutes(services));
  await app.register(tokenRoutes(services));
  await app.register(dashboardRoutes(services));
  await app.register(async (pages) => await installPages(pages, services));
  installFastLane(app, services, queries);
  return app;
}
