import type { LinuxKernel } from '../../src/engine/linux/index.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';

export type Load = Omit<BpfAttr<'BPF_PROG_LOAD'>, 'prog_type'> & { readonly type: ProgType };

/** What the verifier of Linux says about a program, and `ok` where it takes it. */
export function verifierLog(kernel: LinuxKernel, insns: Uint8Array, { type, ...more }: Load): string {
  const log_buf = new Uint8Array(8192);
  const log = { log_level: 1, log_size: log_buf.length, log_buf };
  const insn_cnt = insns.length / 8;
  try {
    const attr = { prog_type: progTypeNumber[type], insns, insn_cnt, license: 'GPL', ...log, ...more };
    kernel.close(kernel.bpf('BPF_PROG_LOAD', attr));
    return 'ok';
  } catch {
    return new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0)));
  }
}
