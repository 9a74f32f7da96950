import type { Kernel } from '../sys/kernel.ts';
import { checkKernel } from './handle.ts';
import type { BpfProgram } from './program.ts';

/** What a filter or an action runs: an eBPF program (of type sched_cls, of type sched_act), or classic BPF instructions of 8 bytes. */
export type FilterProgram = BpfProgram | { readonly classic: Uint8Array };

/** As requests name it. `name`: what lists show; default that of the program. */
export function programMessage(
  kernel: Kernel,
  program: FilterProgram,
  name: string | undefined,
): { readonly ops: Uint8Array } | { readonly fd: number; readonly name: string } {
  if ('classic' in program) return { ops: program.classic };
  checkKernel(kernel, program);
  return { fd: program.fd, name: name ?? program.name };
}
