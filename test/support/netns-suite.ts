import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT } from './built.ts';
import { root } from './kernels.ts';
import { namespaceMissing, namespaceTests, runNamespaceTests } from './netns.ts';

/** It takes as long as ten others. */
const LONGEST = 'test/differential/differential.netns.ts';

/** Every second of the files that run in namespaces, from the first or the second on: two halves, for the two files that vitest runs at once. */
export function netnsSuite(half: 0 | 1): void {
  const missing = namespaceMissing();
  if (missing !== undefined) console.log(`skipped in namespaces: ${missing}`);
  const others = namespaceTests().filter((file) => file !== LONGEST);
  const files = [LONGEST, ...others].filter((_, i) => i % 2 === half);

  describe.skipIf(missing !== undefined)('in a network and mount namespace of its own', () => {
    // vitest takes longer to start than most of the files do, most of it for making JavaScript of what they share.
    const own = join(root, `node_modules/.cache/skep-netns-${process.pid}`);
    let built = BUILT;
    beforeAll(async () => {
      const { bundleNamespaceTests } = await import('../../tools/bundle-tests.js');
      built ??= await bundleNamespaceTests(own);
    });
    afterAll(() => rmSync(own, { recursive: true, force: true }));

    it.each(files)('%s', (file) => {
      const { status, stdout, stderr } = runNamespaceTests([file], built);
      for (const [line] of stdout.matchAll(/^\s*↓.*$/gm)) console.log(`skipped in ${file}: ${line.trim()}`);
      if (BUILT !== undefined) console.log(`${file}: ${/^\s*Tests\s+(.*)/m.exec(stdout)?.[1]}`);
      // What passed is of no interest.
      expect(status === 0 ? '' : `${stdout.replace(/^\s*✓.*\n/gm, '')}${stderr}`).toBe('');
    });
  });
}
