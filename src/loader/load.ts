import type { Btf } from '../btf/index.ts';
import { IncompatibleMapError, ObjectError, SysError, UsageError } from '../errors.ts';
import type { MapSpec, ObjectSpec, ProgramSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { ProgType } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import { ensureBpffs, joinPath, preparePin } from './bpffs.ts';
import { orUndefined, saying } from './calls.ts';
import { createMap } from './create-map.ts';
import { withEntries } from './entries.ts';
import { checkFd } from './handle.ts';
import { kernelBtf } from './kernel-btf.ts';
import { loadProgram } from './load-program.ts';
import { LoadedObject } from './loaded.ts';
import { BpfMap, openMapFd } from './map.ts';
import { BpfObject } from './object.ts';
import { BpfProgram } from './program.ts';
import type { AnyShape, ObjectShape } from './shape.ts';
import { checkShareOptions, decideShare, type ShareOptions } from './share.ts';
import { ensureTcRoot } from './tc-root.ts';
import { Transaction } from './transaction.ts';

export interface LoadOptions extends ShareOptions {
  /** The programs to load. Default: all whose section says so (those of `?section` are left out). */
  readonly programs?: readonly ProgramSpec[] | undefined;
  /** The type of all programs loaded, whatever their sections say. */
  readonly type?: ProgType | undefined;
  /** `referenced` leaves out internal maps that no loaded program uses, as tc does. Default `all`, as libbpf. */
  readonly internalMaps?: 'all' | 'referenced' | undefined;
  /** The types that CO-RE relocations are worked out against. Default: those of the kernel in use. */
  readonly kernelBtf?: Btf | undefined;
  /** bpf(2) log_level of the first try, 0 to 15. A program that is refused is tried again with level 1 in any case. Default 0. */
  readonly logLevel?: number | undefined;
}

/**
 * Loads an object: its maps (made, or shared by the rules in {@link ShareOptions}), then its programs. All of it or nothing: on failure every
 * map, pin, directory and program that this call made is gone. `use` is a last step that belongs to it, such as attaching: if it throws, all is
 * taken back as well.
 *
 * Throws IncompatibleMapError (an existing map is not what the object asks for), VerifierError (with the kernel's log), SysError, UsageError
 * (an option names what the object does not have; a program's type is not known).
 *
 * @example
 * using loaded = load(kernel, openObject(bytes, { file: 'shared.bpf.o' }), { type: 'sched_cls' });
 * loaded.program('count_egress').pin('/sys/fs/bpf/count');
 */
export function load<S extends AnyShape = ObjectShape>(
  kernel: Kernel,
  object: BpfObject<S> | ObjectSpec,
  options: LoadOptions = {},
  use?: (loaded: LoadedObject<S>) => void,
): LoadedObject<S> {
  if (!(object instanceof BpfObject)) return loadSpec(kernel, object, options, use, []);
  const said = object.shareOptions();
  const whole = { ...options, reuse: { ...said.reuse, ...options.reuse }, pins: { ...said.pins, ...options.pins } };
  return loadSpec(kernel, object.toSpec(), whole, use, object.changedSections());
}

function loadSpec<S extends AnyShape>(
  kernel: Kernel,
  asWritten: ObjectSpec,
  options: LoadOptions,
  use: ((loaded: LoadedObject<S>) => void) | undefined,
  changed: readonly string[],
): LoadedObject<S> {
  checkShareOptions([asWritten], options);
  const spec = withEntries(kernel, asWritten, options);
  const programs = options.programs ?? spec.programs.filter((program) => program.autoload);
  checkPrograms(spec, programs);
  const types = new Map(programs.map((program) => [program, programType(spec, program, options.type)]));
  return Transaction.run((transaction) => {
    const btfFd = loadBtf(kernel, spec);
    try {
      const maker = new MapMaker(kernel, spec, options, btfFd, transaction, changed);
      const maps = maker.make(wantedMaps(spec, programs, options));
      const loaded = new Map<ProgramSpec, BpfProgram>();
      for (const [program, type] of types) {
        const fd = loadProgram(kernel, program, {
          type,
          license: spec.license,
          kernVersion: spec.kernVersion,
          btfFd,
          logLevel: options.logLevel ?? 0,
          localBtf: spec.btf,
          targetBtf: () => options.kernelBtf ?? kernelBtf(kernel),
          mapFd: (name) => maps.get(name)?.fd,
        });
        const handle = adopt(kernel, fd, true, () => new BpfProgram(kernel, fd));
        transaction.onRollback(() => handle.close());
        bindReadOnlyData(kernel, spec, fd, maps);
        loaded.set(program, handle);
      }
      fillProgramArrays(spec, maps, loaded);
      const object = new LoadedObject<S>(spec, maps, loaded, maker.warnings);
      use?.(object);
      return object;
    } finally {
      if (btfFd !== undefined) kernel.close(btfFd);
    }
  });
}

function checkPrograms(spec: ObjectSpec, programs: readonly ProgramSpec[]): void {
  const stranger = programs.find((program) => !spec.programs.includes(program));
  if (stranger === undefined) return;
  throw new UsageError(`program ${stranger.name} is of another object than ${spec.file} (option programs)`);
}

function programType(spec: ObjectSpec, program: ProgramSpec, asked: ProgType | undefined): ProgType {
  const type = asked ?? program.type;
  if (type !== undefined) return type;
  throw new UsageError(
    `program ${program.name} of ${spec.file}: its section ${program.section} names no program type; say which with \`type\`, e.g. type sched_cls`,
  );
}

/** BTF is worth having, not worth failing for: a kernel that refuses it gets the object without. */
function loadBtf(kernel: Kernel, spec: ObjectSpec): Fd | undefined {
  const { btf } = spec;
  if (btf === undefined) return undefined;
  return orUndefined(['EINVAL', 'EPERM', 'E2BIG'], () =>
    kernel.bpf('BPF_BTF_LOAD', { btf: btf.bytes, btf_size: btf.bytes.length }),
  );
}

function wantedMaps(spec: ObjectSpec, programs: readonly ProgramSpec[], options: LoadOptions): MapSpec[] {
  if (options.internalMaps !== 'referenced') return [...spec.maps];
  const used = new Set(programs.flatMap((program) => program.references.map((reference) => reference.map)));
  return spec.maps.filter((map) => map.style !== 'internal' || used.has(map.name));
}

/** Turns the map specs of one object into open maps: shared where the rules say so, else made and pinned. */
class MapMaker {
  readonly #kernel: Kernel;
  readonly #spec: ObjectSpec;
  readonly #options: LoadOptions;
  readonly #btfFd: Fd | undefined;
  readonly #transaction: Transaction;
  /** Sections in which the caller set globals. */
  readonly #changed: readonly string[];
  readonly #maps = new Map<string, BpfMap>();
  /** What is doubtful about maps that are shared all the same. Sentences. */
  readonly warnings: string[] = [];

  constructor(
    kernel: Kernel,
    spec: ObjectSpec,
    options: LoadOptions,
    btfFd: Fd | undefined,
    transaction: Transaction,
    changed: readonly string[],
  ) {
    this.#changed = changed;
    this.#kernel = kernel;
    this.#spec = spec;
    this.#options = options;
    this.#btfFd = btfFd;
    this.#transaction = transaction;
  }

  make(wanted: readonly MapSpec[]): ReadonlyMap<string, BpfMap> {
    // A map-in-map needs its template first.
    for (const map of [...wanted.filter((m) => !isOuter(m)), ...wanted.filter(isOuter)]) {
      this.#maps.set(map.name, this.#provide(map, 2));
    }
    for (const inner of wanted) this.#fillOuterMaps(inner, wanted);
    for (const outer of wanted) this.#fillSlots(outer);
    return this.#maps;
  }

  #provide(map: MapSpec, tries: number): BpfMap {
    const decision = decideShare(this.#kernel, this.#spec, map, this.#options);
    if (decision.kind === 'incompatible') throw new IncompatibleMapError(map.name, decision.where, decision.diff);
    if (decision.kind === 'reuse') {
      const { source } = decision;
      if (this.#changed.includes(map.name)) {
        throw new UsageError(
          `map ${map.name} of ${this.#spec.file} is an existing one (id ${decision.id}), so the globals that were set in it would be lost; set them after the load, or do not reuse it`,
        );
      }
      for (const { field, wanted, found } of decision.warnings) {
        this.warnings.push(`map ${map.name} is shared, but the ${field} is ${found} there and ${wanted} here`);
      }
      if (source instanceof BpfMap) return this.#handle(map, source.fd, false, source);
      if ('fd' in source) return this.#handle(map, checkFd(source.fd), false);
      return this.#handle(map, openMapFd(this.#kernel, source), true);
    }
    const handle = this.#handle(map, createMap(this.#kernel, map, this.#btfFd, this.#innerFd(map)), true);
    if (decision.path === undefined || this.#pinNew(handle.fd, decision.path)) return handle;
    // Somebody else pinned there in the meantime: then theirs is the one to share.
    handle.close();
    if (tries > 1) return this.#provide(map, tries - 1);
    throw new SysError(errno.EEXIST, 'BPF_OBJ_PIN', { what: decision.path });
  }

  #handle(map: MapSpec, fd: Fd, owned: boolean, lender?: BpfMap): BpfMap {
    const { keyTypeId, valueTypeId } = map;
    const { btf } = this.#spec;
    const types =
      btf !== undefined && (keyTypeId !== 0 || valueTypeId !== 0) ? { btf, keyTypeId, valueTypeId } : undefined;
    const handle = adopt(this.#kernel, fd, owned, () => new BpfMap(this.#kernel, fd, { owned, types, lender }));
    this.#transaction.onRollback(() => handle.close());
    return handle;
  }

  #innerFd(map: MapSpec): Fd | undefined {
    if (map.inner !== undefined) {
      const fd = createMap(this.#kernel, map.inner, this.#btfFd, undefined);
      this.#transaction.onRollback(() => this.#kernel.close(fd));
      return fd;
    }
    if (map.innerId === 0) return undefined;
    const template = this.#spec.maps.find((candidate) => candidate.id === map.innerId && candidate !== map);
    const fd = template && this.#maps.get(template.name)?.fd;
    if (fd !== undefined) return fd;
    throw new ObjectError(`map ${map.name} wants the map with id ${map.innerId} as its inner map, but there is none`, {
      file: this.#spec.file,
    });
  }

  /** Pins a map that this load made; false if something is there already. */
  #pinNew(fd: Fd, path: string): boolean {
    const bpffs = this.#options.bpffs ?? ensureBpffs(this.#kernel);
    if (path.startsWith(joinPath(bpffs, 'tc/'))) ensureTcRoot(this.#kernel, bpffs, this.#transaction);
    preparePin(this.#kernel, path, this.#transaction);
    const pinned = orUndefined('EEXIST', () => {
      saying(path, () => this.#kernel.bpf('BPF_OBJ_PIN', { pathname: path, bpf_fd: fd }));
      return true;
    });
    if (pinned === undefined) return false;
    this.#transaction.onRollback(() => this.#kernel.unlink(path));
    return true;
  }

  /** BTF: what the definition of an outer map puts in. */
  #fillSlots(outer: MapSpec): void {
    const handle = this.#maps.get(outer.name);
    for (const slot of outer.slots) {
      const fd = 'map' in slot ? this.#maps.get(slot.map)?.fd : undefined;
      if (handle !== undefined && fd !== undefined) setSlot(handle, slot.index, fd);
    }
  }

  /** bpf_elf_map: a map with an id goes into slot `inner_idx` of the outer maps that name this id. */
  #fillOuterMaps(inner: MapSpec, maps: readonly MapSpec[]): void {
    if (inner.id === 0 || inner.innerId !== 0 || inner.innerIdx === NO_SLOT) return;
    const fd = this.#maps.get(inner.name)?.fd;
    for (const outer of maps.filter((candidate) => candidate.innerId === inner.id)) {
      const handle = this.#maps.get(outer.name);
      if (handle !== undefined && fd !== undefined) setSlot(handle, inner.innerIdx, fd);
    }
  }
}

/** Makes the handle that takes over an fd; if that fails, nobody else would close it. */
function adopt<T>(kernel: Kernel, fd: Fd, owned: boolean, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (owned) kernel.close(fd);
    throw error;
  }
}

/** `inner_idx` of a map that is a template only. */
const NO_SLOT = 0xffffffff;

function isOuter(map: MapSpec): boolean {
  return map.type === 'array_of_maps' || map.type === 'hash_of_maps';
}

/** As libbpf: read-only data belongs to every program of the object, whether it looks at it or not (Linux >= 5.10). */
function bindReadOnlyData(kernel: Kernel, spec: ObjectSpec, fd: Fd, maps: ReadonlyMap<string, BpfMap>): void {
  for (const { name, style, frozen } of spec.maps) {
    const map = maps.get(name);
    if (style !== 'internal' || !frozen || map === undefined) continue;
    orUndefined('EINVAL', () => [kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: fd, map_fd: map.fd })]);
  }
}

/**
 * Puts loaded programs into prog arrays: those of tc's tail-call sections `ID/KEY` into slot KEY of the array with that id, and those that a BTF
 * definition names.
 */
function fillProgramArrays(
  spec: ObjectSpec,
  maps: ReadonlyMap<string, BpfMap>,
  loaded: ReadonlyMap<ProgramSpec, BpfProgram>,
): void {
  const byName = new Map([...loaded].map(([program, handle]) => [program.name, handle]));
  for (const array of spec.maps) {
    const handle = maps.get(array.name);
    if (array.type !== 'prog_array' || handle === undefined) continue;
    for (const [program, { fd }] of loaded) {
      const call = tailCallSection(program.section);
      if (call !== undefined && call.id === array.id) setSlot(handle, call.key, fd);
    }
    for (const slot of array.slots) {
      const fd = 'program' in slot ? byName.get(slot.program)?.fd : undefined;
      if (fd !== undefined) setSlot(handle, slot.index, fd);
    }
  }
}

function setSlot(map: BpfMap, slot: number, fd: Fd): void {
  const [key, value] = [slot, fd].map((n) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, n, true);
    return bytes;
  });
  if (key === undefined || value === undefined) return;
  saying(`slot ${slot} of ${map.label} (max_entries ${map.info.maxEntries})`, () => map.setBytes(key, value));
}

/** `ID/KEY` with C integer literals (decimal, 0x, 0), as tc scans section names; `undefined` for any other name. */
export function tailCallSection(section: string): { id: number; key: number } | undefined {
  const match = /^(0[xX][0-9a-fA-F]+|\d+)\/(0[xX][0-9a-fA-F]+|\d+)$/.exec(section);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const integer = (text: string) => Number(/^0\d/.test(text) ? `0o${text.slice(1)}` : text);
  return { id: integer(match[1]), key: integer(match[2]) };
}
