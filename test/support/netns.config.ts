import { defineConfig } from 'vitest/config';

/** For tests inside the namespaces that test/netns.test.ts makes; one after the other, because they share them. */
export default defineConfig({
  test: {
    include: ['test/**/*.netns.ts'],
    fileParallelism: false,
    // Under an emulated kernel all takes many times as long.
    testTimeout: 60_000,
    reporters: ['verbose'],
  },
});
