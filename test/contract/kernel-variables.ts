import { expect, it } from 'vitest';
import { load, openObject, VerifierError } from '../../src/index.ts';
import { findSymbols } from '../../src/loader/kallsyms.ts';
import { kernelBtf } from '../../src/loader/kernel-btf.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { objectBytes } from '../support/objects.ts';
import { outcome, Session } from './session.ts';

/** What each program of kernel_vars.c leaves in `seen`. */
const SEEN: Readonly<Record<string, readonly number[]>> = {
  each_cpu: [0, 1, 1, 1, 0],
  this_cpu: [1, 1, 0],
  missing: [1],
};

/** Why the others are refused. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  writes: /R\d+ cannot write into rdonly_mem/,
  writes_struct: /only read is supported/,
  unchecked: /R\d+ invalid mem access 'ptr_or_null_'/,
  direct: /percpu_ptr/,
};

/** What stands in the place of a type's id, and the BTF's fd: what BPF_PROG_LOAD answers. */
const WRONG: readonly (readonly [name: string, id: (kernel: Kernel) => number, fd: number, want: string])[] = [
  ['no type', () => 0x7ffffff, 0, `ENOENT ldimm64 insn specifies invalid btf_id ${0x7ffffff}.`],
  [
    'a struct',
    (kernel) => kernelBtf(kernel).find('struct', 'task_struct') ?? 0,
    0,
    "EINVAL pseudo btf_id N in ldimm64 isn't KIND_VAR or KIND_FUNC",
  ],
  ['a function', (kernel) => kernelBtf(kernel).find('func', 'bpf_fentry_test1') ?? 0, 0, 'ok processed N insns'],
  ['an fd of no BTF', () => 1, 999, 'EINVAL invalid module BTF object FD specified.'],
];

const NO_ADDRESS = /^ldimm64 failed to find the address for kernel symbol '(runqueues|bpf_prog_active)'\./;

/** The same programs on every kernel. A Linux without CONFIG_KALLSYMS_ALL knows of variables only what type they have, and refuses whatever names one. */
export function kernelVariables(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/kernel_vars.o'), { file: 'kernel_vars.o' });
  const loadOne = (name: string) =>
    load(kernel, object, { programs: object.spec.programs.filter((program) => program.name === name) });

  const hasAddresses = findSymbols(kernel, (name) => name === 'runqueues').size > 0;
  it.each(hasAddresses ? Object.keys(SEEN) : ['missing'])('%s', (name) => {
    using loaded = loadOne(name);
    loaded.program(name).run({ data: new Uint8Array(64) });
    const seen = (loaded.globals.seen as bigint[]).map(Number); // __s64[16]
    expect(seen.slice(0, SEEN[name]?.length)).toEqual(SEEN[name]);
  });

  const without = ['each_cpu', 'this_cpu', ...Object.keys(REFUSED)].map((name) => [name, NO_ADDRESS] as const);
  it.each(hasAddresses ? Object.entries(REFUSED) : without)('%s', (name, why) => {
    let log = '';
    try {
      loadOne(name)[Symbol.dispose]();
    } catch (error) {
      if (error instanceof VerifierError) log = error.log;
      else throw error;
    }
    expect(log).toMatch(why);
  });

  it.each(WRONG)('%s', (_name, id, fd, want) => expect(answerTo(kernel, id(kernel), fd)).toBe(want));
}

/** What BPF_PROG_LOAD answers to a program that names what has an id in a BTF, and the first line of the log. */
export function answerTo(kernel: Kernel, imm: number, fd: number): string {
  using session = new Session(kernel);
  const log_buf = new Uint8Array(4096);
  const insns = bytecode({ opcode: 0x18, dst: 1, src: 3, imm }, { opcode: 0, imm: fd }, I.mov(0, 0), I.exit);
  const attr = { insns, insn_cnt: insns.length / 8, log_level: 1, log_size: log_buf.length, log_buf };
  const answer = outcome(() => void session.prog(attr));
  const [line = ''] = new TextDecoder().decode(log_buf).split(/[\n\0]/);
  return `${answer} ${line.replace(/btf_id \d+ in/, 'btf_id N in').replace(/processed \d+ insns.*/, 'processed N insns')}`;
}
