import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those have servers of their own, and a browser: `npm run test:browser`.
    exclude: ['test/browser/**'],
    globalSetup: ['test/support/postgres.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Modules are loaded once for each worker and not for each file: a fifth of the time. What a file changes of its process it changes back.
    isolate: false,
    // More than there are cores: about half of a test's time is waiting for Postgres, a process or a timer.
    maxWorkers: 3,
  },
});
