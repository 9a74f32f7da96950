import { defineConfig } from 'vitest/config';
import { asBuilt } from './test/support/built.ts';
import { SLOW } from './test/support/slow.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    reporters: ['default', './test/support/summary-reporter.ts'],
    testTimeout: 180_000 * SLOW,
    hookTimeout: 180_000 * SLOW,
    // Two files at once: the machines this runs on have two cores, and the Linux half needs the kernel's attention too.
    maxWorkers: 2,
    experimental: asBuilt,
    benchmark: { include: ['bench/**/*.bench.ts'] },
  },
});
