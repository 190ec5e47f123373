/**
 * Chance without state: 32-bit hashes that are the same on every replica, for lists that turn and for shares of users.
 *
 *   hashText    FNV-1a (Fowler, Noll, Vo) over UTF-16 code units, the low byte first, then the finaliser of MurmurHash3 (Appleby); another seed gives an independent hash
 *   drawAt      finaliser(finaliser(key + period · 0x9e3779b1) + no · 0x85ebca6b) / 2³²
 *
 * For one key and period, `drawAt` is a permutation of the 32-bit numbers, so no two items draw the same.
 */

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output with a chance of one half. A permutation of the 32-bit numbers. */
export function finalise(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Where FNV-1a begins. */
export const TEXT_SEED = 0x811c9dc5;
const prime = 0x01000193;

/** One UTF-16 code unit more, before `finalise`. */
export function hashUnit(hash: number, unit: number): number {
  return Math.imul(Math.imul(hash ^ (unit & 0xff), prime) ^ (unit >>> 8), prime);
}

/** What `hashText(prefix + text)` has come to after the prefix: `hashText(text, seedAfter(prefix))` is the same, without making one text of both. */
export function seedAfter(prefix: string): number {
  let hash = TEXT_SEED;
  for (let i = 0; i < prefix.length; i++) hash = hashUnit(hash, prefix.charCodeAt(i));
  return hash;
}

/** 0 … 2³² − 1. */
export function hashText(text: string, seed = TEXT_SEED): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = hashUnit(hash, text.charCodeAt(i));
  return finalise(hash);
}

/** What all draws of one user in one period share; `periodNo` is a whole number. */
export function seedOf(key: number, periodNo: number): number {
  return finalise((key + Math.imul(periodNo, 0x9e3779b1)) | 0);
}

/** Uniform in [0, 1): what number `no` draws under a seed of `seedOf`. */
export function drawAt(seed: number, no: number): number {
  return finalise((seed + Math.imul(no, 0x85ebca6b)) | 0) / 0x1_0000_0000;
}

/** Number of the period of `hours` ≥ 1 that a time lies in: periods begin with Unix time, so that all replicas change over at once. */
export function periodOf(timeMs: number, hours: number): number {
  return Math.floor(timeMs / (hours * 3_600_000)) | 0;
}
