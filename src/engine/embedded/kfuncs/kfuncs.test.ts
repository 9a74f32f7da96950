import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../../../test/support/objects.ts';
import { parseBtf } from '../../../btf/index.ts';
import { load, openObject } from '../../../index.ts';
import { encodeInsns, type Insn } from '../../../isa/index.ts';
import { createEmbeddedKernel } from '../embedded.ts';
import { Machine } from '../machine.ts';
import { embeddedKernelBtf } from '../types/kernel-btf.ts';
import { KFUNCS } from '../verifier/kfunc-table.ts';
import { KFUNC_TABLE } from './table.ts';

const btf = parseBtf(embeddedKernelBtf());
const TC = 3;

it('the verifier knows each, and each is in the types of the kernel', () => {
  for (const { name, args, prototype } of KFUNC_TABLE) {
    expect(KFUNCS.has(name), name).toBe(true);
    const func = btf.type(btf.find('func', name) ?? 0);
    const proto = func.kind === 'func' ? btf.type(func.typeId) : func;
    // What stands behind the last argument that is read, the kernel itself sets.
    expect(proto.kind === 'func_proto' ? proto.params.length : -1, prototype).toBeGreaterThanOrEqual(args.length);
  }
});

it('what programs made is gone with them and their maps', () => {
  const machine = new Machine();
  using kernel = machine.openProcess();
  const object = openObject(objectBytes('test/objects/kobjects.o'), { file: 'kobjects.o' });
  const before = machine.charged;
  {
    using loaded = load(kernel, object);
    for (const { name } of object.spec.programs)
      loaded.program(name).run(name === 'cpumasks' ? {} : { data: new Uint8Array(64) });
  }
  machine.timers.runDue();
  expect(machine.charged).toBe(before);
});

describe('one that is not there', () => {
  const missing = [...KFUNCS.keys()].find((name) => !KFUNC_TABLE.some((known) => known.name === name)) ?? '';

  it('is refused at load by its name', () => {
    // A kernel whose types have more functions than it has.
    const bytes = embeddedKernelBtf();
    const text = new TextDecoder('latin1').decode(bytes);
    const known = KFUNC_TABLE.find(({ name }) => name.length === missing.length)?.name ?? '';
    const at = text.indexOf(`\0${known}\0`);
    expect(at).toBeGreaterThan(0);
    bytes.set(new TextEncoder().encode(missing), at + 1);
    using embedded = createEmbeddedKernel({ btf: bytes });
    const imm = parseBtf(bytes).find('func', missing) ?? 0;
    const insns = encodeInsns([
      { opcode: 0x85, dst: 0, src: 2, off: 0, imm },
      { opcode: 0xb7, dst: 0, src: 0, off: 0, imm: 0 },
      { opcode: 0x95, dst: 0, src: 0, off: 0, imm: 0 },
    ]);
    const log_buf = new Uint8Array(4096);
    const attr = { insns, insn_cnt: 3, license: 'GPL', log_buf, log_size: 4096, log_level: 1 };
    expect(() => embedded.kernel.bpf('BPF_PROG_LOAD', { ...attr, prog_type: 6 })).toThrow('524');
    expect(new TextDecoder().decode(log_buf)).toContain(
      `calling kernel function ${missing}: the embedded kernel does not have it yet`,
    );
  });
});

describe('programs that nobody has shown safe', () => {
  const insn = (opcode: number, dst: number, src: number, imm: number, off = 0): Insn => ({
    opcode,
    dst,
    src,
    off,
    imm,
  });
  /** What an argument is made of. */
  const argument = fc.oneof(
    fc.integer({ min: -2, max: 70 }).map((imm) => (dst: number) => [insn(0xb7, dst, 0, imm)]),
    fc.integer({ min: 1, max: 64 }).map((n) => (dst: number) => [insn(0xbf, dst, 10, 0), insn(0x07, dst, 0, -8 * n)]),
    fc.constantFrom(6, 7, 8, 9).map((src) => (dst: number) => [insn(0xbf, dst, src, 0)]),
    fc.constantFrom(8, 16, 24).map((off) => (dst: number) => [insn(0xbf, dst, 9, 0), insn(0x07, dst, 0, off)]),
    fc.integer().map((imm) => (dst: number) => [insn(0x18, dst, 0, imm), insn(0, 0, 0, imm >> 3)]),
  );
  const call = fc.tuple(
    fc.constantFrom(...KFUNC_TABLE.map(({ name }) => btf.find('func', name) ?? 0)),
    fc.tuple(argument, argument, argument, argument, argument),
    fc.constantFrom(6, 7, 8, 9),
  );

  it('harm nobody', () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 30 }), (calls) => {
        using embedded = createEmbeddedKernel({ verifier: 'off', clock: 'manual' });
        const body = calls.flatMap(([imm, args, kept]) => [
          ...args.flatMap((make, i) => make(i + 1)),
          insn(0x85, 0, 2, imm),
          insn(0xbf, kept, 0, 0),
        ]);
        const all = [
          ...[6, 7, 8].map((dst) => insn(0xb7, dst, 0, 0)),
          insn(0xbf, 9, 1, 0),
          ...body,
          insn(0xb7, 0, 0, 0),
          insn(0x95, 0, 0, 0),
        ];
        const attr = { prog_type: TC, insns: encodeInsns(all), insn_cnt: all.length, license: 'GPL' };
        const prog_fd = embedded.kernel.bpf('BPF_PROG_LOAD', attr);
        const run = { prog_fd, data_in: new Uint8Array(64), data_size_in: 64 };
        embedded.kernel.bpf('BPF_PROG_TEST_RUN', run);
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});
