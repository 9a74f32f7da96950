import { bench, describe } from 'vitest';
import { createEmbeddedKernel } from '../src/engine/embedded/embedded.ts';
import { createLinuxKernel } from '../src/engine/linux/kernel.ts';
import { encodeInsns, parseAssembly } from '../src/isa/index.ts';
import type { Kernel } from '../src/sys/kernel.ts';
import { mapTypeNumber, progTypeNumber } from '../src/uapi/bpf.ts';
import type { Fd } from '../src/uapi/fd.ts';

const repeated = (count: number, text: (i: number) => string) => Array.from({ length: count }, (_, i) => text(i));

const LOOKUP = `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map[name:hash]
  call bpf_map_lookup_elem`;

/** What takes a verifier long, each for a reason of its own. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'a program of two instructions': ['r0 = 0', 'exit'],
  'a loop that is counted, 10,000 rounds': ['r1 = 0', 'l:', 'r1 += 1', 'if r1 < 10000 goto l', 'r0 = 0', 'exit'],
  'a straight line, 4,000 instructions': ['r0 = 1', ...repeated(1333, (i) => `r0 *= 3\nr0 ^= ${i}\nr0 >>= 1`), 'exit'],
  '300 branches whose paths are the same again': [
    'r6 = r1',
    ...repeated(300, (i) => `r0 = *(u32 *)(r6 + 0)\nif r0 > ${i} goto l${i}\nr0 += 1\nl${i}:`),
    'r0 = 0',
    'exit',
  ],
  '200 lookups in a map, each asked for and counted': [
    ...repeated(200, (i) => `${LOOKUP}\nif r0 == 0 goto l${i}\nr1 = 1\nlock *(u64 *)(r0 + 0) += r1\nl${i}:`),
    'r0 = 0',
    'exit',
  ],
};

/** Loads a program, which verifies it, and lets it go. On Linux that is compiling it as well. */
function loader(kernel: Kernel, lines: readonly string[]): () => void {
  const fds: Fd[] = [];
  const map = () => {
    const attr = { map_type: mapTypeNumber.hash, key_size: 4, value_size: 8, max_entries: 4 };
    const fd = fds[0] ?? kernel.bpf('BPF_MAP_CREATE', attr);
    fds[0] = fd;
    return fd;
  };
  const insns = encodeInsns(parseAssembly(lines.join('\n'), { map }));
  const attr = { prog_type: progTypeNumber.socket_filter, insns, insn_cnt: insns.length / 8, license: 'GPL' };
  return () => kernel.close(kernel.bpf('BPF_PROG_LOAD', attr));
}

/** Linux, where it lets this process load programs. */
function linuxLoader(lines: readonly string[]): (() => void) | undefined {
  try {
    const load = loader(createLinuxKernel(), lines);
    load();
    return load;
  } catch (error) {
    console.log(`linux is left out: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

for (const [name, lines] of Object.entries(PROGRAMS)) {
  describe(`verifying ${name}`, () => {
    const linux = linuxLoader(lines);
    if (linux !== undefined) bench('linux', linux);
    bench('embedded', loader(createEmbeddedKernel().kernel, lines));
  });
}
