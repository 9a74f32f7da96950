import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { BpfError, SysError, VerifierError } from '../../src/errors.ts';
import { INSN_SIZE } from '../../src/isa/index.ts';
import { load } from '../../src/loader/load.ts';
import { BpfObject, openObject } from '../../src/loader/object.ts';
import type { ObjectSpec, ProgramSpec } from '../../src/object/spec.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { lastWords, type Session } from '../contract/session.ts';
import { objectBytes } from '../support/objects.ts';

/** Programs of the repository with some instructions changed: most are wrong in one place, deep inside. */
interface Original {
  readonly spec: ObjectSpec;
  readonly program: ProgramSpec;
}
export interface Mutant {
  /** A fraction of the list of programs. */
  readonly which: number;
  readonly changes: readonly Change[];
}

/** They have numbers of maps in their instructions, of which each kernel has others. */
const OWN_NUMBERS = /SKEP-V084-before/;
/** Programs that take longer are left out. */
const MAX_INSNS = 400;
const FOLDERS = ['test/objects', 'test/objects/violations'];

/** Those that all kernels answer alike as they are; what some kernel has not does not tell of its verifier. */
export function originals(kernels: readonly Kernel[]): readonly Original[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.o') && !OWN_NUMBERS.test(name))
      .flatMap((name) => programsOf(`${folder}/${name}`))
      .filter(({ spec, program }) => {
        const answers = kernels.map((kernel) => answerOf(kernel, spec, program));
        return answers.every((answer) => answer === answers[0]);
      }),
  );
}

function programsOf(path: string): Original[] {
  try {
    const { spec } = openObject(objectBytes(path), { file: path });
    return spec.programs
      .filter(({ insns }) => insns.length <= MAX_INSNS * INSN_SIZE)
      .map((program) => ({ spec, program }));
  } catch (error) {
    if (error instanceof BpfError) return []; // some are broken on purpose
    throw error;
  }
}

const value = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.constantFrom(15, 16, 31, 32, 63, 64, 255, 256, 4096, -512, -520, 40, 76, 80, 0x7fff_ffff, -0x8000_0000),
);
const change = fc.record({
  kind: fc.constantFrom('imm', 'add to imm', 'off', 'add to off', 'dst', 'src', 'operation', 'copy'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  value,
});
type Change = typeof change extends fc.Arbitrary<infer C> ? C : never;

export const mutant: fc.Arbitrary<Mutant> = fc.record({
  which: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  changes: fc.array(change, { minLength: 1, maxLength: 3 }),
});

/** What a kernel says of it: the program, `ok` or the errno and the last words, and after how many steps. */
export function runMutant(all: readonly Original[], { kernel }: Session, { which, changes }: Mutant): string[] {
  const original = all[Math.floor(which * all.length)];
  if (original === undefined) return [];
  const { spec, program } = original;
  const answer = answerOf(kernel, spec, { ...program, insns: changed(program, changes) });
  return [`${spec.file} ${program.name}: ${answer}`];
}

function answerOf(kernel: Kernel, spec: ObjectSpec, program: ProgramSpec): string {
  try {
    load(kernel, new BpfObject({ ...spec, programs: [program] }), { programs: [program] }).close();
    return 'ok';
  } catch (error) {
    if (error instanceof VerifierError) {
      const steps = /processed (\d+) insns/.exec(error.log)?.[1];
      return `${withoutAddresses(lastWords(new TextEncoder().encode(`${error.log}\0`)))}, after ${steps}`;
    }
    if (error instanceof SysError) return `${error.syscall} ${error.code}`;
    if (error instanceof BpfError) return error.message;
    throw error;
  }
}

/** Numbers that each kernel has its own of. */
function withoutAddresses(words: string): string {
  return words.replace(/(?<=^(?:value|fd|ldimm64 insn specifies invalid btf_id|.*#)\s?)-?\d+/, 'N');
}

function changed({ insns, references, externs }: ProgramSpec, changes: readonly Change[]): Uint8Array {
  const made = new Uint8Array(insns);
  const view = new DataView(made.buffer);
  // There each kernel's loader puts numbers of its own: they stay what they are.
  const kept = new Set([...references, ...externs].flatMap(({ insn }) => [insn, insn + 1]));
  for (const { kind, at, value } of changes) {
    const index = Math.floor(at * (made.length / INSN_SIZE));
    if (kept.has(index)) continue;
    const slot = INSN_SIZE * index;
    const [opcode = 0, registers = 0] = made.subarray(slot);
    switch (kind) {
      case 'imm':
        view.setInt32(slot + 4, value, true);
        break;
      case 'add to imm':
        view.setInt32(slot + 4, view.getInt32(slot + 4, true) + value, true);
        break;
      case 'off':
        view.setInt16(slot + 2, value, true);
        break;
      case 'add to off':
        view.setInt16(slot + 2, view.getInt16(slot + 2, true) + value, true);
        break;
      case 'dst':
        made[slot + 1] = (registers & 0xf0) | (Math.abs(value) % 11);
        break;
      case 'src':
        made[slot + 1] = (registers & 0x0f) | ((Math.abs(value) % 11) << 4);
        break;
      case 'operation':
        // Of loads and stores the size is there.
        made[slot] = (opcode & 4) !== 0 ? (opcode & 0x0f) | ((value & 15) << 4) : (opcode & ~0x18) | ((value & 3) << 3);
        break;
      case 'copy':
        if (!kept.has(Math.abs(value))) copyInsn(made, Math.min(Math.abs(value), made.length / INSN_SIZE - 1), slot);
        break;
    }
  }
  return made;
}

function copyInsn(insns: Uint8Array, from: number, to: number): void {
  insns.copyWithin(to, INSN_SIZE * from, INSN_SIZE * (from + 1));
}
