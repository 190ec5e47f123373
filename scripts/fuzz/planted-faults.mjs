/** Preloaded into a server that the fuzzer must find faulty: one operation answers 500 at times, one leaves its documented shape, one a status and one a media type that nobody wrote down. */
import http from 'node:http';

/** @type {Record<string, { when: (request: http.IncomingMessage) => boolean, status: number, type: string, body: string }>} */
const FAULTS = {
  '/v1/trending': { when: ({ url }) => url.includes('reasons=true'), status: 500, type: 'application/problem+json', body: '{}' },
  '/v1/event-types': { when: ({ method, headers }) => method === 'GET' && headers.authorization !== undefined, status: 200, type: 'application/json', body: '{"items":[{"name":7}]}' },
  '/v1/newest': { when: ({ url }) => url.includes('limit='), status: 418, type: 'application/problem+json', body: '{}' },
  '/health/live': { when: () => true, status: 200, type: 'text/plain', body: 'live' },
};
const { emit } = http.Server.prototype;

http.Server.prototype.emit = function emitOrFail(event, ...args) {
  const [request, response] = args;
  const fault = event === 'request' ? FAULTS[request.url.split('?')[0]] : undefined;
  if (fault === undefined || !fault.when(request)) {
    return emit.call(this, event, ...args);
  }
  response.writeHead(fault.status, { 'content-type': fault.type, 'x-request-id': 'planted' }).end(fault.body);
  return true;
};
