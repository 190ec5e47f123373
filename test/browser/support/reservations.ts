/** Two files run at a time, on the same shops. What a file must not be disturbed in it has for itself: another that reserves the same waits until it has ended. */
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, inject } from 'vitest';

/** `demo-lists`: the demo's live version, and lists and clicks without a scenario. `empty-events`: which events the empty shop has. */
export type Reserved = 'demo-lists' | 'empty-events';

const AGAIN_MS = 50;
const MOST_MS = 60_000;

/** For the describe block that it is called in. Several are taken in the order of the alphabet, so that no two files wait for one another. */
export function reserve(...names: readonly Reserved[]): void {
  const paths = names.toSorted().map((name) => join(inject('reservations'), name));
  beforeAll(async () => {
    for (const path of paths) {
      while (!take(path)) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }, MOST_MS);
  afterAll(() => paths.forEach((path) => rmdirSync(path)));
}

/** One alone can make a folder. */
function take(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw error;
  }
}
