import type { ElfRelocation } from '../elf/index.ts';
import { BPF_PSEUDO_CALL, decodeInsn, INSN_SIZE, type Insn, insnSlots, LD_IMM64, operationOf } from '../isa/index.ts';
import { isCode, type ObjectFile } from './file.ts';

/** Where a function is: index of the section, bytes in it. */
export interface CodePlace {
  readonly section: number;
  readonly offset: number;
}

/**
 * The function that an instruction calls or takes the address of. Compilers name it by its symbol, or by the section's with the offset in the
 * instruction; a call within a section has no relocation.
 */
export function codeTarget(insn: Insn, at: CodePlace, relocation: ElfRelocation | undefined): CodePlace | undefined {
  const { section, value } = relocation?.symbol ?? { section: at.section, value: at.offset + INSN_SIZE };
  if (isLocalCall(insn)) return { section, offset: value + INSN_SIZE * (relocation ? insn.imm + 1 : insn.imm) };
  return relocation !== undefined && insn.opcode === LD_IMM64 ? { section, offset: value + insn.imm } : undefined;
}

/** All places of an object where the code of another place leads to, by section. */
export function callTargets({ elf, relocations }: ObjectFile): ReadonlyMap<number, ReadonlySet<number>> {
  const targets = new Map(elf.sections.filter(isCode).map(({ index }) => [index, new Set<number>()]));
  for (const section of elf.sections.filter(isCode)) {
    const own = new Map((relocations.get(section.index) ?? []).map((relocation) => [relocation.offset, relocation]));
    for (let offset = 0; offset + INSN_SIZE <= section.size; ) {
      const insn = decodeInsn(section.data, offset / INSN_SIZE);
      const target = codeTarget(insn, { section: section.index, offset }, own.get(offset));
      if (target !== undefined) targets.get(target.section)?.add(target.offset);
      offset += INSN_SIZE * insnSlots(insn);
    }
  }
  return targets;
}

export function isLocalCall(insn: Insn): boolean {
  return operationOf(insn.opcode)?.kind === 'call' && insn.src === BPF_PSEUDO_CALL;
}
