import { describe, expect, it } from 'vitest';
import { namespaceMissing, namespaceTests, runNamespaceTests } from './support/netns.ts';

const missing = namespaceMissing();
if (missing !== undefined) console.log(`skipped in namespaces: ${missing}`);

describe.skipIf(missing !== undefined)('in a network and mount namespace of its own', () => {
  it.each(namespaceTests())('%s', (file) => {
    const { status, stdout, stderr } = runNamespaceTests([file]);
    for (const [line] of stdout.matchAll(/^\s*↓.*$/gm)) console.log(`skipped in ${file}: ${line.trim()}`);
    // What passed is of no interest.
    expect(status === 0 ? '' : `${stdout.replace(/^\s*✓.*\n/gm, '')}${stderr}`).toBe('');
  });
});
