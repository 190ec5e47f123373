/**
 * Open load, as a process of its own: so many requests a second at fixed times, whether answers have come or not, and each one's time from when it was due. A slow server cannot slow the clock that measures it.
 *
 *   fork(…, [url, key, rate]); send({ users: [...] }) begins; send('count') begins to count, send('stop') ends it, and it answers with { sent, failed, p50, p99, most, sources, stalls }.
 */
import { Agent, get } from 'node:http';
import { createRandom } from '../../dist/model/random.js';

const [url, key, rate] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const random = createRandom(1);
/** Answers that took longer belong to a stall. */
const stallMs = 25;
let times = [];
let sources = {};
/** When, in seconds since counting began, and for how long answers stood still. */
let stalls = [];
let [sent, failed, round, stopped, countedMs] = [0, 0, 0, false, 0];

function note(ofRound, dueMs, tookMs) {
  if (ofRound !== round) {
    return;
  }
  times.push(tookMs);
  const at = (dueMs - countedMs) / 1000;
  if (tookMs <= stallMs) {
    return;
  }
  const last = stalls.at(-1);
  if (last !== undefined && at < last.at + last.ms / 1000 + 0.1) {
    last.ms = Math.max(last.ms, tookMs);
  } else {
    stalls.push({ at, ms: tookMs });
  }
}

function ask(user, dueMs) {
  const ofRound = round;
  sent++;
  const request = get(`${url}/v1/users/${encodeURIComponent(user)}/recommendations?limit=10`, { agent, headers: { authorization: `Bearer ${key}` } }, (answer) => {
    let body = '';
    answer.setEncoding('utf8').on('data', (text) => (body += text)).on('end', () => {
      note(ofRound, dueMs, performance.now() - dueMs);
      if (answer.statusCode !== 200) failed++;
      const source = /"source":"(\w+)"/.exec(body)?.[1] ?? String(answer.statusCode);
      sources[source] = (sources[source] ?? 0) + 1;
    });
  });
  request.on('error', () => {
    failed++;
    note(ofRound, dueMs, Infinity);
  });
}

async function run(users) {
  const startMs = performance.now();
  for (let n = 0; !stopped; n++) {
    const dueMs = startMs + (n * 1000) / Number(rate);
    const wait = dueMs - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    // A timer fires late by up to a millisecond and more on a busy machine: that is the machine's, and counts all the same.
    // One that fires early by a fraction of a millisecond is counted from then.
    ask(users[random.integer(users.length)], Math.min(dueMs, performance.now()));
  }
  while (times.length < sent) await new Promise((resolve) => setTimeout(resolve, 10));
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  process.send({ sent, failed, p50: at(0.5), p99: at(0.99), most: sorted.at(-1), sources, stalls, seconds: (performance.now() - countedMs) / 1000 }, () => process.exit(0));
}

process.on('message', (message) => {
  if (message === 'stop') stopped = true;
  else if (message === 'count') {
    [times, sources, stalls, sent, countedMs] = [[], {}, [], 0, performance.now()];
    round++;
  } else void run(message.users);
});
