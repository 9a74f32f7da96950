import type { Fault } from '../interp/fault.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Skb } from '../progs/skb.ts';
import { type ClassicInsn, runClassic } from './classic.ts';

/** What a filter (cls_bpf) or an action (act_bpf) runs: a program, or classic instructions with their bytes for dumps. */
export type TcProgram =
  | {
      readonly kind: 'ebpf';
      readonly prog: BpfProg;
      /** For dumps. */
      readonly name: string | undefined;
    }
  | { readonly kind: 'classic'; readonly insns: readonly ClassicInsn[]; readonly bytes: Uint8Array };

/** `value`: signed 32 bits. */
export function runTcProgram(
  machine: Machine,
  program: TcProgram,
  skb: Skb,
): { readonly value: number; readonly fault?: Fault | undefined } {
  skb.publish();
  return program.kind === 'ebpf'
    ? interpreterOf(machine).runProgram(program.prog, skb.context, skb)
    : { value: runClassic(program.insns, skb, machine) | 0 };
}

/** Takes or gives back what a filter or an action holds. */
export function holdTcProgram(program: TcProgram): TcProgram {
  if (program.kind === 'ebpf') program.prog.get();
  return program;
}
export function dropTcProgram(program: TcProgram): void {
  if (program.kind === 'ebpf') program.prog.put();
}
