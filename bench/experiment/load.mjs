/**
 * Open load, as a process of its own: so many requests a second at fixed times, whether answers have come or not, and each one's time from when it was due. A slow server cannot slow the clock that measures it.
 *
 *   fork(…, [url, key, rate]); send({ users: [...] }) begins; send('stop') ends it, and it answers with { sent, failed, p50, p99, most, sources }.
 */
import { Agent, get } from 'node:http';
import { createRandom } from '../../dist/model/random.js';

const [url, key, rate] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const random = createRandom(1);
const times = [];
const sources = {};
let [sent, failed, stopped] = [0, 0, false];

function ask(user, dueMs) {
  sent++;
  const request = get(`${url}/v1/users/${encodeURIComponent(user)}/recommendations?limit=10`, { agent, headers: { authorization: `Bearer ${key}` } }, (answer) => {
    let body = '';
    answer.setEncoding('utf8').on('data', (text) => (body += text)).on('end', () => {
      times.push(performance.now() - dueMs);
      if (answer.statusCode !== 200) failed++;
      const source = /"source":"(\w+)"/.exec(body)?.[1] ?? String(answer.statusCode);
      sources[source] = (sources[source] ?? 0) + 1;
    });
  });
  request.on('error', () => {
    failed++;
    times.push(Infinity);
  });
}

async function run(users) {
  const startMs = performance.now();
  for (let n = 0; !stopped; n++) {
    const dueMs = startMs + (n * 1000) / Number(rate);
    const wait = dueMs - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    // A timer fires late by up to a millisecond and more on a busy machine: that is the machine's, and counts all the same.
    ask(users[random.integer(users.length)], dueMs);
  }
  while (times.length < sent) await new Promise((resolve) => setTimeout(resolve, 10));
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  process.send({ sent, failed, p50: at(0.5), p99: at(0.99), most: sorted.at(-1), sources, seconds: (performance.now() - startMs) / 1000 }, () => process.exit(0));
}

process.on('message', (message) => {
  if (message === 'stop') stopped = true;
  else void run(message.users);
});
