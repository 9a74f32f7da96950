import { describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { type As, fileUserRows } from './file-users.ts';
import { outcome, Session } from './session.ts';
import { notAsked } from './since.ts';

/** As a user without capabilities, as far as this process is asked; it is root again after. */
const as: As = (uid, gid, run) => {
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    return run();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
};

describe('modes and owners on linux', () => {
  it.for(fileUserRows)('%s', ([name, run, want], context) => {
    const reason = notAsked(`modes and owners: ${name}`);
    if (reason !== undefined) context.skip(reason);
    using kernel = createLinuxKernel();
    using session = new Session(kernel);
    expect(outcome(() => run(session, as))).toEqual(want);
  });
});
