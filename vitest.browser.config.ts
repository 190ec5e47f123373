import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';

/** First what needs no demo shop, which is still being made then; what takes longest before the rest. */
const FIRST = ['home', 'frame', 'training', 'import', 'settings', 'loop'].map((name) => `${name}.test.ts`);

class Ordered extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification) => FIRST.indexOf(basename(moduleId)) >>> 0;
    return files.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

/** `npm run test:browser`: the dashboard in a real browser. Three servers for all of it and two browsers, one for each of the files that run at a time; what these must not disturb one another in they reserve. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    globalSetup: ['test/browser/support/setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    sequence: { sequencer: Ordered },
    // Much is waited for, beside whatever else a machine does: what fails twice is wrong.
    retry: 1,
  },
});
