import { BpfError, SysError } from '../../errors.ts';
import type { BpfCmd } from '../../uapi/attr.ts';
import { createLinuxKernel } from './kernel.ts';

/** The calls without which there is no working here, and how to make each fail or succeed without leaving anything. */
const PROBE = {
  cmd: 'BPF_MAP_CREATE',
  attr: { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 },
} as const satisfies {
  cmd: BpfCmd;
  attr: object;
};

/** Whether bpf(2) can be used in this process, or why not, as one sentence. */
export function probeLinux(): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
  try {
    using kernel = createLinuxKernel();
    kernel.close(kernel.bpf(PROBE.cmd, PROBE.attr));
    return { ok: true };
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return { ok: false, reason: reasonOf(error) };
  }
}

function reasonOf(error: BpfError): string {
  if (!(error instanceof SysError)) return error.message;
  switch (error.code) {
    case 'EPERM':
      return 'bpf(2) is not permitted here: it needs root, or CAP_BPF, and no seccomp filter against it';
    case 'ENOSYS':
      return 'this kernel has no bpf(2): it is built without CONFIG_BPF_SYSCALL';
    default:
      return `bpf(2) does not work here: ${error.message}`;
  }
}
