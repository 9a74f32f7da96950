import { createLinuxKernel, type LinuxKernel, probeLinux } from '../../src/engine/linux/index.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';

/** Whether this process may use bpf(2); says in one line if not. Tests skip by it. */
export function linuxWorks(): boolean {
  const probe = probeLinux();
  if (!probe.ok) console.log(`skipped on linux: ${probe.reason}`);
  return probe.ok;
}

/** Runs `use` with the running kernel, and closes the fds that it puts in `opened`. */
export function withLinux<T>(use: (kernel: LinuxKernel, opened: Fd[]) => T): T {
  using kernel = createLinuxKernel();
  const opened: Fd[] = [];
  try {
    return use(kernel, opened);
  } finally {
    for (const fd of opened) kernel.close(fd);
  }
}

/** Little-endian. */
export function u32(n: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(n).buffer);
}

/** What loads a program of type sched_cls. */
export function loading(insns: Uint8Array, more: BpfAttr<'BPF_PROG_LOAD'> = {}): BpfAttr<'BPF_PROG_LOAD'> {
  return { prog_type: progTypeNumber.sched_cls, insns, insn_cnt: insns.length / 8, license: 'GPL', ...more };
}
