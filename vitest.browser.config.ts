import { defineConfig } from 'vitest/config';

/** `npm run test:browser`: the dashboard in a real browser. Two servers and one browser for all of it, so the files run one after another. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    globalSetup: ['test/browser/support/setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    isolate: false,
    fileParallelism: false,
    // Much is waited for, beside whatever else a machine does: what fails twice is wrong.
    retry: 1,
  },
});
