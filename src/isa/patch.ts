import { decodeInsn, INSN_SIZE } from './insn.ts';
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
  LD_IMM64,
  SIZE_MASK,
} from './opcode.ts';

/** The number of the helper that is called instead of an instruction that must not run: libbpf's, so that tools recognise it. */
export const POISON = 0xbad2310;

/** The size bits of a load's opcode, by bytes. */
const SIZE_BITS: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

/** What comes into the place of a number that the compiler put into an instruction. */
export interface Patch {
  readonly value: bigint;
  /** What has to be there; `undefined`: anything. */
  readonly expected: bigint | undefined;
  /** Bytes of the load or store now and then; `undefined`: they stay as they are. */
  readonly resize: { readonly to: number; readonly allowed: boolean } | undefined;
}

/** What became of it. `form` is what Linux calls the kind of instruction. */
export type Patched =
  | { readonly kind: 'patched' }
  | { readonly kind: 'mismatch'; readonly form: 'ALU/ALU64' | 'LDX/ST/STX' | 'LDIMM64'; readonly found: bigint }
  /** The load or store cannot be made one of that size. */
  | { readonly kind: 'no size' }
  | { readonly kind: 'too large' }
  /** The instruction holds no number. */
  | { readonly kind: 'no value' };

/** Puts a number into the instruction at a slot: into its immediate, or the offset of a load or store. */
export function patchInsn(insns: Uint8Array, slot: number, { value, expected, resize }: Patch): Patched {
  const view = new DataView(insns.buffer, insns.byteOffset);
  const at = INSN_SIZE * slot;
  const insn = decodeInsn(insns, slot);
  switch (insn.opcode & CLASS_MASK) {
    case BPF_ALU:
    case BPF_ALU64:
      if ((insn.opcode & BPF_X) !== 0) break;
      if (!isExpected(BigInt(insn.imm), expected))
        return { kind: 'mismatch', form: 'ALU/ALU64', found: BigInt(insn.imm) };
      view.setInt32(at + 4, Number(BigInt.asIntN(32, value)), true);
      return { kind: 'patched' };
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX: {
      if (expected !== undefined && BigInt(insn.off) !== expected)
        return { kind: 'mismatch', form: 'LDX/ST/STX', found: BigInt(insn.off) };
      if (value > 32767n) return { kind: 'too large' };
      view.setInt16(at + 2, Number(value), true);
      if (resize === undefined) return { kind: 'patched' };
      const bits = SIZE_BITS[resize.to];
      if (!resize.allowed || bits === undefined) return { kind: 'no size' };
      view.setUint8(at, (insn.opcode & ~SIZE_MASK) | bits);
      return { kind: 'patched' };
    }
    default: {
      const isConstant = insn.opcode === LD_IMM64 && insn.src === 0 && insn.off === 0;
      if (!isConstant || at + 2 * INSN_SIZE > insns.length) break;
      const found = BigInt(insn.imm >>> 0) | (BigInt(decodeInsn(insns, slot + 1).imm >>> 0) << 32n);
      if (!isExpected(found, expected)) return { kind: 'mismatch', form: 'LDIMM64', found };
      view.setUint32(at + 4, Number(BigInt.asUintN(32, value)), true);
      view.setUint32(at + 12, Number(BigInt.asUintN(64, value) >> 32n), true);
      return { kind: 'patched' };
    }
  }
  return { kind: 'no value' };
}

/** Signed and unsigned spellings of the same bits count as the same. */
function isExpected(found: bigint, expected: bigint | undefined): boolean {
  return (
    expected === undefined ||
    BigInt.asUintN(64, found) === BigInt.asUintN(64, expected) ||
    BigInt.asUintN(32, found) === BigInt.asUintN(32, expected)
  );
}

/** Puts in place of an instruction a call that no kernel takes. Both slots of an `ld_imm64`: the second must not be reached by falling through. */
export function poison(insns: Uint8Array, slot: number, helper: number = POISON): void {
  const slots = decodeInsn(insns, slot).opcode === LD_IMM64 ? 2 : 1;
  const view = new DataView(insns.buffer, insns.byteOffset);
  for (let i = slot; i < slot + slots && INSN_SIZE * (i + 1) <= insns.length; i++) {
    insns.fill(0, INSN_SIZE * i, INSN_SIZE * (i + 1));
    insns[INSN_SIZE * i] = BPF_JMP | BPF_CALL;
    view.setInt32(INSN_SIZE * i + 4, helper, true);
  }
}
