/**
 * Builds the HTTP side and never listens. The routes are listed by hand: this list is the table of contents.
 */
import { type TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { noteAnswer } from '../insight/traffic.ts';
import { installAuth, requireRoles } from './auth.ts';
import { installBrowsers } from './browsers.ts';
import { installCounting } from './counting.ts';
import { dashboardRoutes } from './dashboard.ts';
import { installPages } from './docs.ts';
import { answerFrameworkError, installErrors, installNotFound } from './errors.ts';
import { eventTypeRoutes } from './event-types.ts';
import { eventRoutes } from './events.ts';
import { experimentRoutes } from './experiments.ts';
import type { ReadAhead } from './event-lane.ts';
import { installFastLanes } from './fast-lane.ts';
import { importRoutes } from './imports.ts';
import { insightRoutes } from './insights.ts';
import { itemRoutes } from './items.ts';
import { keyRoutes } from './keys.ts';
import { createKnownQueries } from './known-queries.ts';
import { modelRoutes } from './models.ts';
import { monitoringRoutes } from './monitoring.ts';
import { operationRoutes } from './operations.ts';
import { installShedding } from './pressure.ts';
import { PROBLEMS, Problem } from './problems.ts';
import { qualityRoutes } from './quality.ts';
import { installRateLimits } from './rate-limits.ts';
import { recommendationBatchRoutes } from './recommendation-batch.ts';
import { recommendationRoutes } from './recommendations.ts';
import { overviewRoutes } from './overview.ts';
import { requestIdOf } from './request-id.ts';
import type { Services } from './services.ts';
import { redactKeys } from './redact.ts';
import { scenarioRoutes } from './scenarios.ts';
import { metricRoutes } from './metrics.ts';
import { settingRoutes } from './settings.ts';
import { installSpecification } from './specification.ts';
import { REQUEST_TIMEOUT_MS, SWEEP_MS, answerSocket, limitBodies } from './time-limits.ts';
import { tokenRoutes } from './tokens.ts';
import { trainingRunRoutes } from './training-runs.ts';
import { userRoutes } from './users.ts';
import { checkBody, parseJsonBody, validatorCompiler } from './validation.ts';

const MAX_BODY_BYTES = 1024 * 1024;
const CLOSE_IDLE_MS = 50;
/** More wait to be accepted, or are dropped: each costs memory and a file descriptor. */
const MAX_CONNECTIONS = 10_000;
const MAX_HEADERS = 100;
/** An id of 256 characters, each of up to four bytes, percent-encoded. */
const MAX_PARAM_CHARS = 256 * 4 * 3;

/** One line a request, when it is done: what was refused at `info`, what went well, or was one of too many, at `debug`. A line for each answer would cost more than the answer. */
class RequestLog extends LogController {
  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const level = (error == null && reply.statusCode < 400) || request.quiet ? 'debug' : 'info';
    const { method, url, host, ip, socket } = request;
    reply.log[level]({ reqId: request.id, req: { method, url: redactKeys(url), host, ip, socket }, res: reply, responseTime: reply.elapsedTime, err: error ?? undefined }, 'request');
  }
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
    http: { connectionsCheckingInterval: SWEEP_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    // By default the address is that of the connection, whatever a header says.
    trustProxy: services.limits.trustProxy.length === 0 ? false : [...services.limits.trustProxy],
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    logController: new RequestLog(),
    // A child logger for each request would cost an answer a tenth of its time to hold an id that the few lines which are written name themselves.
    childLoggerFactory: (logger) => logger,
    frameworkErrors: answerFrameworkError,
    genReqId: requestIdOf,
    clientErrorHandler(error, socket) {
      const code = error.code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request-timeout' : 'invalid-request';
      noteAnswer(services.monitoring.traffic.elsewhere, PROBLEMS[code].status, 0);
      answerSocket(socket, code);
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
  // A connection that is kept would be cut under the next request of whoever keeps it.
  app.addHook('onRequest', (_request, reply, done) => {
    if (services.phase() === 'stopping') {
      reply.header('connection', 'close');
    }
    done();
  });
  // Those whose request was under way are kept by Node when its answer has gone, and the server would wait for them.
  let closing: NodeJS.Timeout | undefined;
  app.addHook('preClose', (done) => {
    closing = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_MS);
    done();
  });
  app.addHook('onClose', (_instance, done) => {
    clearInterval(closing);
    done();
  });
  limitBodies(app, bodyTimeoutMs);
  installErrors(app, services.databaseFull);
  app.server.maxConnections = MAX_CONNECTIONS;
  app.server.maxHeadersCount = MAX_HEADERS;
  requireRoles(app);
  installCounting(app, services.monitoring.traffic);
  await installBrowsers(app, services.corsOrigins);
  const { admission } = services;
  installShedding(app, services.pressure, admission);
  installRateLimits(app, services.keys, services.limits);
  installAuth(app, services);
  installNotFound(app);
  app.addHook('onRequest', (request, _reply, done) => {
    const phase = services.phase();
    if (phase === 'starting' && request.url.startsWith('/v1/')) {
      done(new Problem('starting', PROBLEMS.starting.when));
      return;
    }
    done();
  });
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => parseJsonBody(body as string, done));
  await installSpecification(app, services);
  const queries = createKnownQueries();
  const ahead: ReadAhead = new WeakMap();

  await app.register(operationRoutes(services));
  await app.register(monitoringRoutes(services));
  await app.register(eventRoutes(services, ahead));
  await app.register(eventTypeRoutes(services));
  await app.register(importRoutes(services));
  await app.register(itemRoutes(services));
  await app.register(userRoutes(services));
  await app.register(recommendationRoutes(services, queries));
  await app.register(recommendationBatchRoutes(services));
  await app.register(scenarioRoutes(services));
  await app.register(qualityRoutes(services));
  await app.register(insightRoutes(services));
  await app.register(trainingRunRoutes(services));
  await app.register(modelRoutes(services));
  await app.register(overviewRoutes(services));
  await app.register(metricRoutes(services));
  await app.register(experimentRoutes(services));
  await app.register(settingRoutes(services));
  await app.register(keyRoutes(services));
  await app.register(tokenRoutes(services));
  await app.register(dashboardRoutes(services));
  await app.register(async (pages) => await installPages(pages, services));
  installFastLanes(app, services, queries, ahead, admission);
  return app;
}
