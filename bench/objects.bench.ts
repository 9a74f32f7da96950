import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bench, describe } from 'vitest';
import { parseBtf } from '../src/btf/index.ts';
import { parseObject, relocateCore } from '../src/object/index.ts';
import { compileLarge } from './large-object.ts';

const small = readFileSync(join(resolve(import.meta.dirname, '..'), 'examples/shared/shared.bpf.o'));
const large = compileLarge();
const VMLINUX = '/sys/kernel/btf/vmlinux';
const vmlinux = existsSync(VMLINUX) ? readFileSync(VMLINUX) : undefined;

/** Opens and relocates everything in an object, as a load does. */
function relocateAll(bytes: Uint8Array, target: ReturnType<typeof parseBtf>): void {
  const spec = parseObject(bytes);
  for (const program of spec.programs) if (spec.btf !== undefined) relocateCore(program, spec.btf, [target]);
}

describe('reading objects', () => {
  bench('open shared.bpf.o', () => void parseObject(small));
  if (large === undefined) {
    console.log('no clang-19: the large object is left out');
  } else {
    const { programs } = parseObject(large);
    const insns = programs.reduce((sum, program) => sum + program.insns.length / 8, 0);
    console.log(`large object: ${large.length} bytes, ${programs.length} programs, ${insns} instructions`);
    bench('open the large object', () => void parseObject(large));
    if (vmlinux !== undefined) {
      const target = parseBtf(vmlinux);
      bench('open and relocate the large object, warm', () => relocateAll(large, target));
      bench('the same, vmlinux parsed anew', () => relocateAll(large, parseBtf(vmlinux)), { iterations: 5 });
    }
  }
  if (vmlinux === undefined) console.log(`no ${VMLINUX}: left out`);
  else bench('parse vmlinux BTF', () => void parseBtf(vmlinux));
});
