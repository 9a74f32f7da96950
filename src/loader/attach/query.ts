import { SysError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { type AttachType, attachTypeNumber } from '../../uapi/bpf.ts';
import type { LinkId, ProgId } from '../../uapi/fd.ts';
import { BPF_F_QUERY_EFFECTIVE } from '../../uapi/link.ts';
import { saying } from '../calls.ts';
import type { BpfMap } from '../map.ts';
import { type DeviceName, ifindexOf } from './device.ts';
import { withOpened } from './open.ts';

/** What is asked about: a device, a cgroup, a map of sockets, or a network namespace. */
export type QueryTarget =
  | { readonly device: DeviceName }
  | { readonly cgroup: string }
  /** A map of sockets (Linux >= 5.18). */
  | { readonly map: BpfMap }
  /** Default: the namespace of this process. */
  | { readonly netns: string | undefined };

export interface AttachedProgram {
  readonly id: ProgId;
  /** BPF_F_*, of this program alone. */
  readonly flags: number;
  /** `undefined`: attached without a link, or the kernel does not say. */
  readonly linkId: LinkId | undefined;
}

export interface AttachedPrograms {
  /** BPF_F_ALLOW_*: how a cgroup's programs are attached. */
  readonly flags: number;
  /** Changes with each change of the hook; `undefined` where the kernel does not count. */
  readonly revision: bigint | undefined;
  /** In the order in which they run. */
  readonly programs: readonly AttachedProgram[];
}

/** Programs of one hook: no kind of hook takes more. */
const FIRST_ROOM = 64;
const MAX_ROOM = 1 << 16;

/**
 * The programs at a hook. `effective`: of a cgroup all that run there, also those of its ancestors. Throws SysError EINVAL if the kernel does not know
 * the attach type, or cannot be asked about it.
 */
export function queryPrograms(
  kernel: Kernel,
  target: QueryTarget,
  attachType: AttachType,
  { effective = false }: { readonly effective?: boolean | undefined } = {},
): AttachedPrograms {
  if ('device' in target) return query(kernel, { target_ifindex: ifindexOf(kernel, target.device) }, attachType, false);
  if ('map' in target) return query(kernel, { target_fd: target.map.fd }, attachType, false);
  const path = 'cgroup' in target ? target.cgroup : (target.netns ?? '/proc/self/ns/net');
  return withOpened(kernel, path, (target_fd) => query(kernel, { target_fd }, attachType, effective));
}

type Target = { readonly target_fd: number } | { readonly target_ifindex: number };

/** The columns of the answer that kernels have come to know one after the other: what an older one does not know it refuses. */
const COLUMNS = [
  ['prog_ids', 'prog_attach_flags', 'link_ids', 'link_attach_flags'],
  ['prog_ids', 'prog_attach_flags'],
  ['prog_ids'],
] as const;

function query(kernel: Kernel, target: Target, attachType: AttachType, effective: boolean): AttachedPrograms {
  // Flags of single programs make no sense for those that come from several cgroups.
  const tries = effective ? COLUMNS.slice(2) : COLUMNS;
  let refused: unknown;
  for (const columns of tries) {
    try {
      return ask(kernel, target, attachType, effective, columns, FIRST_ROOM);
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== 'EINVAL') throw error;
      refused = error;
    }
  }
  throw refused;
}

function ask(
  kernel: Kernel,
  target: Target,
  attachType: AttachType,
  effective: boolean,
  columns: readonly string[],
  room: number,
): AttachedPrograms {
  const column = (name: string) => (columns.includes(name) ? new Uint32Array(room) : undefined);
  const attr = {
    ...target,
    attach_type: attachTypeNumber[attachType],
    query_flags: effective ? BPF_F_QUERY_EFFECTIVE : 0,
    attach_flags: 0,
    count: room,
    prog_ids: column('prog_ids'),
    prog_attach_flags: column('prog_attach_flags'),
    link_ids: column('link_ids'),
    link_attach_flags: column('link_attach_flags'),
    revision: 0n,
  };
  try {
    saying(`of ${attachType}`, () => kernel.bpf('BPF_PROG_QUERY', attr));
  } catch (error) {
    // There are more than before: ask again with room for them.
    if (!(error instanceof SysError) || error.code !== 'ENOSPC' || room >= MAX_ROOM) throw error;
    return ask(kernel, target, attachType, effective, columns, Math.min(Math.max(2 * room, attr.count), MAX_ROOM));
  }
  return {
    flags: attr.attach_flags,
    revision: attr.revision === 0n ? undefined : attr.revision,
    programs: Array.from({ length: Math.min(attr.count, room) }, (_, i) => ({
      id: (attr.prog_ids?.[i] ?? 0) as ProgId, // the brand's origin
      flags: attr.prog_attach_flags?.[i] ?? 0,
      linkId: (attr.link_ids?.[i] || undefined) as LinkId | undefined, // the brand's origin
    })),
  };
}
