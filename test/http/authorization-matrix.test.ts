/**
 * Who may call what, as a table: every operation of /openapi.json, once for each thing that a caller can show. An operation that is not in the table fails.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEYS, type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

type Access = 'open' | 'publishable' | 'shopper' | 'secret' | 'admin';
type Shown = 'nothing' | 'pk' | 'pk + token' | 'pk + another’s token' | 'pk + forged token' | 'sk' | 'sk + token' | 'sk, foreign page' | 'ak' | 'ak, own page' | 'session' | 'session, foreign page' | 'session, no origin' | 'revoked' | 'malformed';
/** `nobody`: it names no shopper, so anybody's token will do. */
type Row = readonly [access: Access, status: number, body?: unknown, path?: string, names?: 'own' | 'nobody'];

const OWN = 'user-1';
const event = { userId: OWN, itemId: 'item-1', type: 'view' };

/** Access, the status for whoever is let in, a body, and a path where the parameters are not 1 and the user not `user-1`. */
const TABLE: Readonly<Record<string, Row | readonly Row[]>> = {
  healthLive: ['open', 200],
  healthReady: ['open', 200],
  getTrending: ['publishable', 200],
  getNewest: ['publishable', 200],
  getSimilarItems: [['publishable', 200, undefined, '/v1/items/item-1/similar'], ['shopper', 200, undefined, `/v1/items/item-1/similar?userId=${OWN}`]],
  postSimilarItems: [['publishable', 200, { itemIds: ['item-1'] }], ['shopper', 200, { itemIds: ['item-1'], userId: OWN }]],
  postSessionRecommendations: ['publishable', 200, { items: [{ itemId: 'item-1' }] }],
  beginSession: ['publishable', 201],
  getRecommendations: ['shopper', 200],
  postRecommendations: ['shopper', 200, { limit: 1 }],
  getReasons: ['shopper', 404],
  postEvents: [['shopper', 200, event], ['shopper', 200, { events: [event] }], ['secret', 200, { events: [event, { ...event, userId: 'user-2' }] }]],
  postRatings: ['shopper', 200, { userId: OWN, itemId: 'item-1', value: 4 }],
  putRating: ['shopper', 200, { value: 5 }, `/v1/users/${OWN}/ratings/item-1`],
  deleteRating: ['shopper', 200, undefined, `/v1/users/${OWN}/ratings/item-1`],
  getItemsBoughtTogether: ['secret', 404],
  postItemsBoughtTogether: ['secret', 404, { itemIds: ['1'] }],
  postRecommendationBatch: ['secret', 200, { userIds: [OWN] }],
  getAudience: ['secret', 404],
  listEvents: ['secret', 200],
  startImport: ['secret', 415, {}],
  previewImport: ['secret', 415, {}],
  listQuarantine: ['secret', 404],
  listImports: ['secret', 200],
  getImport: ['secret', 404],
  followImport: ['secret', 404],
  listImportErrors: ['secret', 404],
  cancelImport: ['secret', 404],
  undoImport: ['secret', 404],
  putItem: ['secret', 200, { title: 'one' }, '/v1/items/item-1'],
  patchItem: ['secret', 404, { title: 'two' }],
  getItemSchema: ['secret', 200],
  getItem: ['secret', 404],
  deleteItem: ['secret', 404],
  listItems: ['secret', 200],
  postItems: ['secret', 200, { items: [{ itemId: 'item-1', price: 1 }] }],
  listUsers: ['secret', 200],
  getUser: ['secret', 200],
  exportUser: ['secret', 200],
  listUserEvents: ['secret', 200],
  eraseUser: ['secret', 404, undefined, '/v1/users/nobody'],
  mergeUsers: ['secret', 404, undefined, `/v1/users/${OWN}/merge/nobody`],
  listEventTypes: ['secret', 200],
  listScenarios: ['secret', 200],
  listParameters: ['secret', 200],
  getScenario: ['secret', 404, undefined, '/v1/scenarios/nowhere'],
  createToken: ['secret', 201, { userId: OWN }],
  getOverview: ['secret', 200],
  getLiveMetrics: ['secret', 200],
  getMetrics: ['secret', 200],
  listAlerts: ['secret', 200],
  postImpressions: ['shopper', 200, { recommendationIds: ['none'] }, undefined, 'nobody'],
  putEventTypes: ['admin', 200, { items: [{ name: 'view', weight: 1 }] }],
  putScenario: ['admin', 200, {}, '/v1/scenarios/matrix'],
  deleteScenario: ['admin', 404, undefined, '/v1/scenarios/nowhere'],
  getDataQuality: ['admin', 404],
  checkDataQuality: ['admin', 200],
  getEventsPerDay: ['admin', 200],
  getLongTail: ['admin', 200],
  getActivity: ['admin', 200],
  getValueDistributions: ['admin', 200],
  getSparsity: ['admin', 200],
  getCategoryMix: ['admin', 200],
  getItemMap: ['admin', 404],
  startTrainingRun: ['admin', 400, { search: 'never' }],
  listTrainingRuns: ['admin', 200],
  getTrainingRun: ['admin', 404],
  cancelTrainingRun: ['admin', 404],
  followTrainingRun: ['admin', 404],
  listModels: ['admin', 200],
  getModel: ['admin', 404],
  activateModel: ['admin', 404],
  rejectModel: ['admin', 404],
  listExperiments: ['admin', 200],
  createExperiment: ['admin', 201, { name: 'matrix', variants: [{ name: 'a', share: 0.5 }, { name: 'b', share: 0.5 }] }],
  getExperiment: ['admin', 404, undefined, '/v1/experiments/nothing'],
  deleteExperiment: ['admin', 404, undefined, '/v1/experiments/nothing'],
  startExperiment: ['admin', 404, undefined, '/v1/experiments/nothing/start'],
  stopExperiment: ['admin', 404, undefined, '/v1/experiments/nothing/stop'],
  promoteVariant: ['admin', 404, { variant: 'a' }, '/v1/experiments/nothing/promote'],
  getSettings: ['admin', 200],
  listSettingRules: ['admin', 200],
  getInstallation: ['admin', 200],
  changeSettings: ['admin', 200, {}],
  listKeys: ['admin', 200],
  createKey: ['admin', 201, { role: 'publishable', name: 'matrix' }],
  revokeKey: ['admin', 404, undefined, '/v1/keys/999999'],
  listTokenSecrets: ['admin', 200],
  createTokenSecret: ['admin', 409],
  deleteTokenSecret: ['admin', 404],
};

const FOREIGN = { origin: 'https://elsewhere.example' };
/** As Fastify's `inject` names the host. */
const OWN_PAGE = { origin: 'http://localhost:80', host: 'localhost:80' };
const MAY: Readonly<Record<Exclude<Access, 'open'>, readonly Shown[]>> = {
  publishable: ['pk', 'pk + token', 'pk + another’s token', 'sk', 'sk + token', 'ak', 'ak, own page', 'session'],
  shopper: ['pk + token', 'sk', 'sk + token', 'ak', 'ak, own page', 'session'],
  secret: ['sk', 'ak', 'ak, own page', 'session'],
  admin: ['ak', 'ak, own page', 'session'],
};
const UNKNOWN: ReadonlySet<Shown> = new Set(['nothing', 'pk + forged token', 'session, foreign page', 'session, no origin', 'revoked', 'malformed']);

function expected([access, status, , , names = 'own']: Row, shown: Shown, method: string): number {
  if (names === 'nobody' && shown === 'pk + another’s token') {
    return status;
  }
  if (access === 'open') {
    return status;
  }
  // A browser sends no Origin with a GET of the page's own server.
  const may = MAY[access].includes(shown) || (shown === 'session, no origin' && method === 'GET');
  return may ? status : UNKNOWN.has(shown) ? 401 : 403;
}

const rowsOf = (entry: Row | readonly Row[]): readonly Row[] => (typeof entry[0] === 'string' ? [entry as Row] : (entry as readonly Row[]));

describe('the authorization matrix', () => {
  let service: Service;
  let operations: { id: string; method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'; path: string; security: Record<string, string[]>[] }[];
  let headersOf: Record<Shown, Record<string, string>>;

  beforeAll(async () => {
    service = await startService();
    const { paths } = (await service.call('GET', '/openapi.json', undefined, null)).json as { paths: Record<string, Record<string, { operationId: string; security: Record<string, string[]>[] }>> };
    operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, { operationId, security }]) => ({ id: operationId, method: method.toUpperCase() as 'GET', path, security })));
    await service.call('PUT', '/v1/items/item-1', { title: 'one' });
    await service.call('POST', '/v1/events', { events: [event, { ...event, userId: 'user-2' }] });
    await service.call('POST', '/v1/token-secrets');
    await service.call('POST', '/v1/token-secrets');
    const gone = (await service.call('POST', '/v1/keys', { role: 'admin', name: 'gone' })).json as { key: string; no: number };
    expect((await service.call('DELETE', `/v1/keys/${gone.no}`)).status).toBe(204);
    const tokenOf = async (userId: string) => (await service.call('POST', '/v1/tokens', { userId })).json.token as string;
    const [own, another] = [await tokenOf(OWN), await tokenOf('user-2')];
    const login = await service.call('POST', '/dashboard/session', { key: KEYS.admin }, null, OWN_PAGE);
    const cookie = String(login.headers['set-cookie']).split(';')[0];
    const pk = { authorization: `Bearer ${KEYS.publishable}` };
    const sk = { authorization: `Bearer ${KEYS.secret}` };
    const ak = { authorization: `Bearer ${KEYS.admin}` };
    headersOf = {
      nothing: {}, pk, 'pk + token': { ...pk, 'x-shopper-token': own }, 'pk + another’s token': { ...pk, 'x-shopper-token': another },
      // The other's claims under the own signature.
      'pk + forged token': { ...pk, 'x-shopper-token': [...another.split('.').slice(0, 2), own.split('.')[2]].join('.') },
      sk, 'sk + token': { ...sk, 'x-shopper-token': own }, 'sk, foreign page': { ...sk, ...FOREIGN }, ak, 'ak, own page': { ...ak, ...OWN_PAGE },
      session: { cookie, ...OWN_PAGE }, 'session, foreign page': { cookie, host: OWN_PAGE.host, ...FOREIGN }, 'session, no origin': { cookie },
      revoked: { authorization: `Bearer ${gone.key}` }, malformed: { authorization: `Bearer ${KEYS.admin.slice(0, -1)}!` },
    };
  });
  afterAll(async () => await service.stop());

  it('has every operation, and no other', () => {
    expect(Object.keys(TABLE).toSorted()).toEqual(operations.map(({ id }) => id).toSorted());
  });

  it('is what the service does', async () => {
    const faults: string[] = [];
    let calls = 0;
    for (const { id, method, path } of operations) {
      for (const row of rowsOf(TABLE[id])) {
        const [, , body, own] = row;
        const url = own ?? path.replace('{userId}', OWN).replaceAll(/\{\w+\}/g, '1');
        for (const shown of Object.keys(headersOf) as Shown[]) {
          const answer = await service.call(method, url, body, null, headersOf[shown]);
          calls++;
          const wanted = expected(row, shown, method);
          if (answer.status !== wanted) {
            faults.push(`${id} with ${shown}: ${answer.status} instead of ${wanted}: ${answer.text.slice(0, 200)}`);
          }
          if (wanted === 401 || wanted === 403) {
            expectProblem(answer, wanted, answer.json.code);
          }
        }
      }
    }
    expect(faults).toEqual([]);
    expect(calls).toBeGreaterThan(900);
  });

  it('is what /openapi.json says', () => {
    const security: Record<Access, object[]> = { open: [], publishable: [{ key: ['publishable'] }], shopper: [{ key: ['publishable'], shopperToken: [] }, { key: ['secret'] }], secret: [{ key: ['secret'] }], admin: [{ key: ['admin'] }] };
    for (const { id, security: said } of operations) {
      expect([id, said]).toEqual([id, security[rowsOf(TABLE[id])[0][0]]]);
    }
  });

  it('says the same of users that exist and of those that do not', async () => {
    const headers = headersOf['pk + another’s token'];
    const told = async (userId: string) => {
      const asked = [
        await service.call('GET', `/v1/users/${userId}/recommendations`, undefined, null, headers),
        await service.call('PUT', `/v1/users/${userId}/ratings/item-1`, { value: 1 }, null, headers),
        await service.call('POST', '/v1/events', { ...event, userId }, null, headers),
        await service.call('POST', '/v1/events', { events: [{ ...event, userId: 'user-2' }, { ...event, userId }] }, null, headers),
        await service.call('POST', '/v1/ratings', { userId, itemId: 'item-1', value: 3 }, null, headers),
        await service.call('GET', `/v1/items/item-1/similar?userId=${userId}`, undefined, null, headers),
        await service.call('POST', '/v1/items/similar', { itemIds: ['item-1'], userId }, null, headers),
      ];
      return asked.map(({ status, json }) => ({ status, ...json, requestId: '' }));
    };
    const before = (await service.database.query('SELECT count(*)::int AS n FROM events')).rows[0].n;
    const [of, ofNobody] = [await told(OWN), await told('nobody-at-all')];
    expect(of).toEqual(ofNobody);
    expect(of.map(({ status, code }) => [status, code])).toEqual(Array.from({ length: 7 }, () => [403, 'token-user']));
    // Nothing was stored, not even the event that was their own.
    expect((await service.database.query('SELECT count(*)::int AS n FROM events')).rows[0].n).toBe(before);
  });
});
