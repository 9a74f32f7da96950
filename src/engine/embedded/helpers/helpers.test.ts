import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytecode, I } from '../../../../test/support/bytecode.ts';
import { attachTypeNumber, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { HELPERS } from '../../../uapi/helpers.ts';
import { createEmbeddedKernel } from '../index.ts';
import type { ProgType } from '../progs/prog-type.ts';
import { PROG_TYPE_BY_NUMBER } from '../progs/table.ts';
import { allowedHelpers } from './allowed.ts';
import { HELPER_BY_ID } from './table.ts';

const TYPES = [...PROG_TYPE_BY_NUMBER.values()];
const hookOf = (type: ProgType) => attachTypeNumber[type.attachTypes?.[0] ?? 'cgroup_inet_ingress'];
/** Those that are there, of what the type may call at one of its hooks at least. */
const callable = (type: ProgType) => {
  const hooks = (type.attachTypes ?? (['trace_iter', 'trace_fentry'] as const)).map((name) => attachTypeNumber[name]);
  const names = new Set([0, ...hooks].flatMap((hook) => allowedHelpers(type.name, hook)));
  return [...names].filter((name) => HELPER_BY_ID[HELPERS.indexOf(name)] !== undefined);
};

describe('the table of helpers', () => {
  it('has the ids and names of the kernel', () => {
    for (const [id, helper] of HELPER_BY_ID.entries())
      if (helper !== undefined) expect([helper.id, helper.name]).toEqual([id, HELPERS[id]]);
  });

  // A program of type ext may call what its target may.
  const own = TYPES.filter(({ name }) => name !== 'ext');
  it.each(own.map((type) => [type.name, type] as const))('%s may call each once', (_name, type) => {
    const helpers = allowedHelpers(type.name, hookOf(type));
    expect(new Set(helpers).size).toBe(helpers.length);
    expect(callable(type).length).toBeGreaterThan(40);
  });

  it('has none that no program may call', () => {
    const allowed = new Set<string>(TYPES.flatMap(callable));
    expect(HELPER_BY_ID.flatMap((helper) => (helper && !allowed.has(helper.name) ? [helper.name] : []))).toEqual([]);
  });
});

/** What an argument is made of. A number stands for itself. */
type Argument = 'context' | 'stack' | 'array' | 'percpu' | bigint;

describe('helpers with any arguments at all', () => {
  const argument: fc.Arbitrary<Argument> = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('context', 'context', 'stack', 'array', 'percpu') },
    { weight: 2, arbitrary: fc.bigInt(-2n, 70n) },
    { weight: 1, arbitrary: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) },
  );

  const packets = TYPES.filter(({ testRun }) => testRun === 'skb' || testRun === 'xdp');
  it.each(packets.map((type) => [type.name, type] as const))('end with a result or a fault: %s', (_name, type) => {
    using kernel = createEmbeddedKernel({ verifier: 'off' }).kernel;
    const createMap = (map_type: number) =>
      kernel.bpf('BPF_MAP_CREATE', { map_type, key_size: 4, value_size: 8, max_entries: 2 });
    const maps = { array: createMap(mapTypeNumber.array), percpu: createMap(mapTypeNumber.percpu_array) };
    const set = (register: number, value: Argument) => {
      if (value === 'context') return I.movReg(register, 6);
      if (value === 'stack') return [I.movReg(register, 10), I.add(register, -64)];
      if (typeof value === 'string') return I.mapFd(register, maps[value]);
      return I.imm64(register, value);
    };
    const ids = callable(type).map((name) => HELPERS.indexOf(name));
    const call = fc.tuple(fc.constantFrom(...ids), fc.array(argument, { minLength: 5, maxLength: 5 }));
    fc.assert(
      fc.property(
        fc.array(call, { minLength: 1, maxLength: 4 }),
        fc.uint8Array({ minLength: 54, maxLength: 80 }),
        (calls, data) => {
          const insns = bytecode(
            I.movReg(6, 1),
            ...calls.flatMap(([id, values]) => [...values.flatMap((value, i) => set(i + 1, value)), I.call(id)]),
            I.mov(0, 0),
            I.exit,
          );
          const prog_fd = kernel.bpf('BPF_PROG_LOAD', {
            prog_type: progTypeNumber[type.name],
            insns,
            insn_cnt: insns.length / 8,
            license: 'GPL',
          });
          data.set(data.length % 2 ? [0x08, 0x00] : [0x81, 0x00], 12);
          const attr = { prog_fd, data_in: data, data_size_in: data.length, retval: 0 };
          kernel.bpf('BPF_PROG_TEST_RUN', attr);
          expect(attr.retval).toBe(0);
          kernel.close(prog_fd);
        },
      ),
      { seed: 11, numRuns: 300 },
    );
  });
});
