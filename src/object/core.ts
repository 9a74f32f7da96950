import { type Btf, type CoreResult, resolveCore } from '../btf/index.ts';
import { ObjectError } from '../errors.ts';
import { decodeInsn, patchInsn, poison } from '../isa/index.ts';
import type { CoreReference, ProgramSpec } from './spec.ts';

/** A program fitted to one kernel's types. */
export interface CoreRelocated {
  readonly insns: Uint8Array;
  /** Relocations for which the kernel has no answer, by slot. The program can be loaded if it never comes there. */
  readonly poisoned: ReadonlyMap<number, string>;
}

/**
 * Applies a program's CO-RE relocations against the types of a kernel: a type is looked for in the first of `targets` that has one of its name, as
 * modules have types that the kernel has not. Throws ObjectError if a relocation makes no sense, or does not fit the instruction that it is about.
 */
export function relocateCore(program: ProgramSpec, local: Btf, targets: Iterable<Btf>): CoreRelocated {
  const insns = new Uint8Array(program.insns);
  const poisoned = new Map<number, string>();
  const known = new Map<string, CoreResult>();
  for (const relocation of program.coreRelocations) {
    // A program reads the same field at many places.
    const key = `${relocation.kind} ${relocation.typeId} ${relocation.access}`;
    const result = known.get(key) ?? resolveCore(local, targets, relocation);
    known.set(key, result);
    if (!patch(insns, relocation, result)) {
      poison(insns, relocation.insn);
      poisoned.set(relocation.insn, result.text);
    }
  }
  return { insns, poisoned };
}

/** Puts the answer into the instruction; false if it must be poisoned. */
function patch(insns: Uint8Array, { insn: slot }: CoreReference, result: CoreResult): boolean {
  const { value, expected, text } = result;
  if (value === undefined) return false;
  const patched = patchInsn(insns, slot, { ...result, value });
  switch (patched.kind) {
    case 'patched':
      return true;
    case 'no size':
      return false;
    case 'mismatch':
      throw new ObjectError(
        `instruction ${slot} does not hold what relocation ${text} is about: ${patched.found} instead of ${expected}`,
      );
    case 'too large':
      throw new ObjectError(`relocation ${text}: offset ${value} is too large for instruction ${slot}`);
    case 'no value':
      throw new ObjectError(
        `relocation ${text} is on instruction ${slot} with opcode 0x${decodeInsn(insns, slot).opcode.toString(16)}, which holds no value`,
      );
  }
}
