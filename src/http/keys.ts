/** Keys: list, make, revoke. And the ring that requests' keys are looked up in. */
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { type ApiKey, type LiveKey, type Role, insertKey, listKeys, loadLiveKeys, noteKeyInBrowser, noteKeysUsed, revokeKey } from '../storage/api-keys.ts';
import type { Database } from '../storage/database.ts';
import { createKey, hashKey } from '../storage/first-keys.ts';
import type { FoundKey, KeyRing } from './auth.ts';
import { Problem } from './problems.ts';
import { createReload } from './reload.ts';
import { NumberParams, Nullable, OneOf, ProblemBody, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';

const RoleName = OneOf(['publishable', 'secret', 'admin']);
const keyFields = {
  no: Type.Integer(), role: RoleName, name: Type.String(), hint: Type.String({ description: 'Its first characters' }), createdAt: Type.String(), lastUsedAt: Nullable(Type.String()), revokedAt: Nullable(Type.String()),
  refusedOrigin: Nullable(Type.String({ description: 'A page of another origin that sent this key, which must not be in a browser: revoke it' })), refusedAt: Nullable(Type.String()),
};

function shapeKey({ keyNo, ...key }: ApiKey) {
  const text = (time: Date | null) => time?.toISOString() ?? null;
  return { ...key, no: keyNo, createdAt: key.createdAt.toISOString(), lastUsedAt: text(key.lastUsedAt), revokedAt: text(key.revokedAt), refusedAt: text(key.refusedAt) };
}

/** A live key with its hash in hex. */
type LiveKeyHex = Pick<LiveKey, 'keyNo' | 'role'> & { readonly sha256: string };

/**
 * The keys that open doors now: those of the environment, always, and those of the database as last read.
 *
 * @param ownSecret a secret key that the process made for itself, and that ends with it; null: none
 */
export function createKeyRing(database: Database, given: Readonly<Record<Role, string | null>>, ownSecret: string | null = null): KeyRing & { reload(): Promise<void>; givenInPages(): number; restore(copied: readonly LiveKeyHex[]): void; flushUse(): Promise<void> } {
  const fixed = new Map<string, FoundKey>();
  for (const role of ['publishable', 'secret', 'admin'] as const) {
    const key = given[role];
    if (key !== null) {
      fixed.set(hashKey(key).toString('hex'), { keyNo: null, role });
    }
  }
  if (ownSecret !== null) {
    fixed.set(hashKey(ownSecret).toString('hex'), { keyNo: null, role: 'secret' });
  }
  let ring: ReadonlyMap<string, FoundKey> = fixed;
  let generation = 0;
  const used = new Set<number>();
  const refused = new Map<number, string>();
  /** Of the environment: such a key has no row to be noted in, and ends with the process. */
  const refusedGiven = new Set<Role>();

  function use(live: readonly LiveKeyHex[]): void {
    ring = new Map([...fixed, ...live.map(({ sha256, keyNo, role }) => [sha256, { keyNo, role }] as const)]);
    generation++;
  }

  return {
    find: (sha256Hex) => ring.get(sha256Hex),
    generation: () => generation,
    all: () => ring,
    reload: createReload(async () => use((await loadLiveKeys(database)).map((key) => ({ ...key, sha256: key.sha256.toString('hex') })))),
    restore: use,
    noteUse: (keyNo) => void used.add(keyNo),
    noteRefused({ keyNo, role }, origin) {
      if (keyNo === null) {
        refusedGiven.add(role);
      } else {
        refused.set(keyNo, origin);
      }
    },
    givenInPages: () => refusedGiven.size,
    async flushUse() {
      if (used.size > 0) {
        const numbers = [...used];
        used.clear();
        await noteKeysUsed(database, numbers);
      }
      for (const [keyNo, origin] of refused) {
        refused.delete(keyNo);
        await noteKeyInBrowser(database, keyNo, origin);
      }
    },
  };
}

export function keyRoutes({ database, keys }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/keys',
      { config: { role: 'admin' }, schema: { operationId: 'listKeys', tags: ['settings'], summary: 'Keys, without their secret part', response: { 200: Type.Object({ items: Type.Array(Type.Object(keyFields)) }), ...commonErrors } } },
      async () => ({ items: (await listKeys(database)).map(shapeKey) }),
    );
    app.post(
      '/v1/keys',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'createKey', tags: ['settings'], summary: 'Make a key', description: 'The answer is the only place where the whole key is ever shown.',
          body: Type.Object({ role: RoleName, name: Type.String({ minLength: 1, maxLength: 100, format: 'text' }) }, { additionalProperties: false, examples: [{ role: 'secret', name: 'backend, autumn' }] }),
          response: { 201: Type.Object({ ...keyFields, key: Type.String() }), ...commonErrors },
        },
      },
      async (request, reply) => {
        const { key, hint, sha256 } = createKey(request.body.role);
        const made = await insertKey(database, request.body.role, request.body.name, hint, sha256);
        await keys.reload();
        return reply.code(201).header('cache-control', 'no-store').send({ ...shapeKey(made), key });
      },
    );
    app.delete(
      '/v1/keys/:no',
      { config: { role: 'admin' }, schema: { operationId: 'revokeKey', tags: ['settings'], summary: 'Revoke a key', params: NumberParams('Number of the key'), response: { 204: Type.Null(), ...withNotFound, 409: ProblemBody } } },
      async (request, reply) => {
        if (request.params.no === request.keyNo) {
          throw new Problem('last-admin-key', `Key ${request.params.no} is the one this request was made with.`);
        }
        if (!(await revokeKey(database, request.params.no))) {
          throw new Problem('not-found', `There is no live key ${request.params.no}.`, { field: 'no' });
        }
        await keys.reload();
        return reply.code(204).send(null);
      },
    );
    done();
  };
}
