import { ObjectError } from '../errors.ts';
import { LD_IMM64 } from './opcode.ts';

/**
 * One slot of a program, little-endian:
 *
 *     0        1        2                 4                          8
 *     +--------+----+----+-----------------+--------------------------+
 *     | opcode | src| dst| off             | imm                      |
 *     +--------+----+----+-----------------+--------------------------+
 *
 * `dst` is the low half of byte 1. `off` and `imm` are signed. `ld_imm64` takes two slots: the second has opcode 0 and the high half in `imm`.
 */
export interface Insn {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

/** Bytes of one slot. */
export const INSN_SIZE = 8;

/** The slot number `index` of a program. The caller knows that it is there. */
export function decodeInsn(bytes: Uint8Array, index: number): Insn {
  return insnAt(viewOf(bytes), INSN_SIZE * index);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function insnAt(view: DataView, at: number): Insn {
  const word = view.getInt32(at, true);
  return {
    opcode: word & 0xff,
    dst: (word >> 8) & 15,
    src: (word >> 12) & 15,
    off: word >> 16,
    imm: view.getInt32(at + 4, true),
  };
}

/** All slots of a program. Throws ObjectError unless the length is a multiple of 8. */
export function decodeInsns(bytes: Uint8Array): Insn[] {
  if (bytes.length % INSN_SIZE !== 0)
    throw new ObjectError(`${bytes.length} bytes are no whole number of 8-byte instructions`);
  const view = viewOf(bytes);
  const insns: Insn[] = [];
  for (let at = 0; at < bytes.length; at += INSN_SIZE) insns.push(insnAt(view, at));
  return insns;
}

/** The bytes of a program; fields left out are 0. */
export function encodeInsns(insns: readonly Partial<Insn>[]): Uint8Array {
  const bytes = new Uint8Array(INSN_SIZE * insns.length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { opcode = 0, dst = 0, src = 0, off = 0, imm = 0 } of insns) {
    view.setInt32(at, (opcode & 0xff) | ((dst & 15) << 8) | ((src & 15) << 12) | (off << 16), true);
    view.setInt32(at + 4, imm, true);
    at += INSN_SIZE;
  }
  return bytes;
}

/** Slots that the instruction takes: 2 for `ld_imm64`, else 1. */
export function insnSlots(insn: Pick<Insn, 'opcode'>): 1 | 2 {
  return insn.opcode === LD_IMM64 ? 2 : 1;
}

/** The two slots of `ld_imm64 dst, value`, `src` saying what the value stands for. */
export function ldImm64(dst: number, value: bigint, src = 0): [Insn, Insn] {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return [
    { opcode: LD_IMM64, dst, src, off: 0, imm: low },
    { opcode: 0, dst: 0, src: 0, off: 0, imm: high },
  ];
}
