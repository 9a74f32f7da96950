import type { StructValue } from '../../../bytes/struct.ts';
import { SysError, UsageError } from '../../../errors.ts';
import type { Kernel } from '../../../sys/kernel.ts';
import { bpfPerfEventData, ptRegs } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import { runLsmOfCgroup } from '../cgroups/lsm.ts';
import type { Machine } from '../machine.ts';
import { Placed } from '../placed.ts';
import { Process } from '../process.ts';
import { KernelStruct } from '../types/kernel-object.ts';
import { asReturned, functionType } from './function-type.ts';
import type { FieldValue, RecordField } from './record.ts';
import type { Fired } from './trace-point.ts';
import { ARGUMENT_REGISTERS } from './traced-function.ts';

/** What a place is passed with. */
export interface FireOptions {
  /** Of a tracepoint: the arguments of the kernel's function for it, which raw tracepoints get. */
  readonly args?: readonly (number | bigint)[] | undefined;
  /** Of a tracepoint: the fields of its record by name; what is left out is zero. */
  readonly record?: Readonly<Record<string, FieldValue>> | undefined;
  /**
   * Of a function: what it returns, or what says so for its arguments (64 bits each, not signed) and is called if no program has put a result in its place. Without
   * it the function does not return, but for those that are there from the start.
   */
  readonly returns?: number | bigint | ((...args: readonly bigint[]) => number | bigint) | undefined;
  /** The CPU that it happens on. Default 0. */
  readonly cpu?: number | undefined;
  /** The process that it happens to, one of this kernel's. Default: none. */
  readonly process?: Kernel | undefined;
}

/** What a call of a function came to. */
export interface CallResult {
  /** As its type says, if the kernel's types have it: programs of type fmod_ret and hooks of LSM may have put another in its place. `undefined`: it does not return. */
  readonly result: bigint | undefined;
  readonly fired: readonly Fired[];
}

/** What a sample says. */
export interface SampleOptions extends Pick<FireOptions, 'cpu' | 'process'> {
  /** Registers of x86-64 by the names of struct pt_regs, e.g. `ip`. */
  readonly registers?: Partial<StructValue<typeof ptRegs.fields>> | undefined;
  readonly period?: bigint | undefined;
  readonly address?: bigint | undefined;
}

/** Bytes of the caller in the kernel's memory, until they are disposed of. */
export interface StoredBytes extends Disposable {
  readonly address: number;
}

/** The places of a kernel where programs for tracing can be: tracepoints and functions. Nothing passes them but `fire`. */
export interface LabTrace {
  /**
   * A tracepoint, as CATEGORY/NAME, and the fields of its record as tracefs says them. Some of Linux's are there from the start (`sched/sched_switch`, …).
   * Throws SysError: EINVAL for a name that is none, EEXIST, ENOSPC; UsageError for a field that cannot be read.
   *
   * @example
   * lab.trace.addTracepoint('shop/order_placed', ['u64 order', 'char customer[16]']);
   */
  addTracepoint(path: string, fields: readonly RecordField[]): void;
  /**
   * A function that kprobes can be on; programs with its typed arguments (fentry, fexit, fmod_ret) too, if the kernel's types have it (`declarations` of
   * `createEmbeddedKernel`, which also adds it). `errorInjection`: fmod_ret may change what it returns. Throws SysError: EINVAL for a name that is none, EEXIST, ENOSPC.
   */
  addFunction(name: string, traits?: { readonly errorInjection?: boolean; readonly sleepable?: boolean }): void;
  /**
   * As `fire` for a function, with what the call came to: programs of type fmod_ret and hooks of LSM (`bpf_lsm_…`) may change it, and those of the cgroup of `process`.
   *
   * @example
   * lab.trace.call('bpf_lsm_file_open', { args: [file.address] }).result; // -1n: a program said EPERM
   */
  call(name: string, options?: FireOptions): CallResult;
  /**
   * A struct of the kernel's types in its memory, with these members (a text is cut to fit) and zeros else: what a typed argument points to. Throws UsageError for
   * a struct or a member that is not there; SysError ENOMEM.
   *
   * @example
   * using task = lab.trace.storeStruct('task_struct', { pid: 7, comm: 'bash' });
   * lab.trace.fire('sched_switch', { args: [0, task.address, task.address, 0] });
   */
  storeStruct(name: string, values: Readonly<Record<string, number | bigint | string | Uint8Array>>): StoredBytes;
  /**
   * Passes a tracepoint (by its bare name) or calls a function: every program there runs, in the order in which they were attached. Throws SysError: ENOENT if there is
   * neither, ESRCH, EINVAL for a CPU that is not there; UsageError for a field or an argument that does not fit.
   *
   * @example
   * lab.trace.fire('sched_switch', { record: { prev_comm: 'bash', prev_pid: 7 } });
   */
  fire(place: string, options?: FireOptions): Fired[];
  /**
   * Bytes in the kernel's memory, which programs can be given the address of: `bpf_probe_read_kernel`, `bpf_probe_read_user` and their like read them. Throws
   * SysError ENOMEM.
   *
   * @example
   * using path = lab.trace.store(new TextEncoder().encode('/etc/passwd\\0'));
   * lab.trace.fire('do_unlinkat', { args: [-100, path.address] });
   */
  store(bytes: Uint8Array): StoredBytes;
  /** A sample is taken: programs on perf events of software and hardware run, those for this CPU and process. Throws SysError: ESRCH, EINVAL. */
  sample(options?: SampleOptions): Fired[];
}

/** Arguments of a tracepoint, at most, and the bytes of each. */
const MAX_ARGS = 12;
const WORD = 8;

export function labTrace(machine: Machine): LabTrace {
  const { tracing } = machine;
  const done = (result: number, what: string): void => {
    if (result < 0) throw new SysError(-result, 'trace', { what: String(what).slice(0, 128) });
  };
  return {
    addTracepoint: (path, fields) => done(tracing.addTracepoint(path, fields), path),
    addFunction: (name, traits) => done(tracing.addFunction(name, traits), name),
    call: (name, options = {}) => during(options, () => call(machine, name, options)),
    storeStruct: (name, values) => storeStruct(machine, name, values),
    fire: (place, options = {}) => during(options, () => pass(machine, place, options)),
    store: (bytes) => store(machine, bytes),
    sample: (options = {}) => during(options, () => tracing.samples.fire(sampled(options))),
  };

  /** On the CPU and as the process that is said. */
  function during<T>({ cpu = 0, process }: Pick<FireOptions, 'cpu' | 'process'>, run: () => T): T {
    const task = process instanceof Process && process.machine === machine ? process : undefined;
    if (process !== undefined && task === undefined)
      throw new SysError(errno.ESRCH, 'trace', { detail: 'the process is none of this kernel' });
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= machine.cpus) done(-errno.EINVAL, `CPU ${cpu}`);
    const outer = { cpu: machine.cpu, task: machine.task };
    machine.cpu = cpu;
    machine.task = task;
    try {
      return run();
    } finally {
      machine.cpu = outer.cpu;
      machine.task = outer.task;
    }
  }
}

function store({ memory }: Machine, bytes: Uint8Array): StoredBytes {
  const placed = Placed.put(memory, bytes);
  if (placed === undefined) throw new SysError(errno.ENOMEM, 'trace', { detail: `no room for ${bytes.length} bytes` });
  return placed;
}

function sampled({ registers = {}, period = 0n, address = 0n }: SampleOptions): Uint8Array {
  return bpfPerfEventData.encode({ regs: ptRegs.encode(registers), sample_period: period, addr: address });
}

function storeStruct(
  machine: Machine,
  name: string,
  values: Readonly<Record<string, number | bigint | string | Uint8Array>>,
): StoredBytes {
  const struct = new KernelStruct(machine.vmlinux.btf, name);
  if (struct.size === 0) throw new UsageError(`the kernel's types have no struct ${name}`);
  const unknown = Object.keys(values).find((member) => !struct.has(member));
  if (unknown !== undefined) throw new UsageError(`struct ${name} of the kernel's types has no member ${unknown}`);
  const stored = store(machine, new Uint8Array(struct.size));
  struct.write(machine.memory, stored.address, values);
  return stored;
}

function pass(machine: Machine, place: string, options: FireOptions): Fired[] {
  const { args = [], record = {} } = options;
  const tracepoint = machine.tracing.tracepoints.get(place);
  if (tracepoint === undefined) return [...call(machine, place, options).fired];
  if (args.length > MAX_ARGS) throw new UsageError(`a tracepoint has ${MAX_ARGS} arguments at most`);
  const words = wordsOf(args);
  const bytes = tracepoint.record.encode(tracepoint.id, machine.pid, record);
  return [...tracepoint.rawPrograms.fire(words, { room: MAX_ARGS * WORD }), ...tracepoint.programs.fire(bytes)];
}

function call(machine: Machine, name: string, { args = [], returns }: FireOptions): CallResult {
  const func = machine.tracing.functions.get(name);
  if (func === undefined) throw new SysError(errno.ENOENT, 'trace', { what: String(name).slice(0, 128) });
  const type = functionType(machine.vmlinux.btf, name);
  const most = type?.params.length ?? ARGUMENT_REGISTERS.length;
  if (args.length > most)
    throw new UsageError(
      type === undefined
        ? `${most} arguments of a function are in registers, not ${args.length}`
        : `${name} has ${most} arguments, not ${args.length}`,
    );
  const values = [...new BigUint64Array(wordsOf(args).buffer)];
  const { body } = func.traits;
  const { result, fired } = func.call(
    values,
    type?.params.length ?? args.length,
    returns !== undefined
      ? (given) => BigInt.asIntN(64, word(typeof returns === 'function' ? returns(...given) : returns))
      : body && ((given) => body(given, machine.memory)),
    name.startsWith('bpf_lsm_') ? (context) => runLsmOfCgroup(machine, name, context) : undefined,
  );
  return { result: result === undefined ? undefined : asReturned(machine.vmlinux.btf, type, result), fired };
}

function wordsOf(values: readonly (number | bigint)[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(BigUint64Array.from(values, word).buffer);
}

function word(value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new UsageError(`${value} is no whole number`);
  return BigInt.asUintN(64, BigInt(value));
}
