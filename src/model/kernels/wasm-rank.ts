/** The kernels of assembly/rank.ts, bound to a memory. */
import { compileKernels } from './wasm.ts';

export interface RankKernels {
  /** Offsets are in bytes; the index is laid out by `ranker.ts`, and `room` is 24 bytes. */
  rank(index: number, room: number, x: number, history: number, weights: number, n: number, limit: number, sparse: boolean): number;
  /** `extras` 0: there are none. */
  rankSimilar(index: number, x: number, extras: number, limit: number): number;
  addMarked(marks: number, amount: number, out: number, rows: number): void;
  coverTiles(bonus: number, out: number, rows: number): void;
  scoreFactors(index: number, x: number, place: number): number;
  scoreNeighbours(index: number, history: number, weights: number, n: number, place: number): number;
  shareNeighbours(index: number, history: number, weights: number, n: number, places: number, count: number, out: number): void;
  scoreEverything(index: number, x: number, history: number, weights: number, n: number, out: number): void;
}

export function createRankKernels(memory: WebAssembly.Memory): RankKernels {
  return new WebAssembly.Instance(compileKernels(), { env: { memory } }).exports as unknown as RankKernels;
}
