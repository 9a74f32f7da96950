import { cString } from '../bytes/struct.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { ProgId } from '../uapi/fd.ts';
import { TASK_FD_TYPES } from '../uapi/link.ts';
import { orUndefined } from './calls.ts';

/** A program on a tracepoint or probe that a process holds by an fd. */
export interface PerfProgram {
  readonly pid: number;
  readonly fd: number;
  readonly progId: ProgId;
  readonly kind: (typeof TASK_FD_TYPES)[number];
  /** The tracepoint, function or file; empty for a probe of an address. */
  readonly name: string;
  readonly offset: bigint;
  readonly address: bigint;
}

/** Room for a path. Bytes. */
const NAME_ROOM = 4096;

/** Those of all processes that this one may see. */
export function* listPerfPrograms(kernel: Kernel): Generator<PerfProgram> {
  for (const pid of numbers(kernel, '/proc')) {
    for (const fd of numbers(kernel, `/proc/${pid}/fd`)) {
      const program = taskFd(kernel, pid, fd);
      if (program !== undefined) yield program;
    }
  }
}

/** Names that are numbers; none if the directory is gone or not for us. */
function numbers(kernel: Kernel, path: string): number[] {
  const names = orUndefined(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR'], () => kernel.readdir(path)) ?? [];
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** `undefined`: the fd is something else, as most are. */
function taskFd(kernel: Kernel, pid: number, fd: number): PerfProgram | undefined {
  const buf = new Uint8Array(NAME_ROOM);
  const attr = { pid, fd, buf_len: buf.length, buf, prog_id: 0, fd_type: 0, probe_offset: 0n, probe_addr: 0n };
  const other = ['EINVAL', 'ENOTSUPP', 'EOPNOTSUPP', 'EBADF', 'ENOENT', 'ESRCH', 'ENOSPC', 'EPERM'];
  if (orUndefined(other, () => [kernel.bpf('BPF_TASK_FD_QUERY', attr)]) === undefined) return undefined;
  const kind = TASK_FD_TYPES[attr.fd_type];
  if (kind === undefined) return undefined;
  const name = new TextDecoder().decode(Uint8Array.from(cString(buf), (char) => char.charCodeAt(0)));
  const progId = attr.prog_id as ProgId; // the brand's origin
  return { pid, fd, progId, kind, name, offset: attr.probe_offset, address: attr.probe_addr };
}
