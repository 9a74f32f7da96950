import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/sys/kernel.ts';
import { attachTypeRows } from './attach-types.ts';
import { batchRows } from './batch.ts';
import { bpffsRows } from './bpffs.ts';
import { createRows } from './create.ts';
import { elementRows } from './elements.ts';
import { fdMessageRows } from './fd-messages.ts';
import { infoRows } from './info.ts';
import { ioctlRows } from './ioctl.ts';
import { iteratorRows } from './iterators.ts';
import { lifetimeRows } from './lifetime.ts';
import { linkRows } from './links.ts';
import { loadInfoRows } from './load-info.ts';
import { mappingRows } from './mappings.ts';
import { moreMapRows } from './more-maps.ts';
import { probeRows } from './probes.ts';
import { progTypeRows } from './prog-types.ts';
import { outcome, Session } from './session.ts';
import { storageRows } from './storages.ts';
import { valueFieldRows } from './value-fields.ts';
import { verifierRows } from './verifier.ts';
import { xlatedRows } from './xlated.ts';
import { xskmapRows } from './xskmap.ts';

/** What is done on a kernel, and what it must answer: a value, or the name of an errno. */
export type Row = readonly [name: string, run: (session: Session) => unknown, want: unknown];

const GROUPS: Readonly<Record<string, readonly Row[]>> = {
  BPF_MAP_CREATE: createRows,
  elements: elementRows,
  batches: batchRows,
  'ids, references and freezing': lifetimeRows,
  info: infoRows,
  bpffs: bpffsRows,
  'types of programs': progTypeRows,
  'where programs may be attached': attachTypeRows,
  'tracepoints and perf events': probeRows,
  iterators: iteratorRows,
  'tcx programs and links': linkRows,
  'other types of maps': moreMapRows,
  'fields that the kernel keeps': valueFieldRows,
  'values of objects, and stacks': storageRows,
  'maps of XDP sockets': xskmapRows,
  'functions, lines and relocations of a program': loadInfoRows,
  'programs that are safe, and those that are not': verifierRows,
  'programs as they are shown': xlatedRows,
  mmap: mappingRows,
  ioctl: ioctlRows,
  'fds in messages': fdMessageRows,
};

/**
 * The contract of the seam for maps and pins, as rows that every kernel has to meet. Needs an empty bpffs at /sys/fs/bpf. The same rows run on the
 * embedded kernel and, in namespaces of their own, on Linux: what they say is what Linux does.
 *
 * @param lacking why a kernel does not have to meet a row, `GROUP: NAME`; `undefined` if it has to
 */
export function contract(
  makeKernel: () => Kernel,
  lacking: (row: string) => string | undefined = () => undefined,
): void {
  for (const [group, rows] of Object.entries(GROUPS)) {
    describe(group, () => {
      it.for(rows)('%s', ([name, run, want], context) => {
        const reason = lacking(`${group}: ${name}`);
        if (reason !== undefined) context.skip(reason);
        using kernel = makeKernel();
        using session = new Session(kernel);
        expect(outcome(() => run(session))).toEqual(want);
      });
    });
  }
}
