import {
  BPF_ADDR_SPACE_CAST,
  BPF_ALU,
  BPF_ALU64,
  BPF_MOV,
  BPF_X,
  decodeInsns,
  encodeInsns,
  type Insn,
  operationOf,
} from '../../../isa/index.ts';
import type { ArenaMap } from '../maps/arena.ts';

/** What the verifier has found out about a program that uses an arena, by slots. */
export interface ArenaUse {
  /** Instructions that read or write through a pointer into it. */
  readonly inArena: ReadonlySet<number>;
  /** Arithmetic of 64 bits on such a pointer, of which 32 are all. */
  readonly narrowed: ReadonlySet<number>;
}

const CLASS = 7;
const MOV64 = BPF_ALU64 | BPF_MOV | BPF_X;
const MOV32 = BPF_ALU | BPF_MOV | BPF_X;
// The kernel shows these two of its own modes for what may find no page.
/** Makes BPF_PROBE_ATOMIC of BPF_ATOMIC. */
const PROBE_ATOMIC = 0x20;
/** Makes BPF_PROBE_MEM32SX of BPF_MEMSX. */
const PROBE_MEM32SX = 0x40;

/** As users see it. */
export function shownWithArena(insns: readonly Insn[], use: ArenaUse, arena: ArenaMap): Insn[] {
  return insns.map((insn, i) => {
    if (!use.inArena.has(i)) return narrow(insn, use.narrowed.has(i), arena);
    const operation = operationOf(insn.opcode);
    if (operation?.kind === 'atomic') return { ...insn, opcode: insn.opcode | PROBE_ATOMIC };
    return operation?.kind === 'load' && operation.signed ? { ...insn, opcode: insn.opcode | PROBE_MEM32SX } : insn;
  });
}

/** As it runs: what makes an address of user space has the high word of that in `imm`. */
export function runnableWithArena(bytes: Uint8Array, use: ArenaUse, arena: ArenaMap): Uint8Array {
  const insns = decodeInsns(bytes).map((insn, i) => {
    const shown = narrow(insn, use.narrowed.has(i), arena);
    return isCast(shown) ? { ...shown, imm: arena.userHigh | 0 } : shown;
  });
  return encodeInsns(insns);
}

/** To programs a pointer is the low word of an address: making one out of a number is to cut that off. */
function narrow(insn: Insn, narrowed: boolean, arena: ArenaMap): Insn {
  if (isCast(insn) && (insn.imm === 1 || !arena.convertsPointers)) return { ...insn, opcode: MOV32, off: 0, imm: 0 };
  return narrowed ? { ...insn, opcode: (insn.opcode & ~CLASS) | BPF_ALU } : insn;
}

function isCast({ opcode, off }: Insn): boolean {
  return opcode === MOV64 && off === BPF_ADDR_SPACE_CAST;
}
