import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel, type EmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { BpfError } from '../../src/errors.ts';
import { load, openObject } from '../../src/index.ts';
import type { LoadedObject } from '../../src/loader/loaded.ts';
import type { BpfProgram } from '../../src/loader/program.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { root } from '../support/kernels.ts';
import { objectBytes } from '../support/objects.ts';

const FOLDERS = ['bench/programs', 'examples', 'test/objects'];
const FRAME = Uint8Array.from(
  { length: 64 },
  (_, i) => [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 50][i] ?? i * 7,
);
const RUNS = 3;
/** Maps that programs write addresses into: two kernels have other things at other places. */
const WITH_ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  'test/objects/system_helpers.o': ['.bss', '.data'],
};
const compiling = createEmbeddedKernel({ clock: 'manual' });
const interpreting = createEmbeddedKernel({ clock: 'manual', jit: 'off' });

const objects = FOLDERS.flatMap((folder) =>
  readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
    // Those that show what is refused are loaded by test/explain.
    .filter((file) => file.endsWith('.o') && !file.startsWith('violations/'))
    .map((file) => `${folder}/${file}`),
).sort();

/** What the programs of an object return and leave in its maps, and what the trace log says; why it cannot be loaded, if it cannot. */
function observe({ kernel, lab }: EmbeddedKernel, path: string): { readonly lines: string[]; readonly trace: string } {
  try {
    using loaded = load(kernel, openObject(objectBytes(path), { file: path }));
    const lines = Object.values(loaded.programs).flatMap((program) => outcomes(program));
    lab.clock.advance(10_000_000_000n);
    return { lines: [...lines, ...contents(loaded, WITH_ADDRESSES[path])], trace: traced(kernel) };
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return { lines: [error.message], trace: '' };
  }
}

function outcomes(program: BpfProgram): string[] {
  return Array.from({ length: RUNS }, () => {
    for (const options of [{ data: FRAME }, {}]) {
      try {
        const { retval, data } = program.run(options);
        return `${program.name}: ${retval} ${Buffer.from(data).toString('hex')}`;
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
      }
    }
    return `${program.name} cannot be run`;
  });
}

function contents(loaded: LoadedObject, except: readonly string[] = []): string[] {
  return Object.entries(loaded.maps).flatMap(([name, map]) => {
    if (except.includes(name)) return [];
    try {
      return [...map.entriesBytes()].map(
        (entry) => `${name}: ${entry.map((bytes) => Buffer.from(bytes).toString('hex')).join(' ')}`,
      );
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      return [`${name} has no entries to read`];
    }
  });
}

/** What the kernel says of the programs that it does not compile. */
function traced(kernel: Kernel): string {
  const pipe = kernel.open('/sys/kernel/tracing/trace_pipe', 0);
  const bytes = new Uint8Array(1 << 16);
  try {
    const text = new TextDecoder().decode(bytes.subarray(0, kernel.read(pipe, bytes)));
    return (text.match(/\(\w+\) is interpreted: .*/g) ?? []).join('\n');
  } catch {
    return '';
  } finally {
    kernel.close(pipe);
  }
}

describe('compiled objects do what interpreted ones do', () => {
  let ran = 0;
  it.each(objects)('%s', (path) => {
    const compiled = observe(compiling, path);
    expect(compiled.lines).toEqual(observe(interpreting, path).lines);
    expect(compiled.trace).toBe('');
    ran += compiled.lines.length;
  });

  it('and some of them were run', () => {
    expect(ran).toBeGreaterThan(300);
  });
});
