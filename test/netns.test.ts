import { describe, expect, it } from 'vitest';
import { namespaceMissing, namespaceTests, runNamespaceTests } from './support/netns.ts';

const missing = namespaceMissing();
if (missing !== undefined) console.log(`skipped in namespaces: ${missing}`);

describe.skipIf(missing !== undefined)('in a network and mount namespace of its own', () => {
  it.each(namespaceTests())('%s', (file) => {
    const { status, stdout, stderr } = runNamespaceTests([file]);
    expect(status === 0 ? '' : `${stdout}${stderr}`).toBe('');
  });
});
