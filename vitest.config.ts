import { defineConfig } from 'vitest/config';
import { asBuilt } from './test/support/built.ts';
import { SLOW } from './test/support/slow.ts';

/** What needs neither a process nor a kernel of its own: one worker runs many of these files, and reads what they test once. */
const SHARING = [
  'src/{btf,bytes,codegen,elf,explain,isa,net,object,uapi}/**/*.test.ts',
  'src/engine/embedded/**/*.test.ts',
  'test/{conformance,contract,verifier}/**/*.test.ts',
];

export default defineConfig({
  test: {
    reporters: ['default', './test/support/summary-reporter.ts'],
    testTimeout: 180_000 * SLOW,
    hookTimeout: 180_000 * SLOW,
    // Two files at once: the machines this runs on have two cores, and the Linux half needs the kernel's attention too.
    maxWorkers: 2,
    experimental: asBuilt,
    projects: [
      {
        extends: true,
        test: {
          name: 'apart',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: SHARING,
          globalSetup: 'test/support/global-setup.ts',
          benchmark: { include: ['bench/**/*.bench.ts'] },
        },
      },
      { extends: true, test: { name: 'sharing', include: SHARING, isolate: false, benchmark: { include: [] } } },
    ],
  },
});
