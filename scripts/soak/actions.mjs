/**
 * What a shop does all day, each as one action with its weight. Shoppers and items are the demo's; each shopper has a set of items of their own, and as many events are erased with their shoppers, who come
 * again, as are sent: so that data come to an end of growing while requests go on. Guests, items, keys, scenarios and imports come and go. An action throws where an answer is not the one it must be.
 */
import { gzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';

const USERS = 2_000;
const ITEMS = 1_000;
const LIKED = 30;
const PASSING_ITEMS = 50;
const MOST_REFUSALS = 5;
const REFUSED_FOR_LOAD = new Set(['overloaded', 'imports-busy']);
const TYPES = ['view', 'view', 'view', 'cart', 'purchase'];

/** @param call of the server: (method, path, { role, body, headers, type }) → { status, json, text, retryAfter } @param random 0 to 1, seeded @param onShed called for each request that is refused for load and sent again */
export function createActions(call, random, onShed) {
  const below = (n) => Math.floor(random() * n);
  const user = () => 1 + below(USERS);
  const likedBy = (no) => `item-${1 + ((no * 37 + below(LIKED) * 211) % ITEMS)}`;
  const item = () => `item-${1 + below(ITEMS)}`;
  let passing = 0;
  const next = (name) => `${name}-${++passing}`;
  const event = (no = user(), userId = `user-${no}`) => {
    const type = TYPES[below(TYPES.length)];
    return { userId, itemId: likedBy(no), type, ...(type === 'purchase' ? { quantity: 1 + below(3), price: 5 + below(90), groupId: `basket-${no}-${below(50)}` } : {}) };
  };

  async function expect(statuses, method, path, options = {}) {
    let answer = await call(method, path, { role: 'secret', ...options });
    // Refused because the machine, or imports, have too much to do: sent again when it is told to, as a client does. What stays refused has failed.
    for (let again = 0; again < MOST_REFUSALS && REFUSED_FOR_LOAD.has(answer.json?.code); again++) {
      onShed();
      await sleep(1000 * answer.retryAfter);
      answer = await call(method, path, { role: 'secret', ...options });
    }
    if (![statuses].flat().includes(answer.status)) {
      throw new Error(`${method} ${path.slice(0, 120)} answered ${answer.status}: ${answer.text.slice(0, 300)}`);
    }
    return answer.json;
  }
  const get = (path, options) => expect(200, 'GET', path, options);
  const post = (path, body, options) => expect(200, 'POST', path, { body, ...options });
  const list = (no) => `/v1/users/user-${no}/recommendations`;

  async function importAndUndo() {
    const rows = Array.from({ length: 500 }, () => event()).map(({ userId, itemId, type }, n) => `${userId},${itemId},${type},2026-0${1 + (n % 9)}-11T10:00:${String(n % 60).padStart(2, '0')}Z`);
    const file = gzipSync(`user,item,type,time\n${rows.join('\n')}\n`);
    const { no } = await post(`/v1/imports?source=${next('soak')}.csv`, file, { type: 'application/gzip' });
    for (let state = 'running'; state === 'running'; ({ state } = await get(`/v1/imports/${no}`))) {
      await sleep(100);
    }
    await expect(200, 'DELETE', `/v1/imports/${no}`);
  }

  async function guest() {
    const { userId, token } = await expect(201, 'POST', '/v1/sessions', { role: 'publishable' });
    const headers = { 'x-shopper-token': token };
    await post('/v1/events', { events: [event(1, userId), event(2, userId)] }, { role: 'publishable', headers });
    await get(`/v1/users/${userId}/recommendations`, { role: 'publishable', headers });
    if (random() < 0.5) {
      await expect([200, 404], 'PUT', `/v1/users/user-${user()}/merge/${userId}`);
    } else {
      await expect(200, 'DELETE', `/v1/users/${userId}`);
    }
  }

  async function key() {
    const made = await expect(201, 'POST', '/v1/keys', { role: 'admin', body: { role: 'secret', name: 'soak' } });
    await expect(200, 'GET', list(user()), { role: null, headers: { authorization: `Bearer ${made.key}` } });
    await expect(204, 'DELETE', `/v1/keys/${made.no}`, { role: 'admin' });
    await expect(401, 'GET', list(user()), { role: null, headers: { authorization: `Bearer ${made.key}` } });
  }

  async function passingItem() {
    const path = `/v1/items/passing-${below(PASSING_ITEMS)}`;
    await expect(200, 'PUT', path, { body: { title: next('Passing item'), price: below(100), categories: ['shoes'], attributes: { brand: `brand-${below(20)}` } } });
    // Another client may have taken it away in between.
    await expect([200, 404], 'PATCH', path, { body: { price: 5 } });
    await expect([200, 404], 'GET', path);
    await expect([204, 404], 'DELETE', path);
  }

  async function scenario() {
    const name = `soak-${below(5)}`;
    await expect(200, 'PUT', `/v1/scenarios/${name}`, { role: 'admin', body: { diversity: random(), boosts: [{ filter: 'price < 50', amount: 1 }] } });
    await get(`${list(user())}?limit=5`);
  }

  const query = () => ['limit=20', `filter=${encodeURIComponent(`price < ${10 + below(90)}`)}`, `diversity=0.${below(10)}`, 'reasons=true', 'fields=title,price', 'explore=0.1', `rotation=0.${below(9)}`].filter(() => random() < 0.5).join('&');

  return [
    [30, 'list', () => get(`${list(user())}?limit=10`)],
    [12, 'steered list', () => get(`${list(user())}?${query()}`)],
    [4, 'list by body', () => post(list(user()), { limit: 10, boosts: [{ filter: 'price < 30', amount: 1.5 }], exclude: [item()] })],
    [5, 'similar', () => get(`/v1/items/${item()}/similar?limit=10`, { role: 'publishable' })],
    [2, 'similar to several', () => post('/v1/items/similar', { itemIds: [item(), item()] }, { role: 'publishable' })],
    [2, 'together', () => get(`/v1/items/${item()}/together`)],
    [4, 'session', () => post('/v1/sessions/recommendations', { items: [{ itemId: item() }, { itemId: item() }] }, { role: 'publishable' })],
    [3, 'trending', () => get('/v1/trending', { role: 'publishable' })],
    [2, 'newest', () => get('/v1/newest', { role: 'publishable' })],
    [2, 'reasons', () => { const no = user(); return expect([200, 404], 'GET', `${list(no)}/${likedBy(no)}/reasons`); }],
    [0.5, 'batch', () => post('/v1/recommendations/batch', { userIds: Array.from({ length: 50 }, () => `user-${user()}`) })],
    [0.5, 'audience', () => expect([200, 404], 'GET', `/v1/items/${item()}/audience`)],
    [20, 'event', () => post('/v1/events', event())],
    [4, 'events', () => post('/v1/events', { events: Array.from({ length: 20 }, () => event()) })],
    [0.5, 'event lines', () => post('/v1/events', Array.from({ length: 200 }, () => JSON.stringify(event())).join('\n'), { type: 'application/x-ndjson' })],
    [0.5, 'packed event lines', () => post('/v1/events', gzipSync(Array.from({ length: 200 }, () => JSON.stringify(event())).join('\n')), { type: 'application/x-ndjson', headers: { 'content-encoding': 'gzip' } })],
    [2, 'rating', async () => { const no = user(); const path = `/v1/users/user-${no}/ratings/${likedBy(no)}`; await expect(200, 'PUT', path, { body: { value: 1 + below(5) } }); await expect(200, 'DELETE', path); }],
    [0.15, 'import, undone', importAndUndo],
    [1.5, 'guest, merged or erased', guest],
    // Three events an action come in, and some seventy go with a shopper.
    [4, 'erasure', () => expect([200, 404], 'DELETE', `/v1/users/user-${user()}`)],
    [1, 'passing item', passingItem],
    [0.3, 'catalogue', () => post('/v1/items', { items: Array.from({ length: 50 }, () => ({ itemId: item(), price: 5 + below(90) })) })],
    [0.3, 'key', key],
    [0.3, 'scenario', scenario],
    [0.5, 'token', async () => { const no = user(); const { token } = await expect(201, 'POST', '/v1/tokens', { body: { userId: `user-${no}` } }); await get(list(no), { role: 'publishable', headers: { 'x-shopper-token': token } }); }],
    [0.5, 'export', () => expect([200, 404], 'GET', `/v1/users/user-${user()}/export`)],
    [1, 'pages', () => get(['/v1/items?limit=50', '/v1/users?limit=50', '/v1/events?limit=50', '/v1/imports', '/v1/items/schema'][below(5)])],
    [0.5, 'settings', () => get(['/v1/settings', '/v1/keys', '/v1/models', '/v1/training-runs', '/v1/scenarios'][below(5)], { role: 'admin' })],
    [0.5, 'refusal', () => expect(400, 'POST', '/v1/events', { body: { userId: 'u', itemId: '', type: 'view' } })],
    [0.5, 'page', () => get(['/health/ready', '/openapi.json', '/docs/errors', '/dashboard'][below(4)], { role: null })],
  ];
}
