import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bench, describe } from 'vitest';
import { parseBtf } from '../src/btf/index.ts';
import { parseObject, relocateCore } from '../src/object/index.ts';
import { compileLarge } from './large-object.ts';

const root = resolve(import.meta.dirname, '..');
const small = readFileSync(join(root, 'examples/shared/shared.bpf.o'));
const large = compileLarge();
const VMLINUX = '/sys/kernel/btf/vmlinux';
const vmlinux = existsSync(VMLINUX) ? readFileSync(VMLINUX) : undefined;

/** Opens and relocates everything in an object, as a load does. */
function relocateAll(bytes: Uint8Array, target: ReturnType<typeof parseBtf>): void {
  const spec = parseObject(bytes);
  for (const program of spec.programs) if (spec.btf !== undefined) relocateCore(program, spec.btf, [target]);
}

/** What opening and relocating an object costs in memory, in a process of its own; that needs dist/. */
function memory(bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  try {
    const file = join(folder, 'object.o');
    writeFileSync(file, bytes);
    const words = ['--expose-gc', join(root, 'bench/memory.js'), file, ...(vmlinux === undefined ? [] : [VMLINUX])];
    const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    if (status !== 0) return 'memory is left out: npm run build first';
    const figures: Record<string, number> = JSON.parse(stdout);
    const mb = (name: string) => `${((figures[name] ?? 0) / 1e6).toFixed(1)} MB`;
    return `memory: peak ${mb('start')} with Node alone, ${mb('opened')} opened, ${mb('relocated')} relocated; live then: heap ${mb('heap')}, buffers ${mb('external')}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('reading objects', () => {
  bench('open shared.bpf.o', () => void parseObject(small));
  if (large === undefined) {
    console.log('no clang-19: the large object is left out');
  } else {
    const { programs } = parseObject(large);
    const insns = programs.reduce((sum, program) => sum + program.insns.length / 8, 0);
    console.log(`large object: ${large.length} bytes, ${programs.length} programs, ${insns} instructions`);
    console.log(memory(large));
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
