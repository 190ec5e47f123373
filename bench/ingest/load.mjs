/** A load generator over plain sockets: it takes a fraction of what `fetch` takes of the two cores, and the same against every server. */
import { connect } from 'node:net';

/**
 * Sends requests on `connections` sockets, each the next one after the answer to the last, for `seconds`.
 *
 * @param next called for each request: its body. @param onAnswer called with each answer's status and body
 * @returns requests answered and the seconds they took
 */
export async function load({ url, path, key, connections, seconds, next, type = 'application/json', onAnswer = () => {} }) {
  const { hostname, port } = new URL(url);
  const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${type}\r\nContent-Length: `;
  let answered = 0;
  const startedMs = performance.now();
  const endsMs = startedMs + seconds * 1000;
  await Promise.all(
    Array.from({ length: connections }, () => new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.setNoDelay(true);
      let pieces = [];
      let length = 0;
      let wanted = -1;
      let bodyAt = 0;
      const send = () => {
        const body = next();
        socket.write(`${head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
      };
      const close = () => {
        socket.destroy();
        resolve();
      };
      socket.on('connect', send).on('error', reject).on('close', resolve);
      socket.on('data', (piece) => {
        pieces.push(piece);
        length += piece.length;
        if (wanted < 0) {
          const text = Buffer.concat(pieces).toString('latin1');
          const end = text.indexOf('\r\n\r\n');
          if (end < 0) {
            return;
          }
          bodyAt = end + 4;
          wanted = bodyAt + Number(/content-length: (\d+)/i.exec(text)[1]);
        }
        if (length < wanted) {
          return;
        }
        const answer = Buffer.concat(pieces).toString('utf8');
        pieces = [];
        length = 0;
        wanted = -1;
        answered++;
        onAnswer(Number(answer.slice(9, 12)), answer.slice(bodyAt));
        if (performance.now() < endsMs) {
          send();
        } else {
          close();
        }
      });
    })),
  );
  return { answered, seconds: (performance.now() - startedMs) / 1000 };
}
