/** Short binary values that a client carries and cannot change: bytes, HMAC-SHA-256 cut to 128 bits, base64url. */
import { createHmac, timingSafeEqual } from 'node:crypto';

const MAC_BYTES = 16;

/** Whether it looks like a signed value of this kind at all, and whether it was signed here. */
export type Unsigned = 'malformed' | 'forged';

export interface Signer {
  /** `bytes` as long as the signer was made for. */
  sign(bytes: Buffer): string;
  /** The bytes that were signed. */
  open(text: string): Buffer | Unsigned;
}

/**
 * @param purpose makes a key of its own, so that what was signed for one purpose is forged for every other
 * @param length of the bytes: with the signature a multiple of 3, so that a text has no spare bits and one spelling
 */
export function createSigner(key: Buffer, purpose: string, length: number): Signer {
  const whole = length + MAC_BYTES;
  if (whole % 3 !== 0) {
    throw new RangeError(`${length} bytes and ${MAC_BYTES} of a signature are not a multiple of 3`);
  }
  const own = createHmac('sha256', key).update(purpose).digest();
  const macOf = (bytes: Buffer) => createHmac('sha256', own).update(bytes).digest().subarray(0, MAC_BYTES);
  const shape = new RegExp(`^[A-Za-z0-9_-]{${(whole / 3) * 4}}$`);
  return {
    sign: (bytes) => Buffer.concat([bytes, macOf(bytes)], whole).toString('base64url'),
    open(text) {
      if (!shape.test(text)) {
        return 'malformed';
      }
      const all = Buffer.from(text, 'base64url');
      const bytes = all.subarray(0, length);
      return timingSafeEqual(macOf(bytes), all.subarray(length)) ? bytes : 'forged';
    },
  };
}
