/** Texts as numbers: folded, so that `Shoes` and `shoes` are one, then a code or a hash. */
import { TEXT_SEED, finalise, hashText, hashUnit } from '../model/hash.ts';

const BEYOND_ASCII = /[^\p{ASCII}]/u;
const WORDS = /[\p{L}\p{M}\p{N}]+/gu;

/** What texts are compared by: composed characters (NFC), lower case. */
export function foldText(text: string): string {
  return BEYOND_ASCII.test(text) ? text.normalize('NFC').toLowerCase() : text.toLowerCase();
}

const SECOND_SEED = 0x9747b28c;

/** 53 bits of two hashes: of a million texts, another one is taken for a given one with a chance of 1 in 10¹⁰. Never 0. */
export function hashTextLong(text: string): number {
  return (hashText(text, SECOND_SEED) >>> 11) * 0x1_0000_0000 + hashText(text) || 1;
}

/** Hashes of a text's words, 32 bits, signed, each once, in their order. A word is a run of letters, marks and digits, folded. */
export function hashWords(text: string): number[] {
  const hashes: number[] = [];
  const add = (hash: number) => {
    if (!hashes.includes(hash)) {
      hashes.push(hash);
    }
  };
  if (BEYOND_ASCII.test(text)) {
    for (const word of foldText(text).match(WORDS) ?? []) {
      add(hashText(word) | 0);
    }
    return hashes;
  }
  // The same without a string a word: a million titles are read at a start.
  let hash = TEXT_SEED;
  let inside = false;
  for (let k = 0; k <= text.length; k++) {
    let unit = k === text.length ? 32 : text.charCodeAt(k);
    unit += unit >= 65 && unit <= 90 ? 32 : 0;
    if ((unit >= 97 && unit <= 122) || (unit >= 48 && unit <= 57)) {
      hash = hashUnit(hash, unit);
      inside = true;
    } else if (inside) {
      add(finalise(hash) | 0);
      hash = TEXT_SEED;
      inside = false;
    }
  }
  return hashes;
}

/** Longer texts are known by their hash alone: a description of a page is no value that somebody filters by, and must not stay in memory. */
const MAX_KEPT_UNITS = 256;

function keyOf(text: string): string {
  return text.length > MAX_KEPT_UNITS ? `\0${hashTextLong(foldText(text))}` : foldText(text);
}

/** Codes of texts, from 1 on; 0 is no text. */
export class Dictionary {
  private codes = new Map<string, number>();
  /** By code, folded. */
  keys: string[] = [''];

  get size(): number {
    return this.keys.length;
  }

  /** Of a text that may be new. */
  codeOf(text: string): number {
    const key = keyOf(text);
    let code = this.codes.get(key);
    if (code === undefined) {
      code = this.keys.length;
      this.keys.push(key);
      this.codes.set(key, code);
    }
    return code;
  }

  /** 0 where no item has it. */
  find(text: string): number {
    return this.codes.get(keyOf(text)) ?? 0;
  }

  /** Forgets texts that no code stands for any more. @returns new codes by old ones */
  keepOnly(isUsed: Uint8Array): Int32Array {
    const moved = new Int32Array(this.keys.length);
    const keys = [''];
    for (let code = 1; code < moved.length; code++) {
      if (isUsed[code] === 1) {
        moved[code] = keys.length;
        keys.push(this.keys[code]);
      }
    }
    this.keys = keys;
    this.codes = new Map(keys.slice(1).map((key, k) => [key, k + 1]));
    return moved;
  }
}
