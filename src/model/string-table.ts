/** Many strings as bytes and offsets: the ids of a snapshot. */
import { atOnce, type InPieces, overRanges } from './pieces.ts';
import { SnapshotDamaged } from './snapshot-damaged.ts';

/** Strings end to end in UTF-8; string n is bytes offsets[n] … offsets[n + 1] − 1. */
export interface StringTable {
  bytes: Uint8Array;
  offsets: Uint32Array;
}

/** Strings must be well-formed Unicode, as ids are; a lone surrogate would come back as U+FFFD. */
export function encodeStrings(strings: readonly string[]): StringTable {
  let chars = 0;
  for (const text of strings) chars += text.length;
  if (3 * chars > 0xffff_ffff) throw new RangeError('a string table holds at most 4 GiB');
  const bytes = new Uint8Array(3 * chars); // UTF-8 takes at most 3 bytes per UTF-16 unit
  const offsets = new Uint32Array(strings.length + 1);
  const encoder = new TextEncoder();
  let at = 0;
  for (let n = 0; n < strings.length; n++) {
    at += writeAscii(strings[n]!, bytes, at) || encoder.encodeInto(strings[n]!, bytes.subarray(at)).written;
    offsets[n + 1] = at;
  }
  return { bytes: bytes.slice(0, at), offsets };
}

/** Bytes written, or 0 where the text is not ASCII (or empty). For short ids a loop is several times quicker than the encoder. */
function writeAscii(text: string, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return 0;
    bytes[at + i] = code;
  }
  return text.length;
}

/** Up to this many bytes are decoded in one go; V8's strings end at 2²⁹ characters. */
const decodeAtOnceBytes = 1 << 28;
/** Of a string cut out of a longer one, in steps of a simple loop. */
const stringCost = 64;

/** Throws `SnapshotDamaged` where the offsets do not fit the bytes. */
export function decodeStrings(table: StringTable): string[] {
  return atOnce(decodeStringsInPieces(table));
}

export function* decodeStringsInPieces(table: StringTable): InPieces<string[]> {
  const { bytes, offsets } = table;
  const count = offsets.length - 1;
  if (count < 0 || offsets[0] !== 0 || offsets[count] !== bytes.length) throw new SnapshotDamaged('a string table does not match its bytes');
  for (let n = 0; n < count; n++) if (offsets[n]! > offsets[n + 1]!) throw new SnapshotDamaged('the offsets of a string table fall');
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const strings = Array.from({ length: count }, () => '');
  if (bytes.length <= decodeAtOnceBytes) {
    const whole = decoder.decode(bytes);
    if (whole.length === bytes.length) {
      // ASCII only, the usual case: bytes are characters
      yield* overRanges(count, stringCost, (from, to) => {
        for (let n = from; n < to; n++) strings[n] = whole.slice(offsets[n]!, offsets[n + 1]!);
      });
      return strings;
    }
  }
  yield* overRanges(count, 8 * stringCost, (from, to) => {
    for (let n = from; n < to; n++) strings[n] = decoder.decode(bytes.subarray(offsets[n]!, offsets[n + 1]!));
  });
  return strings;
}
