import { UsageError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { BPF_F_AFTER, BPF_F_BEFORE, BPF_F_ID, BPF_F_RELATIVE_LINK } from '../../uapi/link.ts';
import { checkKernel } from '../handle.ts';
import { BpfLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';

/** One of the programs at a hook; `all`: all that are there. */
export type Neighbour = BpfProgram | BpfLink | { readonly programId: number } | { readonly linkId: number } | 'all';

/** Where among the programs of a hook a new one goes; at the end if nothing is said. For hooks that keep an order: tcx, netkit, cgroups (Linux >= 6.17). */
export interface Position {
  readonly before?: Neighbour | undefined;
  readonly after?: Neighbour | undefined;
  /** Only if nobody has changed the hook since it had this revision, as {@link queryPrograms} tells it; else SysError ESTALE. */
  readonly expectedRevision?: bigint | undefined;
}

/** The fields that say so, by their names in the structs of `union bpf_attr`. */
export interface PositionAttr {
  readonly flags: number;
  readonly relative_fd: number | undefined;
  readonly relative_id: number | undefined;
  readonly expected_revision: bigint | undefined;
}

export function positionAttr(kernel: Kernel, { before, after, expectedRevision }: Position): PositionAttr {
  if (before !== undefined && after !== undefined) throw new UsageError('a program goes before or after, not both');
  const flag = before !== undefined ? BPF_F_BEFORE : after !== undefined ? BPF_F_AFTER : 0;
  const { flags, ...rest } = neighbourAttr(kernel, before ?? after ?? 'all');
  return { flags: flag | flags, ...rest, expected_revision: expectedRevision };
}

function neighbourAttr(kernel: Kernel, neighbour: Neighbour): Omit<PositionAttr, 'expected_revision'> {
  if (neighbour === 'all') return { flags: 0, relative_fd: undefined, relative_id: undefined };
  if ('programId' in neighbour) return { flags: BPF_F_ID, relative_fd: undefined, relative_id: neighbour.programId };
  if ('linkId' in neighbour) {
    return { flags: BPF_F_ID | BPF_F_RELATIVE_LINK, relative_fd: undefined, relative_id: neighbour.linkId };
  }
  checkKernel(kernel, neighbour);
  const flags = neighbour instanceof BpfLink ? BPF_F_RELATIVE_LINK : 0;
  return { flags, relative_fd: neighbour.fd, relative_id: undefined };
}
