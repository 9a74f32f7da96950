import { expect, it } from 'vitest';
import { attachTracing, load, openObject } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

const object = openObject(objectBytes('test/objects/typed.o'), { file: 'typed.o' });
const named = (...names: readonly string[]) => object.spec.programs.filter(({ name }) => names.includes(name));
const REFUSED = ['fixed', 'too_far', 'not_zero', 'sleepless'];
const [EINVAL, EOPNOTSUPP] = [-22, -95];

/** Whether a kernel has programs on its functions; the running one of a virtual machine often has not (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS). */
export function hasFunctionPrograms(kernel: Kernel): boolean {
  try {
    using _loaded = load(kernel, object, { programs: named('sleeps') });
    return true;
  } catch {
    return false;
  }
}

/** Programs on the functions that test runs call, on every kernel. */
export function typedPrograms(kernel: Kernel): void {
  it('arguments, results and cookies', () => {
    using loaded = load(kernel, object, {
      programs: object.spec.programs.filter(({ name }) => !REFUSED.includes(name) && name !== 'sleeps'),
    });
    const links = Object.values(loaded.programs).map((program) =>
      attachTracing(program, program.name === 'enter1' ? { cookie: 99n, attachType: 'trace_fentry' } : {}),
    );
    for (const { info } of links)
      expect(info).toMatchObject({ type: 'tracing', targetObjId: 1, targetBtfId: expect.any(Number) });
    const numbers = (name: string, count: number) => (loaded.globals[name] as bigint[]).slice(0, count).map(Number); // __s64[]
    // The results of both functions for this, and how many of them were called; `b` is increased by one that is called.
    for (const [result, retval, seen] of [
      [0, (2 << 16) | 33, [1, 1, 0, 0, 0, 1, 4, 1]],
      [5, (1 << 16) | 34, [2, 1, 0, 0, 0, 2, 5, 2]],
      [-3, (1 << 16) | 26, [3, 1, 0, 0, 0, 3, -3, 3]],
    ] as const) {
      loaded.globals.set_result = result;
      expect(loaded.program('change').run({}).retval).toBe(retval);
      expect(numbers('changed', 8)).toEqual(seen);
    }
    expect(loaded.program('enter1').run({}).retval).toBe(0);
    expect(numbers('entered', 10)).toEqual([1, 1, 99, 406, 0, 21, EINVAL, EOPNOTSUPP, 6, EINVAL]);
    expect(numbers('left', 14)).toEqual([1, 2, 0, 2, 1, EINVAL, 1, 65, 5, 1, 0, 1, 0, 0]);
    expect(() => attachTracing(loaded.program('enter1'))).toThrow(/busy/);
    for (const link of links) link.close();
  });

  it.each([
    ['fixed', /bpf_fentry_test2\(\) is not modifiable/],
    ['too_far', /invalid bpf_context access off=24 size=8/],
    ['not_zero', /At program exit the register R0 has smin=1 smax=1 should have been in \[0, 0\]/],
    ['sleepless', /bpf_fentry_test2 is not sleepable/],
  ])('%s is refused', (name, message) => {
    expect(() => load(kernel, object, { programs: named(name) })).toThrow(message);
  });

  it('a program may sleep where the function may', () => {
    using loaded = load(kernel, object, { programs: named('sleeps') });
    expect(loaded.program('sleeps').info.type).toBe('tracing');
  });
}
