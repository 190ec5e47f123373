/** How the threads of a fit wait for one another, and how one that throws lets the others know. Workers only: waiting blocks the thread. */
import { messageAt, messageRoom, word } from './shared-memory.ts';

/** Looks at a word before sleeping on it; a few microseconds. */
const spins = 400;

/** Another thread threw; its words are the message. */
export class ThreadCrashed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ThreadCrashed';
  }
}

/** The barrier: the last to arrive opens it, and sets back the phase's counter, which is used again eight phases on. */
export function meet(buffer: SharedArrayBuffer, words: Int32Array, counter: number, threads: number): void {
  const generation = Atomics.load(words, word.generation);
  if (Atomics.add(words, word.arrived, 1) === threads - 1) {
    Atomics.store(words, counter, 0);
    Atomics.store(words, word.arrived, 0);
    Atomics.add(words, word.generation, 1);
    Atomics.notify(words, word.generation);
  } else {
    let looks = 0;
    while (Atomics.load(words, word.generation) === generation) {
      if (Atomics.load(words, word.crashed) === 1) break;
      if (++looks > spins) Atomics.wait(words, word.generation, generation);
    }
  }
  if (Atomics.load(words, word.crashed) === 1) throw new ThreadCrashed(readMessage(buffer, words));
}

/** Lets the others know, and wakes them: they would wait for ever. */
export function crash(buffer: SharedArrayBuffer, words: Int32Array, error: unknown): void {
  const bytes = new TextEncoder().encode(error instanceof Error ? error.message : String(error)).subarray(0, messageRoom);
  new Uint8Array(buffer, messageAt, messageRoom).set(bytes);
  words[word.messageLength] = bytes.length;
  Atomics.store(words, word.crashed, 1);
  Atomics.add(words, word.generation, 1);
  Atomics.notify(words, word.generation);
}

function readMessage(buffer: SharedArrayBuffer, words: Int32Array): string {
  return new TextDecoder().decode(new Uint8Array(buffer, messageAt, words[word.messageLength]!).slice());
}

/** words[at] = min(words[at], value) */
export function lower(words: Int32Array, at: number, value: number): void {
  for (let found = Atomics.load(words, at); value < found; ) {
    const before = Atomics.compareExchange(words, at, found, value);
    if (before === found) return;
    found = before;
  }
}
