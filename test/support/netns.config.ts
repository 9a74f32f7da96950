import { defineConfig } from 'vitest/config';
import { asBuilt } from './built.ts';
import { SLOW } from './slow.ts';

/** For tests inside the namespaces that test/netns-even.test.ts and test/netns-odd.test.ts make; one after the other, because they share them. */
export default defineConfig({
  test: {
    include: ['test/**/*.netns.ts'],
    fileParallelism: false,
    hookTimeout: 60_000 * SLOW,
    testTimeout: 60_000 * SLOW,
    reporters: ['verbose'],
    experimental: asBuilt,
  },
});
