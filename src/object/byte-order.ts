import { INSN_SIZE } from '../isa/index.ts';

/**
 * Big-endian code as a little-endian machine would have it. An instruction is the same struct on both, laid out by each in its own way:
 *
 *     byte            0       1                 2-3   4-7
 *     little-endian   opcode  src << 4 | dst    off   imm    least significant byte first
 *     big-endian      opcode  dst << 4 | src    off   imm    most significant byte first
 */
export function swapInsns(code: Uint8Array): Uint8Array {
  const bytes = code.slice();
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + INSN_SIZE <= bytes.length; at += INSN_SIZE) {
    const registers = view.getUint8(at + 1);
    view.setUint8(at + 1, (registers >> 4) | (registers << 4));
    view.setInt16(at + 2, view.getInt16(at + 2), true);
    view.setInt32(at + 4, view.getInt32(at + 4), true);
  }
  return bytes;
}
