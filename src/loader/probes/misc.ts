import { concatBytes } from '../../bytes/plain.ts';
import { encodeInsns, parseAssembly } from '../../isa/index.ts';

/** Instructions that a program could have at most, before Linux 5.2 lifted that. */
const BPF_MAXINSNS = 4096;

/** What else a kernel can do, by its name in bpftool's JSON, and a program that only such a kernel loads. */
export const MISC_FEATURES = {
  large_insn_limit: () => concatBytes([...Array(BPF_MAXINSNS).fill(assemble('r0 = 1')), assemble('exit')]),
  bounded_loops: () => assemble('r0 = 10\nr0 -= 1\nif r0 != 0 goto -2\nexit'),
  v2_isa_extension: () => assemble('r0 = 0\nif r0 < 0 goto +1\nr0 = 1\nexit'),
  v3_isa_extension: () => assemble('r0 = 0\nif w0 < 0 goto +1\nr0 = 1\nexit'),
  v4_isa_extension: () => assemble('r0 = 0\nif w0 == 1 goto +1\ngotol +1\nr0 = 1\nexit'),
} as const satisfies Record<string, () => Uint8Array>;
export type MiscFeature = keyof typeof MISC_FEATURES;

function assemble(text: string): Uint8Array {
  return encodeInsns(parseAssembly(text));
}
