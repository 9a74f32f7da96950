import { concatBytes } from '../../bytes/plain.ts';
import { SysError, UsageError } from '../../errors.ts';
import { attachTypeNumber } from '../../uapi/bpf.ts';
import type { Fd } from '../../uapi/fd.ts';
import { bpfIterLinkInfo, CGROUP_ITER_ORDERS } from '../../uapi/link.ts';
import { saying } from '../calls.ts';
import { checkKernel } from '../handle.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfMap } from '../map.ts';
import type { BpfProgram } from '../program.ts';
import { withOpened } from './open.ts';

/** What an iterator walks over, of those that walk over parts of something. */
export type IterOver =
  | { readonly map: BpfMap }
  | { readonly cgroup: string; readonly order: Exclude<(typeof CGROUP_ITER_ORDERS)[number], 'order_unspec'> }
  /** One thread, or the threads of one process. */
  | { readonly tid: number }
  | { readonly pid: number };

/**
 * Makes an iterator of a program (`iter/task`, `iter/bpf_map_elem`, …). Each {@link readIterator}, and each time that its pin is read, it runs from the
 * start. Throws SysError EINVAL if the program wants a map and `over` has none.
 */
export function attachIterator(program: BpfProgram, over?: IterOver | undefined): BpfLink {
  const { kernel } = program;
  const create = (info: Parameters<typeof bpfIterLinkInfo.encode>[0] | undefined): BpfLink =>
    createLink(program, 'as an iterator', {
      attach_type: attachTypeNumber.trace_iter,
      ...(info !== undefined && { iter_info: bpfIterLinkInfo.encode(info), iter_info_len: bpfIterLinkInfo.size }),
    });
  if (over === undefined) return create(undefined);
  if ('map' in over) {
    checkKernel(kernel, over.map);
    return create({ 'map.map_fd': over.map.fd });
  }
  if ('tid' in over) return create({ 'task.tid': over.tid });
  if ('pid' in over) return create({ 'task.pid': over.pid });
  const order = CGROUP_ITER_ORDERS.indexOf(over.order);
  return withOpened(kernel, over.cgroup, (fd) => create({ 'cgroup.order': order, 'cgroup.cgroup_fd': fd }));
}

/** Bytes that an iterator may say before it is cut off with an error. */
const MAX_OUTPUT = 1 << 28;
const CHUNK = 1 << 16;

/** BPF_ITER_CREATE: an fd whose content is what the program writes. It is the caller's to close. */
export function openIterator(link: BpfLink): Fd {
  return saying(`of ${link.label}`, () => link.kernel.bpf('BPF_ITER_CREATE', { link_fd: link.fd }));
}

/** One whole run of an iterator, as bytes. Throws UsageError if that are more than 256 MiB. */
export function readIterator(link: BpfLink): Uint8Array {
  const { kernel } = link;
  const fd = openIterator(link);
  try {
    const chunks: Uint8Array[] = [];
    for (let total = 0; ; ) {
      const n = readOnce(link, fd, chunks);
      if (n === 0) return concatBytes(chunks);
      total += n;
      if (total > MAX_OUTPUT) throw new UsageError(`${link.label} writes more than 256 MiB; read it piece by piece`);
    }
  } finally {
    kernel.close(fd);
  }
}

function readOnce({ kernel }: BpfLink, fd: Fd, chunks: Uint8Array[]): number {
  const chunk = new Uint8Array(CHUNK);
  for (;;) {
    try {
      const n = kernel.read(fd, chunk);
      if (n > 0) chunks.push(chunk.subarray(0, n));
      return n;
    } catch (error) {
      // After a million elements without output the kernel lets others run first.
      if (!(error instanceof SysError) || error.code !== 'EAGAIN') throw error;
    }
  }
}
