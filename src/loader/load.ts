import type { Btf } from '../btf/index.ts';
import { NotSupportedError, UsageError } from '../errors.ts';
import { KCONFIG } from '../object/externs.ts';
import type { MapSpec, ObjectSpec, ProgramSpec } from '../object/spec.ts';
import { tailCallSection } from '../object/tail-calls.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { AttachType, ProgType } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';
import { lastStep } from './attach/undo.ts';
import { hasUprobeMulti } from './attach/usdt.ts';
import { type AttachTarget, attachTarget } from './attach-target.ts';
import { adopt, orUndefined, own } from './calls.ts';
import { withEntries } from './entries.ts';
import { Ksyms } from './externs.ts';
import { kconfigContent } from './kconfig.ts';
import { KernelTypes } from './kernel-btf.ts';
import { closeWithAttachments } from './link.ts';
import { loadProgram } from './load-program.ts';
import { LoadedObject } from './loaded.ts';
import { MapMaker, setSlot } from './make-maps.ts';
import type { BpfMap } from './map.ts';
import { BpfObject } from './object.ts';
import { loadObjectBtf } from './object-btf.ts';
import { BpfProgram } from './program.ts';
import type { AnyShape, ObjectShape } from './shape.ts';
import { checkShareOptions, type ShareOptions } from './share.ts';
import { isLeftOut, type KernelStructOps, kernelStructOps, structOpsTarget, structOpsValue } from './struct-ops.ts';
import { type TokenSource, withToken } from './token.ts';
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
  /** Kernel options for `__kconfig` variables, as the text of a kernel's configuration; they win over those of the kernel in use. */
  readonly kconfig?: string | undefined;
  /** What programs are made for, by program name: those of type ext, and those of type tracing and lsm whose section does not say it. */
  readonly targets?: Readonly<Record<string, AttachTarget>> | undefined;
  /**
   * The right to load, for a process that has it by what a bpffs delegates to its user namespace: the path of that bpffs, or an fd of BPF_TOKEN_CREATE; `false`: none.
   * Default, as libbpf: /sys/fs/bpf, if the process is in a user namespace and it delegates anything.
   */
  readonly token?: TokenSource | false | undefined;
  /** bpf(2) log_level of the first try, 0 to 15. A program that is refused is tried again with level 1 in any case. Default 0. */
  readonly logLevel?: number | undefined;
}

/**
 * Loads an object: its maps (made, or shared by the rules in {@link ShareOptions}), then its programs. All of it or nothing: on failure every
 * map, pin, directory and program that this call made is gone. `use` is a last step that belongs to it, such as attaching: if it throws, all is
 * taken back as well.
 *
 * Throws IncompatibleMapError (an existing map is not what the object asks for), VerifierError (with the kernel's log), SysError, UsageError
 * (an option names what the object does not have; a program's type is not known), NotSupportedError (the kernel has not what the object or an option needs).
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
  checkByteOrder(asWritten);
  checkShareOptions([asWritten], options);
  const warnings: string[] = [];
  const spec = withKconfig(kernel, withEntries(kernel, asWritten, options), options, warnings);
  checkPrograms(spec, options.programs ?? []);
  const within = (transaction: Transaction, token: Fd | undefined): LoadedObject<S> => {
    const btfFd = loadObjectBtf(kernel, spec, token);
    try {
      using kernelTypes = new KernelTypes(kernel);
      const ksyms = new Ksyms(kernel, spec, kernelTypes);
      const structs = spec.maps.flatMap((map) =>
        map.structOps !== undefined && !isLeftOut(map) ? [kernelStructOps(spec, map, map.structOps, kernelTypes)] : [],
      );
      const programs = options.programs ?? spec.programs.filter((program) => isWanted(program, spec, structs));
      const types = new Map(programs.map((program) => [program, programType(spec, program, options.type)]));
      const maker = new MapMaker({ kernel, spec, options, fds: { btf: btfFd, token }, transaction, changed, structs });
      const maps = maker.make(wantedMaps(spec, programs, options));
      const loaded = new Map<ProgramSpec, BpfProgram>();
      for (const [program, type] of types) {
        const fd = loadProgram(kernel, program, {
          type,
          attachType: attachTypeOf(kernel, program),
          license: spec.license,
          kernVersion: spec.kernVersion,
          btfFd,
          logLevel: options.logLevel ?? 0,
          token,
          localBtf: spec.btf,
          targetBtf: () => (options.kernelBtf === undefined ? kernelTypes : [options.kernelBtf]),
          ksym: (reference) => ksyms.value(reference),
          externIndex: (name) => spec.externs.findIndex((extern) => extern.name === name),
          target:
            type === 'struct_ops'
              ? structOpsTarget(program, structs)
              : attachTarget(kernel, program, type, kernelTypes, own(options.targets, program.name)),
          mapFd: (name) => maps.get(name)?.fd,
          mapBase: (name) => maker.arenas.get(name)?.base ?? 0,
        });
        const handle = adopt(kernel, fd, true, () => {
          // Before the handle takes note of the program's maps.
          bindReadOnlyData(kernel, spec, fd, maps);
          return new BpfProgram(kernel, fd);
        });
        transaction.onRollback(() => closeWithAttachments(handle));
        loaded.set(program, handle);
      }
      fillProgramArrays(spec, maps, loaded);
      const object = new LoadedObject<S>(spec, maps, loaded, maker.arenas, structValues(structs, loaded), [
        ...warnings,
        ...maker.warnings,
      ]);
      if (use !== undefined) lastStep(transaction, [...loaded.values(), ...maps.values()], () => use(object));
      return object;
    } finally {
      if (btfFd !== undefined) kernel.close(btfFd);
    }
  };
  return withToken(kernel, options.token, (token) => Transaction.run((transaction) => within(transaction, token)));
}

/** All kernels that skep runs on are little-endian. */
function checkByteOrder({ file, byteOrder }: ObjectSpec): void {
  if (byteOrder === 'little') return;
  throw new NotSupportedError(`${file}: loading a big-endian object into a little-endian kernel`, {
    instead: 'compile it with -target bpfel',
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

/** What a section says; a USDT program is for a link of many uprobes where the kernel has them. */
function attachTypeOf(kernel: Kernel, { section, attachType }: ProgramSpec): AttachType | undefined {
  return /^usdt(\.s)?(\/|$)/.test(section) && hasUprobeMulti(kernel) ? 'trace_uprobe_multi' : attachType;
}

/** The spec with the values that its `__kconfig` variables have on this kernel. */
function withKconfig(kernel: Kernel, spec: ObjectSpec, options: LoadOptions, warnings: string[]): ObjectSpec {
  const externs = spec.externs.filter((extern) => extern.kind === 'kconfig');
  if (externs.length === 0) return spec;
  const { content: initial, warnings: said } = kconfigContent(kernel, externs, options.kconfig);
  warnings.push(...said);
  return { ...spec, maps: spec.maps.map((map) => (map.name === KCONFIG ? { ...map, initial } : map)) };
}

/** As libbpf: programs that are only in structs which are left out, or in members that the kernel's struct lacks, are left out too. */
function isWanted(program: ProgramSpec, spec: ObjectSpec, structs: readonly KernelStructOps[]): boolean {
  if (!program.autoload) return false;
  const named = (functions: readonly { readonly program: string }[] = []) =>
    functions.some((member) => member.program === program.name);
  return structs.some(({ functions }) => named(functions)) || !spec.maps.some((map) => named(map.structOps?.functions));
}

/** By map name, what registering a struct_ops map writes into it. */
function structValues(
  structs: readonly KernelStructOps[],
  loaded: ReadonlyMap<ProgramSpec, BpfProgram>,
): ReadonlyMap<string, Uint8Array> {
  const byName = programsByName(loaded);
  return new Map(structs.map((ops) => [ops.map.name, structOpsValue(ops, (name) => byName.get(name)?.fd)]));
}

function programsByName(loaded: ReadonlyMap<ProgramSpec, BpfProgram>): ReadonlyMap<string, BpfProgram> {
  return new Map([...loaded].map(([program, handle]) => [program.name, handle]));
}

function wantedMaps(spec: ObjectSpec, programs: readonly ProgramSpec[], options: LoadOptions): MapSpec[] {
  const maps = spec.maps.filter((map) => !isLeftOut(map));
  if (options.internalMaps !== 'referenced') return maps;
  const used = new Set(programs.flatMap((program) => program.references.map((reference) => reference.map)));
  return maps.filter((map) => map.style !== 'internal' || used.has(map.name));
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
  const byName = programsByName(loaded);
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
