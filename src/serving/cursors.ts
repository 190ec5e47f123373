/**
 * The cursor of a list's next page: which ranking it belongs to and where to go on. A page is cut from a ranking made anew, so it says from which model and which state of the user, and whoever finds
 * another one answers that the cursor is stale.
 *
 *   format u8 · model version u32 · user's state f64 · offset u16 · hash of the other parameters u32 · 1 byte of 0 · signature, 16 bytes       big-endian, 36 → 48 characters
 */
import { createSigner, type Unsigned } from './signing.ts';

const FORMAT = 1;
const BODY_BYTES = 20;

export interface CursorFields {
  /** 0: no model was live. */
  readonly modelVersion: number;
  /** Any number that changes when the user's state does; kept to the last bit. */
  readonly state: number;
  /** Items that came before, up to 65,535. */
  readonly offset: number;
  /** `hashText` of everything else that was asked for, whose list it is included. */
  readonly parameters: number;
}

export interface Cursors {
  /** @throws RangeError for a field that does not fit */
  issue(fields: CursorFields): string;
  read(text: string): CursorFields | Unsigned;
}

/** @param key the secret `tokens` */
export function createCursors(key: Buffer): Cursors {
  const signer = createSigner(key, 'cursor', BODY_BYTES);
  const body = Buffer.alloc(BODY_BYTES);
  return {
    issue({ modelVersion, state, offset, parameters }) {
      body.writeUInt8(FORMAT, 0);
      body.writeUInt32BE(modelVersion, 1);
      body.writeDoubleBE(state, 5);
      body.writeUInt16BE(offset, 13);
      body.writeUInt32BE(parameters, 15);
      return signer.sign(body);
    },
    read(text) {
      const bytes = signer.open(text);
      if (typeof bytes === 'string') {
        return bytes;
      }
      if (bytes.readUInt8(0) !== FORMAT) {
        return 'malformed';
      }
      return { modelVersion: bytes.readUInt32BE(1), state: bytes.readDoubleBE(5), offset: bytes.readUInt16BE(13), parameters: bytes.readUInt32BE(15) };
    },
  };
}
