import { u32Bytes } from '../bytes/plain.ts';
import { UsageError } from '../errors.ts';
import type { ObjectSpec, ProgramSpec } from '../object/spec.ts';
import { BPF_F_LINK } from '../uapi/bpf.ts';
import type { MappedArena } from './arena.ts';
import { attachBySection, attachesBySection } from './attach/auto.ts';
import { attachStructOps, unregisterStructOps } from './attach/struct-ops.ts';
import { undoWith } from './attach/undo.ts';
import { attachUsdt, USDT_IPS, USDT_SPECS, UsdtMaps, type UsdtOptions } from './attach/usdt.ts';
import { own } from './calls.ts';
import { createGlobals, inSections, type VariableStore } from './globals.ts';
import { closedHandle } from './handle.ts';
import type { Attachment, BpfLink } from './link.ts';
import type { BpfMap } from './map.ts';
import { loadBytes, storeBytes } from './mapped-array.ts';
import { type MappedGlobals, mmapGlobals } from './mapped-globals.ts';
import type { BpfProgram } from './program.ts';
import type { AnyShape, KeyOf, ObjectShape, ValueOf } from './shape.ts';
import { list } from './share.ts';

/**
 * A loaded object: open maps and programs by name. Closing it closes their fds; what is pinned or attached stays.
 */
export class LoadedObject<S extends AnyShape = ObjectShape> implements Disposable {
  readonly spec: ObjectSpec;
  readonly maps: { readonly [M in keyof S['maps']]: BpfMap<KeyOf<S, M>, ValueOf<S, M>> };
  readonly programs: { readonly [P in keyof S['programs']]: BpfProgram };
  /** The live variables, read and written through the maps. Writing to `.rodata`, which is frozen, throws SysError EPERM. */
  readonly globals: S['globals'];
  /** What is doubtful, e.g. a shared map whose values have another BTF layout. Sentences. */
  readonly warnings: readonly string[];
  readonly #bySpec: ReadonlyMap<ProgramSpec, BpfProgram>;
  readonly #structValues: ReadonlyMap<string, Uint8Array>;
  #usdt: UsdtMaps | undefined;
  readonly #usdtMaps = (): UsdtMaps => {
    this.#usdt ??= new UsdtMaps(this.map(USDT_SPECS), this.map(USDT_IPS));
    return this.#usdt;
  };
  readonly #arenas: ReadonlyMap<string, MappedArena>;
  readonly #sections = inSections({
    read: (name) => this.map(name).getBytes(u32Bytes(0)) ?? new Uint8Array(0),
    write: (name, bytes) => this.map(name).setBytes(u32Bytes(0), bytes),
  });
  readonly #store: VariableStore = {
    read: (variable) => {
      const memory = this.#arenaOf(variable.map)?.data;
      return memory === undefined ? this.#sections.read(variable) : loadBytes(memory, variable.offset, variable.size);
    },
    write: (variable, bytes) => {
      const memory = this.#arenaOf(variable.map)?.data;
      if (memory === undefined) this.#sections.write(variable, bytes);
      else storeBytes(memory, variable.offset, bytes);
    },
  };

  constructor(
    spec: ObjectSpec,
    maps: ReadonlyMap<string, BpfMap>,
    programs: ReadonlyMap<ProgramSpec, BpfProgram>,
    arenas: ReadonlyMap<string, MappedArena>,
    structValues: ReadonlyMap<string, Uint8Array>,
    warnings: readonly string[],
  ) {
    this.spec = spec;
    this.warnings = warnings;
    // S is what the caller says that the file defines.
    this.maps = Object.fromEntries(maps) as unknown as typeof this.maps;
    this.programs = Object.fromEntries(
      [...programs].map(([program, handle]) => [program.name, handle]),
    ) as unknown as typeof this.programs;
    this.#bySpec = programs;
    this.#arenas = arenas;
    this.#structValues = structValues;
    this.globals = createGlobals(spec, this.#store) as S['globals'];
  }

  /** By whatever names there are. */
  get #maps(): Readonly<Record<string, BpfMap>> {
    return this.maps as unknown as Readonly<Record<string, BpfMap>>;
  }
  get #programs(): Readonly<Record<string, BpfProgram>> {
    return this.programs as unknown as Readonly<Record<string, BpfProgram>>;
  }

  /** Throws UsageError if there is no map of this name. */
  map(name: string): BpfMap {
    const map = own(this.#maps, name);
    if (map !== undefined) return map;
    throw new UsageError(`${this.spec.file} has no map ${name} loaded; there is ${list(Object.keys(this.#maps))}`);
  }

  /** Throws UsageError if no program of this name was loaded. */
  program(which: string | ProgramSpec): BpfProgram {
    const program = typeof which === 'string' ? own(this.#programs, which) : this.#bySpec.get(which);
    if (program !== undefined) return program;
    const name = typeof which === 'string' ? which : which.name;
    throw new UsageError(
      `${this.spec.file} has no program ${name} loaded; there is ${list(Object.keys(this.#programs))}`,
    );
  }

  /**
   * The variables as memory shared with the programs: reading and writing them takes no system call, and touches nothing beside them. Variables of sections
   * in which all are `static`, which libbpf makes without BPF_F_MMAPABLE, are read and written as {@link LoadedObject.globals}. Writing to `.rodata` throws SysError
   * EPERM.
   *
   * Throws SysError ENODEV through a kernel in another process, with which no memory is shared.
   *
   * @example
   * using mapped = loaded.mmapGlobals();
   * mapped.globals.limit = 5n;
   */
  mmapGlobals(): MappedGlobals<S['globals']> {
    return mmapGlobals(this.spec, (name) => this.map(name), this.#store) as MappedGlobals<S['globals']>; // S, as above
  }

  /**
   * The memory of a map of type arena, which programs have at the same addresses; ask for it again after any call. Its variables are in {@link LoadedObject.globals}, too.
   * Throws UsageError if there is none of this name, SysError EBADF after the end.
   */
  arena(name: string): Uint8Array {
    const arena = this.#arenaOf(name);
    if (arena !== undefined) return arena.bytes;
    throw new UsageError(`${this.spec.file} has no arena ${name} loaded; there is ${list([...this.#arenas.keys()])}`);
  }

  #arenaOf(name: string): MappedArena | undefined {
    const arena = this.#arenas.get(name);
    if (arena === undefined || arena.bytes.length > 0) return arena;
    throw closedHandle(`arena ${name}`);
  }

  /**
   * Puts a struct_ops map in force with its programs. One of `.struct_ops.link` is as long as the link that comes back; one of `.struct_ops` stays until
   * `unregisterStructOps(map)`, and there is no link.
   *
   * Throws UsageError if there is none of this name, SysError as the kernel: EEXIST where one of the name that the struct says is in force.
   */
  registerStructOps(name: string): BpfLink | undefined {
    const value = this.#structValues.get(name);
    if (value === undefined)
      throw new UsageError(
        `${this.spec.file} has no struct_ops map ${name} loaded; there is ${list([...this.#structValues.keys()])}`,
      );
    const map = this.map(name);
    map.setBytes(new Uint8Array(4), value);
    if ((map.info.flags & BPF_F_LINK) !== 0) return attachStructOps(map);
    undoWith([map], () => unregisterStructOps(map));
    return undefined;
  }

  /** What the file says of a program; `undefined` if it is not one of this object. */
  specOf(program: BpfProgram): ProgramSpec | undefined {
    return [...this.#bySpec].find(([, handle]) => handle === program)?.[0];
  }

  /**
   * Attaches a program as the name of its section says, e.g. `tp/sched/sched_switch`. Throws UsageError if the name does not say where; then one of the
   * functions that attach does it.
   */
  attach(which: string | ProgramSpec): Attachment {
    const attachment = this.attachIfSaid(which);
    if (attachment !== undefined) return attachment;
    const program = this.program(which);
    throw new UsageError(
      `${program.label}: its section ${this.specOf(program)?.section} does not say what to attach it to; attach it with a function of its kind`,
    );
  }

  /** As {@link LoadedObject.attach}; `undefined` if the name does not say where. */
  attachIfSaid(which: string | ProgramSpec): Attachment | undefined {
    const program = this.program(which);
    return attachBySection(program, this.specOf(program)?.section ?? '', this.#usdtMaps);
  }

  /**
   * Attaches a program of a section `usdt` to a probe that an executable or library was compiled with, see {@link attachUsdt}. The object was compiled with
   * usdt.bpf.h. Throws UsageError if it was not.
   *
   * @example
   * using attached = loaded.attachUsdt('on_start', 'libpython3.11.so.1.0', { provider: 'python', name: 'function__entry', pid });
   */
  attachUsdt(which: string | ProgramSpec, path: string, options: UsdtOptions): Attachment {
    return attachUsdt(this.program(which), this.#usdtMaps(), path, options);
  }

  /** Attaches every program whose section says where; all of them or none. */
  attachAll(): Attachment[] {
    const attached: Attachment[] = [];
    try {
      for (const spec of this.#bySpec.keys()) {
        const attachment = attachesBySection(spec.section) ? this.attachIfSaid(spec) : undefined;
        if (attachment !== undefined) attached.push(attachment);
      }
      return attached;
    } catch (error) {
      for (const attachment of attached) attachment.close();
      throw error;
    }
  }

  close(): void {
    for (const program of this.#bySpec.values()) program.close();
    for (const arena of this.#arenas.values()) arena[Symbol.dispose]();
    for (const map of Object.values(this.#maps)) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
