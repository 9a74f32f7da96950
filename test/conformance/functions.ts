import { BtfBuilder } from '../../src/btf/builder.ts';
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, type Insn, insnSlots, operationOf } from '../../src/isa/index.ts';
import type { Session } from '../contract/session.ts';

/** Attributes that say where functions begin: programs that call back or make tail calls in functions need them. All are `static int f(void)`. */
export function functionInfo(session: Pick<Session, 'kernel' | 'own'>, insns: readonly Insn[]) {
  const builder = new BtfBuilder();
  const int = builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
  const proto = builder.add({ kind: 'func_proto', name: '', returns: int, params: [] });
  const func = builder.add({ kind: 'func', name: 'f', typeId: proto, linkage: 0 });
  const btf = builder.bytes();
  const starts = functionStarts(insns);
  return {
    prog_btf_fd: session.own(session.kernel.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length })),
    func_info_rec_size: 8,
    func_info: new Uint8Array(Uint32Array.from(starts.flatMap((start) => [start, func])).buffer),
    func_info_cnt: starts.length,
  };
}

function functionStarts(insns: readonly Insn[]): number[] {
  const starts = new Set([0]);
  for (let at = 0; at < insns.length; ) {
    const insn = insns[at];
    if (insn === undefined) break;
    const isCall = operationOf(insn.opcode)?.kind === 'call' && insn.src === BPF_PSEUDO_CALL;
    const isAddress = insnSlots(insn) === 2 && insn.src === BPF_PSEUDO_FUNC;
    if (isCall || isAddress) starts.add(at + 1 + insn.imm);
    at += insnSlots(insn);
  }
  return [...starts].sort((a, b) => a - b);
}
