/**
 * Load in a process of its own: `node load.mjs '{"url", "key", "kind", "connections" | "rate", "seconds", "skipSeconds"}'` prints one line of JSON.
 *
 * With `connections` each sends its next request when it has its answer (closed: what can be done). With `rate` requests are sent at their times, whatever becomes of those before (open: what comes); each has
 * its time from when it was due, on a connection that is free or a new one. Most are opened before, as whoever stands before a service does: a storm of new ones would measure how long TCP takes to send again
 * what a full backlog dropped. What falls into the first `skipSeconds` is not counted.
 */
import { connect } from 'node:net';

const { url, key, kind, connections = 0, rate = 0, seconds, skipSeconds = 0 } = JSON.parse(process.argv[2]);
const { hostname, port } = new URL(url);
const READY_SOCKETS = 600;
const MAX_SOCKETS = 3_000;
let made = 0;

const common = `Host: ${hostname}\r\nAuthorization: Bearer ${key}\r\n`;
const REQUESTS = {
  lists: () => `GET /v1/users/u${(made++ * 7919) % 3000}/recommendations?limit=50&diversity=0.5&reasons=true HTTP/1.1\r\n${common}\r\n`,
  events: () => {
    const [template, places] = BATCHES[made % BATCHES.length];
    const request = Buffer.from(template);
    const number = String(made++).padStart(ID_DIGITS, '0');
    for (const place of places) {
      request.latin1Write(number, place);
    }
    return request;
  },
};

const ID_DIGITS = 9;
const BATCH_EVENTS = 100;
const PLACEHOLDER = 'x'.repeat(ID_DIGITS);
/** Requests with the places where each event's id has its number: to make them anew each time took a core of those that are measured. */
const BATCHES = Array.from({ length: kind === 'events' ? 30 : 0 }, (_, batch) => {
  const event = (_, k) => {
    const n = batch * BATCH_EVENTS + k;
    return { userId: `u${(n * 7919) % 3000}`, itemId: `i${n % 400}`, type: 'view', eventId: `${process.pid}-${k}-${PLACEHOLDER}` };
  };
  const body = JSON.stringify({ events: Array.from({ length: BATCH_EVENTS }, event) });
  const text = `POST /v1/events HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  return [Buffer.from(text), Array.from(text.matchAll(new RegExp(PLACEHOLDER, 'g')), ({ index }) => index)];
});

const accepted = [];
const refused = [];
let failed = 0;
let withoutRetryAfter = 0;
let unsent = 0;
let startMs = performance.now();
let countFromMs = startMs + skipSeconds * 1_000;
let endMs = startMs + seconds * 1_000;
const free = [];
let open = 0;

/** A connection that sends one request at a time. */
function openSocket(onFree) {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let dueMs = 0;
  let busy = false;
  /** Of an answer whose head has come, bytes still to come; -1 where none has. */
  let missing = -1;
  let status = 0;
  let saysWhen = false;
  open++;
  socket.on('data', (piece) => {
    if (missing < 0) {
      // A head comes in one piece. Bodies are counted and not looked at: whoever measures must be quicker than what is measured.
      const end = piece.indexOf('\r\n\r\n');
      const head = piece.latin1Slice(0, end);
      status = Number(head.slice(9, 12));
      saysWhen = /\r\nretry-after: \d/i.test(head);
      missing = Number(/content-length: (\d+)/i.exec(head)[1]) + end + 4;
    }
    missing -= piece.length;
    if (missing > 0) {
      return;
    }
    missing = -1;
    if (dueMs >= countFromMs && dueMs < endMs) {
      const ms = performance.now() - dueMs;
      if (status === 200) {
        accepted.push(ms);
      } else if (status === 503 || status === 429) {
        refused.push(ms);
        withoutRetryAfter += saysWhen ? 0 : 1;
      } else {
        failed++;
      }
    }
    busy = false;
    onFree(self);
  });
  socket.on('error', () => undefined).on('close', () => {
    open--;
    failed += busy ? 1 : 0;
    const at = free.indexOf(self);
    if (at >= 0) {
      free.splice(at, 1);
    }
  });
  const self = {
    send(due) {
      busy = true;
      dueMs = due;
      socket.write(REQUESTS[kind]());
    },
  };
  return self;
}

if (connections > 0) {
  for (let n = 0; n < connections; n++) {
    openSocket((self) => {
      if (performance.now() < endMs) {
        self.send(performance.now());
      }
    }).send(startMs);
  }
} else {
  for (let n = 0; n < READY_SOCKETS; n++) {
    free.push(openSocket((self) => free.push(self)));
    if (n % 50 === 49) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  startMs = performance.now();
  countFromMs = startMs + skipSeconds * 1_000;
  endMs = startMs + seconds * 1_000;
  let sent = 0;
  const tick = setInterval(() => {
    const now = Math.min(performance.now(), endMs);
    for (; sent < ((now - startMs) / 1_000) * rate; sent++) {
      const due = startMs + (sent / rate) * 1_000;
      const socket = free.pop() ?? (open < MAX_SOCKETS ? openSocket((self) => free.push(self)) : undefined);
      if (socket === undefined) {
        unsent++;
      } else {
        socket.send(due);
      }
    }
    if (now === endMs) {
      clearInterval(tick);
    }
  }, 2);
}
setTimeout(() => {
  const at = (values, p) => values.sort((a, b) => a - b)[Math.max(0, Math.ceil(p * values.length) - 1)] ?? null;
  process.stdout.write(`${JSON.stringify({ acceptedPerSecond: accepted.length / (seconds - skipSeconds), refusedPerSecond: refused.length / (seconds - skipSeconds), acceptedP99Ms: at(accepted, 0.99), refusedP99Ms: at(refused, 0.99), failed, withoutRetryAfter, unsent, sockets: open })}\n`);
  process.exit(0);
}, seconds * 1_000 + 1_500);
