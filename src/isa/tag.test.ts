import { describe, expect, it } from 'vitest';
import { toHex } from '../bytes/hex.ts';
import { encodeInsns, ldImm64 } from './insn.ts';
import { programTag } from './tag.ts';

const returnZero = encodeInsns([{ opcode: 0xb7 }, { opcode: 0x95 }]);

describe('programTag', () => {
  // Seen on Linux 6.18 and on Linux 6.12.
  it.each([
    ['sha256', '59f4a931744dcdc6'],
    ['sha1', 'a04f5eef06a7f555'],
  ] as const)('%s of "r0 = 0; exit"', (digest, tag) => {
    expect(toHex(programTag(returnZero, digest))).toBe(tag);
  });

  it.each([
    ['map fds', 1, true],
    ['places in map values', 2, true],
    ['BTF ids', 3, false],
    ['plain numbers', 0, false],
  ])('%s (src %i) do not matter: %s', (_, src, masked) => {
    const program = (value: bigint) => encodeInsns([...ldImm64(1, value, src), { opcode: 0xb7 }, { opcode: 0x95 }]);
    expect(toHex(programTag(program(0x500000007n))) === toHex(programTag(program(0n)))).toBe(masked);
  });

  it('leaves the program as it was', () => {
    const program = encodeInsns([...ldImm64(1, 5n, 1), { opcode: 0x95 }]);
    const before = toHex(program);
    programTag(program);
    expect(toHex(program)).toBe(before);
  });
});
