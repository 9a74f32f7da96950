import { ObjectError } from '../errors.ts';
import type { ObjectSpec, ProgramSpec } from './spec.ts';

/**
 * The program that a user means: by function name, or by section, where the first function is the program, as for tc and libbpf.
 * Throws ObjectError that lists what there is.
 */
export function findProgram(
  spec: ObjectSpec,
  which: { readonly name: string } | { readonly section: string },
): ProgramSpec {
  const found =
    'name' in which
      ? spec.programs.find((program) => program.name === which.name)
      : spec.programs.find((program) => program.section === which.section);
  if (found !== undefined) return found;
  const wanted = 'name' in which ? `program ${which.name}` : `section ${which.section} with a program`;
  const there = spec.programs.map((program) => `${program.name} (section ${program.section})`);
  const list = there.length === 0 ? 'it has no programs at all' : `it has ${there.join(', ')}`;
  throw new ObjectError(`there is no ${wanted}; ${list}`, { file: spec.file });
}
