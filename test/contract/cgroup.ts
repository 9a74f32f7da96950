import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/sys/kernel.ts';
import { cgroupAttachRows } from './cgroup-attach.ts';
import { cgroupFsRows } from './cgroup-fs.ts';
import { cgroupLinkRows } from './cgroup-links.ts';
import { outcome, Session } from './session.ts';
import type { Row } from './suite.ts';

const GROUPS: Readonly<Record<string, readonly Row[]>> = {
  'the file system': cgroupFsRows,
  programs: cgroupAttachRows,
  links: cgroupLinkRows,
};

/** What every kernel answers about cgroups: each row makes some of its own. */
export function cgroupContract(makeKernel: () => Kernel): void {
  for (const [group, rows] of Object.entries(GROUPS)) {
    describe(group, () => {
      it.for(rows)('%s', ([, run, want]) => {
        using kernel = makeKernel();
        using session = new Session(kernel);
        expect(outcome(() => run(session))).toEqual(want);
      });
    });
  }
}
