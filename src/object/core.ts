import { type Btf, type CoreResult, resolveCore } from '../btf/index.ts';
import { ObjectError } from '../errors.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_JMP,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_X,
  CLASS_MASK,
  decodeInsn,
  INSN_SIZE,
  LD_IMM64,
  SIZE_MASK,
} from '../isa/index.ts';
import type { CoreReference, ProgramSpec } from './spec.ts';

/** The number of the helper that is called instead of an instruction that must not run: libbpf's, so that tools recognise it. */
export const POISON = 0xbad2310;

/** The size bits of a load's opcode, by bytes. */
const SIZE_BITS: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

/** A program fitted to one kernel's types. */
export interface CoreRelocated {
  readonly insns: Uint8Array;
  /** Relocations for which the kernel has no answer, by slot. The program can be loaded if it never comes there. */
  readonly poisoned: ReadonlyMap<number, string>;
}

/**
 * Applies a program's CO-RE relocations against the types of a kernel: a type is looked for in the first of `targets` that has one of its name, as
 * modules have types that the kernel has not. Throws ObjectError if a relocation makes no sense, or does not fit the instruction that it is about.
 */
export function relocateCore(program: ProgramSpec, local: Btf, targets: Iterable<Btf>): CoreRelocated {
  const insns = new Uint8Array(program.insns);
  const poisoned = new Map<number, string>();
  const known = new Map<string, CoreResult>();
  for (const relocation of program.coreRelocations) {
    // A program reads the same field at many places.
    const key = `${relocation.kind} ${relocation.typeId} ${relocation.access}`;
    const result = known.get(key) ?? resolveCore(local, targets, relocation);
    known.set(key, result);
    if (!patch(insns, relocation, result)) {
      poison(insns, relocation.insn);
      poisoned.set(relocation.insn, result.text);
    }
  }
  return { insns, poisoned };
}

/** Puts the answer into the instruction; false if it must be poisoned. */
function patch(insns: Uint8Array, { insn: slot }: CoreReference, result: CoreResult): boolean {
  const { value, expected, resize, text } = result;
  if (value === undefined) return false;
  const view = new DataView(insns.buffer);
  const at = INSN_SIZE * slot;
  const insn = decodeInsn(insns, slot);
  const check = (found: bigint) => {
    if (expected === undefined || found === expected) return;
    throw new ObjectError(
      `instruction ${slot} does not hold what relocation ${text} is about: ${found} instead of ${expected}`,
    );
  };
  switch (insn.opcode & CLASS_MASK) {
    case BPF_ALU:
    case BPF_ALU64:
      if ((insn.opcode & BPF_X) !== 0) break;
      check(sameWidth(BigInt(insn.imm), expected));
      view.setInt32(at + 4, Number(BigInt.asIntN(32, value)), true);
      return true;
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX: {
      check(BigInt(insn.off));
      if (value > 32767n)
        throw new ObjectError(`relocation ${text}: offset ${value} is too large for instruction ${slot}`);
      view.setInt16(at + 2, Number(value), true);
      if (resize === undefined) return true;
      const bits = SIZE_BITS[resize.to];
      if (!resize.allowed || bits === undefined) return false;
      view.setUint8(at, (insn.opcode & ~SIZE_MASK) | bits);
      return true;
    }
    default: {
      if (insn.opcode !== LD_IMM64) break;
      const found = BigInt(insn.imm >>> 0) | (BigInt(decodeInsn(insns, slot + 1).imm >>> 0) << 32n);
      check(sameWidth(found, expected));
      view.setUint32(at + 4, Number(BigInt.asUintN(32, value)), true);
      view.setUint32(at + 12, Number(BigInt.asUintN(64, value) >> 32n), true);
      return true;
    }
  }
  throw new ObjectError(
    `relocation ${text} is on instruction ${slot} with opcode 0x${insn.opcode.toString(16)}, which holds no value`,
  );
}

/** Signed and unsigned spellings of the same bits count as the same. */
function sameWidth(found: bigint, expected: bigint | undefined): bigint {
  if (expected === undefined) return found;
  const same =
    BigInt.asUintN(64, found) === BigInt.asUintN(64, expected) ||
    BigInt.asUintN(32, found) === BigInt.asUintN(32, expected);
  return same ? expected : found;
}

/** Puts in place of an instruction a call that no kernel takes. Both slots of an `ld_imm64`: the second must not be reached by falling through. */
export function poison(insns: Uint8Array, slot: number, helper: number = POISON): void {
  const slots = decodeInsn(insns, slot).opcode === LD_IMM64 ? 2 : 1;
  const view = new DataView(insns.buffer);
  for (let i = slot; i < slot + slots; i++) {
    insns.fill(0, INSN_SIZE * i, INSN_SIZE * (i + 1));
    insns[INSN_SIZE * i] = BPF_JMP | BPF_CALL;
    view.setInt32(INSN_SIZE * i + 4, helper, true);
  }
}
