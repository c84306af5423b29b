import { defineConfig } from 'vitest/config';

/** Sweeps that take minutes: `npm run test:slow`. */
export default defineConfig({
  test: {
    include: ['test/slow/**/*.slow.ts'],
    testTimeout: 900_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
