import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { fileUserRows } from './file-users.ts';
import { outcome, Session } from './session.ts';

// On Linux the same is done in a mount namespace: file-users.netns.ts.
describe('modes and owners on embedded', () => {
  it.each(fileUserRows)('%s', (_name, run, want) => {
    const { kernel, lab } = createEmbeddedKernel();
    using session = new Session(kernel);
    const as = <T>(uid: number, gid: number, call: () => T): T => {
      lab.setUser(kernel, { uid, gid });
      try {
        return call();
      } finally {
        lab.setUser(kernel, { uid: 0, gid: 0 });
      }
    };
    expect(outcome(() => run(session, as))).toEqual(want);
  });
});
