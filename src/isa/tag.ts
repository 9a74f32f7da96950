import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeInsn, INSN_SIZE } from './insn.ts';
import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, LD_IMM64 } from './opcode.ts';

/**
 * The tag by which the kernel names a program's code: the first 8 bytes of a digest over the instructions as they are given to BPF_PROG_LOAD, with
 * the immediates of map references zeroed. `sha256` since Linux 6.18, `sha1` before.
 */
export function programTag(insns: Uint8Array, digest: 'sha256' | 'sha1' = 'sha256'): Uint8Array {
  const masked = new Uint8Array(insns);
  for (let i = 0; i < masked.length / INSN_SIZE; i++) {
    if (masked[INSN_SIZE * i] !== LD_IMM64) continue;
    const { src } = decodeInsn(masked, i);
    if (src === BPF_PSEUDO_MAP_FD || src === BPF_PSEUDO_MAP_VALUE) {
      masked.fill(0, INSN_SIZE * i + 4, INSN_SIZE * i + 8);
      masked.fill(0, INSN_SIZE * i + 12, INSN_SIZE * i + 16);
    }
    i++;
  }
  return (digest === 'sha256' ? sha256(masked) : sha1(masked)).slice(0, 8);
}
