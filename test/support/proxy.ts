/** A wire between the service and Postgres that can be cut at a COMMIT, reset, made slow, and that can swallow everything. */
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** `cut-before`: the next COMMIT never arrives. `cut-after`: it is carried out, and its answer never arrives. */
export type Fault = 'none' | 'cut-before' | 'cut-after';

const COMMIT_QUERY = Buffer.from('COMMIT\0');
/** CommandComplete of a COMMIT. */
const COMMIT_DONE = Buffer.from('COMMIT\0');

export interface Proxy {
  readonly url: string;
  /** Faults still to come, one a COMMIT. */
  readonly faults: Fault[];
  /** No new connections. */
  away: boolean;
  /** What comes takes so much longer, ms, on either side. */
  delayMs: number;
  /** After a fault: whether all of it breaks and stays away. */
  awayAfterFault: boolean;
  /** Nothing arrives any more, on either side, and nothing breaks. */
  hang(): void;
  /** All connections break now, as by a firewall that forgot them. */
  reset(): void;
  /** All that was held back arrives. */
  resume(): void;
  close(): Promise<void>;
}

export async function startProxy(databaseUrl: string): Promise<Proxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let hangs = false;
  const server = createServer((client) => {
    if (proxy.away) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    let dropAnswer = false;
    let broken = false;
    /** In order, however late. */
    const pass = (to: Socket, bytes: Buffer) => {
      if (proxy.delayMs === 0) {
        to.write(bytes);
      } else {
        setTimeout(() => to.write(bytes), proxy.delayMs);
      }
    };
    const cut = () => {
      if (proxy.awayAfterFault) {
        proxy.away = true;
        sockets.forEach((socket) => socket.destroy());
      }
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined).on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (broken) {
        return;
      }
      const at = bytes.indexOf(COMMIT_QUERY);
      // The message's kind and length stand before its text.
      const fault = at < 5 || bytes[at - 5] !== 0x51 ? 'none' : (proxy.faults.shift() ?? 'none');
      if (fault === 'cut-before') {
        broken = true;
        upstream.write(bytes.subarray(0, at - 5), () => setTimeout(cut, 50));
        return;
      }
      dropAnswer = fault === 'cut-after';
      pass(upstream, bytes);
    });
    upstream.on('data', (bytes) => {
      const at = dropAnswer ? bytes.indexOf(COMMIT_DONE) : -1;
      if (at >= 0) {
        client.write(bytes.subarray(0, at - 5), cut);
        return;
      }
      pass(client, bytes);
    });
    if (hangs) {
      client.pause();
      upstream.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const proxy: Proxy = {
    url: url.href, faults: [], away: false, delayMs: 0, awayAfterFault: false,
    hang() {
      hangs = true;
      sockets.forEach((socket) => socket.pause());
    },
    reset() {
      sockets.forEach((socket) => socket.resetAndDestroy());
    },
    resume() {
      hangs = false;
      sockets.forEach((socket) => socket.resume());
    },
    async close() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
