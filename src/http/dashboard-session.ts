/**
 * The dashboard's session: a cookie that stands for the admin key somebody logged in with, so that the key itself is nowhere in the browser.
 *
 * The cookie is signed and holds until when it is good and a keyed hash of the key; nothing is stored, every replica knows it, and it ends with its key: one that is revoked is not found any more.
 */
import { createHmac } from 'node:crypto';
import { createSigner } from '../serving/signing.ts';
import type { FoundKey, KeyRing } from './auth.ts';

export const SESSION_SECONDS = 12 * 3600;
/** Milliseconds since 1970 as 48 bits, then the keyed hash. */
const TIME_BYTES = 6;
const MARK_BYTES = 20;
/** So that one that strays into a URL is known, and cut from the log. */
const PREFIX = 'ds_';

export interface DashboardSessions {
  readonly cookieName: string;
  /** The header `Set-Cookie` for whoever sent a key with this SHA-256. */
  begin(sha256Hex: string): string;
  /** The header that ends one. */
  end(): string;
  /** The admin key that the cookies stand for, where it still opens doors. */
  find(cookies: string): FoundKey | undefined;
}

/**
 * @param key the secret `tokens` of this database
 * @param https browsers come by https: the cookie is never sent another way, and no other host can set it
 */
export function createDashboardSessions(key: Buffer, ring: KeyRing, https: boolean, now: () => number): DashboardSessions {
  const signer = createSigner(key, 'dashboard session', TIME_BYTES + MARK_BYTES);
  const own = createHmac('sha256', key).update('dashboard session: key').digest();
  const markOf = (sha256Hex: string) => createHmac('sha256', own).update(sha256Hex).digest().subarray(0, MARK_BYTES);
  const cookieName = https ? '__Host-jongleur' : 'jongleur';
  const shape = new RegExp(`(?:^|;)\\s*${cookieName}=${PREFIX}([A-Za-z0-9_-]+)`);
  const attributes = `Path=/; HttpOnly; SameSite=Strict${https ? '; Secure' : ''}`;
  let admins = new Map<string, FoundKey>();
  let generation = -1;

  function adminOf(mark: string): FoundKey | undefined {
    if (ring.generation() !== generation) {
      generation = ring.generation();
      admins = new Map([...ring.all()].filter(([, found]) => found.role === 'admin').map(([sha256Hex, found]) => [markOf(sha256Hex).toString('hex'), found]));
    }
    return admins.get(mark);
  }

  return {
    cookieName,
    begin(sha256Hex) {
      const bytes = Buffer.alloc(TIME_BYTES + MARK_BYTES);
      bytes.writeUIntBE(now() + SESSION_SECONDS * 1000, 0, TIME_BYTES);
      markOf(sha256Hex).copy(bytes, TIME_BYTES);
      return `${cookieName}=${PREFIX}${signer.sign(bytes)}; ${attributes}; Max-Age=${SESSION_SECONDS}`;
    },
    end: () => `${cookieName}=; ${attributes}; Max-Age=0`,
    find(cookies) {
      const text = shape.exec(cookies)?.[1];
      const bytes = text === undefined ? 'malformed' : signer.open(text);
      if (typeof bytes === 'string' || bytes.readUIntBE(0, TIME_BYTES) <= now()) {
        return undefined;
      }
      return adminOf(bytes.subarray(TIME_BYTES).toString('hex'));
    },
  };
}
