import type { StructValue } from '../../../bytes/struct.ts';
import { SysError, UsageError } from '../../../errors.ts';
import type { Kernel } from '../../../sys/kernel.ts';
import { bpfPerfEventData, ptRegs } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { Placed } from '../placed.ts';
import { Process } from '../process.ts';
import type { FieldValue, RecordField } from './record.ts';
import type { Fired } from './trace-point.ts';

/** What a place is passed with. */
export interface FireOptions {
  /** Of a tracepoint: the arguments of the kernel's function for it, which raw tracepoints get. */
  readonly args?: readonly (number | bigint)[] | undefined;
  /** Of a tracepoint: the fields of its record by name; what is left out is zero. */
  readonly record?: Readonly<Record<string, FieldValue>> | undefined;
  /** Of a function: what it returns; programs of return probes run too. Without it the function does not return. */
  readonly returns?: number | bigint | undefined;
  /** The CPU that it happens on. Default 0. */
  readonly cpu?: number | undefined;
  /** The process that it happens to, one of this kernel's. Default: none. */
  readonly process?: Kernel | undefined;
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
  /** A function that kprobes can be on. Throws SysError: EINVAL for a name that is none, EEXIST, ENOSPC. */
  addFunction(name: string): void;
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

/** Registers of x86-64 that the first arguments of a function are in. */
const ARGUMENTS = ['di', 'si', 'dx', 'cx', 'r8', 'r9'] as const;
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
    addFunction: (name) => done(tracing.addFunction(name), name),
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

function pass({ tracing, pid }: Machine, place: string, options: FireOptions): Fired[] {
  const { args = [], record = {}, returns } = options;
  const tracepoint = tracing.tracepoints.get(place);
  if (tracepoint !== undefined) {
    if (args.length > MAX_ARGS) throw new UsageError(`a tracepoint has ${MAX_ARGS} arguments at most`);
    const words = wordsOf(args);
    const bytes = tracepoint.record.encode(tracepoint.id, pid, record);
    return [...tracepoint.rawPrograms.fire(words, 0n, MAX_ARGS * WORD), ...tracepoint.programs.fire(bytes)];
  }
  const func = tracing.functions.get(place);
  if (func === undefined) throw new SysError(errno.ENOENT, 'trace', { what: String(place).slice(0, 128) });
  if (args.length > ARGUMENTS.length)
    throw new UsageError(`${ARGUMENTS.length} arguments of a function are in registers, not ${args.length}`);
  const values = new BigUint64Array(wordsOf(args).buffer);
  const registers = Object.fromEntries(ARGUMENTS.map((name, i) => [name, values[i] ?? 0n]));
  const entered = func.entry.fire(ptRegs.encode({ ...registers, ip: func.address }), func.address);
  if (returns === undefined) return entered;
  const [ax] = new BigUint64Array(wordsOf([returns]).buffer);
  return [...entered, ...func.exit.fire(ptRegs.encode({ ax: ax ?? 0n, ip: func.address }), func.address)];
}

function wordsOf(values: readonly (number | bigint)[]): Uint8Array<ArrayBuffer> {
  const words = values.map((value) => {
    if (typeof value === 'number' && !Number.isSafeInteger(value))
      throw new UsageError(`the argument ${value} is no whole number`);
    return BigInt.asUintN(64, BigInt(value));
  });
  return new Uint8Array(BigUint64Array.from(words).buffer);
}
