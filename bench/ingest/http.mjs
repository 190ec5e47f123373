/** Events over HTTP: single ones against a bare route, and batches. */
import { createRandom } from '../../dist/model/random.js';
import { addRow, check, median } from '../train/table.mjs';
import { load } from './load.mjs';
import { KEY, createDatabase, query, startApp, startBare } from './server.mjs';

const USERS = 20_000;
const ITEMS = 5_000;

/** Events as a shop sends them: an id of the shop's own, a basket and a price for some. */
function createEvents(seed) {
  const random = createRandom(seed);
  let made = 0;
  return () => {
    const event = { userId: `user-${random.integer(USERS)}`, itemId: `item-${random.integer(ITEMS)}`, type: random.uniform() < 0.8 ? 'view' : 'purchase', eventId: `event-${seed}-${made++}` };
    return event.type === 'view' ? event : { ...event, quantity: 1 + random.integer(3), price: (1 + random.integer(9999)) / 100, groupId: `order-${made >> 2}` };
  };
}

const countEvents = async (url) => Number((await query(url, 'SELECT count(*) AS n FROM events'))[0].n);

export async function measureSingles({ serverUrl, rounds, seconds, connections = 64 }) {
  const database = await createDatabase(serverUrl);
  const [app, bare] = [await startApp(database.url), await startBare()];
  try {
    let acknowledged = 0;
    const onAnswer = (status, body) => {
      check(status === 200, `answered ${status}: ${body}`);
      acknowledged++;
    };
    const rate = async (url, seed, forSeconds, count) => {
      const next = createEvents(seed);
      const { answered, seconds: took } = await load({ url, path: '/v1/events', key: KEY, connections, seconds: forSeconds, next: () => JSON.stringify(next()), onAnswer: count ? onAnswer : undefined });
      return answered / took;
    };
    await rate(app.url, 1, 3, true);
    await rate(bare.url, 1, 2, false);
    const figures = [];
    for (let round = 0; round < rounds; round++) {
      const [ours, theirs] = [await rate(app.url, 100 + round, seconds, true), await rate(bare.url, 100 + round, seconds, false)];
      figures.push({ ours, theirs, ratio: ours / theirs });
    }
    const stored = await countEvents(database.url);
    check(stored === acknowledged, `${acknowledged} events acknowledged and ${stored} stored`);
    const figure = median(figures.map((one) => one.ratio));
    const { ours, theirs } = figures.find((one) => one.ratio === figure);
    addRow({ measure: `single events, ${connections} connections, against a bare route`, floor: 0.3, goal: 0.5, figure, best: 'high', raw: `${ours.toFixed(0)}/s acknowledged after COMMIT, bare ${theirs.toFixed(0)}/s; ${stored} rows` });
  } finally {
    await bare.stop();
    await app.stop();
    await database.drop();
  }
}

export async function measureBatches({ serverUrl, rounds, seconds, connections = 4, size = 1000 }) {
  const database = await createDatabase(serverUrl);
  const app = await startApp(database.url);
  try {
    let acknowledged = 0;
    let seed = 1000;
    // Made before the clock starts: what is measured is the service, not JSON.stringify here.
    const makeBodies = (count) => {
      const next = createEvents(seed++);
      return Array.from({ length: count }, () => JSON.stringify({ events: Array.from({ length: size }, next) }));
    };
    const rate = async (forSeconds) => {
      const bodies = makeBodies(Math.ceil(forSeconds * 130));
      let at = 0;
      const { answered, seconds: took } = await load({
        url: app.url, path: '/v1/events', key: KEY, connections, seconds: forSeconds,
        next: () => bodies[at++] ?? check(false, 'too few bodies were made'),
        onAnswer: (status, body) => {
          check(status === 200 && body.startsWith(`{"accepted":${size},`), `answered ${status}: ${body.slice(0, 300)}`);
          acknowledged += size;
        },
      });
      return (answered * size) / took;
    };
    await rate(2);
    const rates = [];
    for (let round = 0; round < rounds; round++) {
      rates.push(await rate(seconds));
    }
    const stored = await countEvents(database.url);
    check(stored === acknowledged, `${acknowledged} events acknowledged and ${stored} stored`);
    addRow({ measure: `batches of ${size}, ${connections} connections, 1,000 events/s`, floor: 40, goal: 80, figure: median(rates) / 1000, best: 'high', raw: `${rates.map((one) => one.toFixed(0)).join(', ')} events/s; ${stored} rows` });
  } finally {
    await app.stop();
    await database.drop();
  }
}
