/**
 * A load balancer as small as one can be: it asks every backend for /health/ready, leaves one out after two failures, takes it in after one success, keeps its connections to them, and never sends a
 * request twice: whatever a backend breaks reaches the client as 502.
 */
import { Agent, type IncomingMessage, type ServerResponse, createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';

export const CHECK_EVERY_MS = 200;
const FALL = 2;

export interface Balancer {
  readonly url: string;
  /** Requests that a backend broke. */
  broken(): number;
  add(url: string): void;
  remove(url: string): void;
  /** Backends that are in. */
  healthy(): string[];
  close(): Promise<void>;
}

interface Backend {
  readonly url: URL;
  failures: number;
  isIn: boolean;
}

export async function startBalancer(): Promise<Balancer> {
  const backends: Backend[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  let turn = 0;
  let broken = 0;

  const check = async (backend: Backend) => {
    const isReady = await fetch(new URL('/health/ready', backend.url), { signal: AbortSignal.timeout(1_000) }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.ok;
      },
      () => false,
    );
    backend.failures = isReady ? 0 : backend.failures + 1;
    backend.isIn = isReady || (backend.isIn && backend.failures < FALL);
  };
  const checks = setInterval(() => backends.forEach((backend) => void check(backend)), CHECK_EVERY_MS);

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const ready = backends.filter(({ isIn }) => isIn);
    if (ready.length === 0) {
      response.writeHead(502).end('no backend');
      return;
    }
    const { url } = ready[turn++ % ready.length];
    const onward = ask({ agent, hostname: url.hostname, port: url.port, method: request.method, path: request.url, headers: { ...request.headers, connection: 'keep-alive' } }, (answer) => {
      const { connection: _, ...headers } = answer.headers;
      response.writeHead(answer.statusCode!, headers);
      answer.pipe(response);
    });
    onward.on('error', (error) => {
      broken++;
      if (!response.headersSent) {
        response.writeHead(502).end(`${url.port}: ${error.message}`);
      } else {
        response.destroy();
      }
    });
    request.pipe(onward);
  }

  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    broken: () => broken,
    add: (url) => void backends.push({ url: new URL(url), failures: 0, isIn: false }),
    remove(url) {
      const at = backends.findIndex((backend) => backend.url.href === new URL(url).href);
      backends.splice(at, 1);
    },
    healthy: () => backends.filter(({ isIn }) => isIn).map(({ url }) => url.origin),
    async close() {
      clearInterval(checks);
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
