import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../src/engine/embedded/index.ts';
import { BpfError, SysError } from '../src/errors.ts';
import { listMaps, listPrograms, load, openObject } from '../src/loader/index.ts';
import type { Kernel } from '../src/sys/kernel.ts';
import { objectBytes } from './support/objects.ts';

/** A kernel of which one call fails: the `n`-th, counted from 0. Calls that only take back are let through. */
function failing(kernel: Kernel, n: number): { kernel: Kernel; failed: () => string | undefined } {
  let left = n;
  let failed: string | undefined;
  const harmless = new Set<unknown>(['close', 'unlink', 'rmdir', 'wait']);
  return {
    failed: () => failed,
    kernel: new Proxy(kernel, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (harmless.has(name)) return value.bind(target);
        return (...args: unknown[]) => {
          // A program that is refused is tried again for its log, and refused again.
          if (left-- === 0 || (args[0] === 'BPF_PROG_LOAD' && failed === 'bpf BPF_PROG_LOAD')) {
            failed = `${String(name)} ${String(args[0])}`;
            throw new SysError(5, failed);
          }
          return value.apply(target, args);
        };
      },
    }),
  };
}

/** All that a load could leave behind. */
function left(kernel: Kernel): object {
  const tree = (path: string): string[] =>
    kernel.readdir(path).flatMap((name) => {
      const child = `${path}/${name}`;
      return (kernel.lstat(child).mode & 0o170000) === 0o040000 ? [child, ...tree(child)] : [child];
    });
  return {
    maps: [...listMaps(kernel)].map((map) => map.name),
    programs: [...listPrograms(kernel)].map((program) => program.name),
    pins: tree('/sys/fs/bpf'),
    fds: kernel.readdir('/proc/self/fd').length,
  };
}

describe.each([
  'examples/shared/shared.bpf.o',
  'examples/shared/shared_object_ns.bpf.o',
  'examples/globals/template.bpf.o',
  'test/objects/tail.o',
  'test/objects/mixed.o',
  'test/objects/swap.o',
  'test/objects/externs.o',
])('loading %s', (file) => {
  const bytes = objectBytes(file);

  it('leaves nothing behind, whichever call fails', () => {
    const failures: string[] = [];
    for (let n = 0; n < 500; n++) {
      using machine = createEmbeddedKernel();
      const clean = left(machine.kernel);
      const { kernel, failed } = failing(machine.kernel, n);
      let error: unknown;
      try {
        load(kernel, openObject(bytes, { file }), { type: 'sched_cls' }).close();
      } catch (thrown) {
        error = thrown;
      }
      if (failed() === undefined) {
        expect(error).toBeUndefined();
        expect(failures.length).toBeGreaterThan(8);
        return;
      }
      failures.push(failed() ?? '');
      expect([failed(), error]).toEqual([failed(), expect.any(BpfError)]);
      expect([failed(), left(machine.kernel)]).toEqual([failed(), clean]);
    }
    throw new Error(`the load never got through: ${failures.join('; ')}`);
  });
});
