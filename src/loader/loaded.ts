import { UsageError } from '../errors.ts';
import type { ObjectSpec, ProgramSpec } from '../object/spec.ts';
import { createGlobals, type Globals } from './globals.ts';
import type { BpfMap } from './map.ts';
import type { BpfProgram } from './program.ts';
import { list } from './share.ts';

/**
 * A loaded object: open maps and programs by name. Closing it closes their fds; what is pinned or attached stays.
 */
export class LoadedObject implements Disposable {
  readonly spec: ObjectSpec;
  readonly maps: Readonly<Record<string, BpfMap>>;
  readonly programs: Readonly<Record<string, BpfProgram>>;
  /** The live variables, read and written through the maps. Writing to `.rodata`, which is frozen, throws SysError EPERM. */
  readonly globals: Globals;
  /** What is doubtful, e.g. a shared map whose values have another BTF layout. Sentences. */
  readonly warnings: readonly string[];
  readonly #bySpec: ReadonlyMap<ProgramSpec, BpfProgram>;

  constructor(
    spec: ObjectSpec,
    maps: ReadonlyMap<string, BpfMap>,
    programs: ReadonlyMap<ProgramSpec, BpfProgram>,
    warnings: readonly string[],
  ) {
    this.spec = spec;
    this.warnings = warnings;
    this.maps = Object.fromEntries(maps);
    this.programs = Object.fromEntries([...programs].map(([program, handle]) => [program.name, handle]));
    this.#bySpec = programs;
    const zero = new Uint8Array(4);
    this.globals = createGlobals(spec, {
      read: (name) => this.map(name).getBytes(zero) ?? new Uint8Array(0),
      write: (name, bytes) => this.map(name).setBytes(zero, bytes),
    });
  }

  /** Throws UsageError if there is no map of this name. */
  map(name: string): BpfMap {
    const map = this.maps[name];
    if (map !== undefined) return map;
    throw new UsageError(`${this.spec.file} has no map ${name} loaded; there is ${list(Object.keys(this.maps))}`);
  }

  /** Throws UsageError if no program of this name was loaded. */
  program(which: string | ProgramSpec): BpfProgram {
    const program = typeof which === 'string' ? this.programs[which] : this.#bySpec.get(which);
    if (program !== undefined) return program;
    const name = typeof which === 'string' ? which : which.name;
    throw new UsageError(
      `${this.spec.file} has no program ${name} loaded; there is ${list(Object.keys(this.programs))}`,
    );
  }

  close(): void {
    for (const program of this.#bySpec.values()) program.close();
    for (const map of Object.values(this.maps)) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
