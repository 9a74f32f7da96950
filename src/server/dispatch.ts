import { type BpfError, SysError, UsageError } from '../errors.ts';
import type { Kernel, WaitOptions } from '../sys/kernel.ts';
import type { PacketLab, TestRunLab, TestRuns } from '../sys/lab.ts';
import { type AttrKind, attrFields, BPF_COMMANDS, type BpfCmd } from '../uapi/attr.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import type { HeldArenas } from './held-arenas.ts';
import {
  ARENA_METHODS,
  type ArgumentKind,
  argumentsFit,
  LAB_METHODS,
  MAX_STRING,
  METHODS,
  TEST_RUNS,
} from './methods.ts';
import type { Reply } from './protocol.ts';
import { toWire } from './wire-error.ts';

/** The kinds of attribute that the kernel changes, and that a reply therefore carries. */
const CHANGED_KINDS = new Set<AttrKind>(['u32!', 'u64!', 'out', 'inout', 'u32s', 'arrays']);

type Attr = Record<string, unknown>;

/** What the calls of one client are made on. */
export interface Callees {
  readonly kernel: Kernel;
  readonly lab: PacketLab & TestRunLab;
  readonly arenas: HeldArenas;
}

/** One synchronous call of a client, carried out on its process. Never throws: what goes wrong is in the reply. */
export function dispatch(
  { kernel, lab, arenas }: Callees,
  id: number,
  method: string,
  args: readonly unknown[],
): Reply {
  try {
    if (Object.hasOwn(LAB_METHODS, method)) return [id, true, invoke(LAB_METHODS, lab, method, args)];
    if (Object.hasOwn(TEST_RUNS, method)) return [id, true, testRuns(kernel, lab, method, args)];
    if (Object.hasOwn(ARENA_METHODS, method)) return [id, true, invoke(ARENA_METHODS, arenas, method, args)];
    if (!Object.hasOwn(METHODS, method)) throw new UsageError(`the kernel has no call ${method.slice(0, 64)}`);
    if (method === 'bpf') return bpf(kernel, id, checked(METHODS, method, args));
    return [id, true, invoke(METHODS, kernel, method, args), method === 'read' ? args[1] : undefined];
  } catch (error) {
    return [id, false, toWire(error)];
  }
}

/** Methods by name, with the arguments that each takes. */
type Methods = Readonly<Record<string, readonly ArgumentKind[]>>;

/** Calls one of the methods of a table on what has them. */
function invoke(methods: Methods, callee: object, method: string, args: readonly unknown[]): unknown {
  const call = (callee as Readonly<Record<string, unknown>>)[method] as (...a: readonly unknown[]) => unknown; // the table is of its methods
  return call.apply(callee, [...checked(methods, method, args)]);
}

/** The arguments, if they are what the method takes. */
function checked(methods: Methods, method: string, args: readonly unknown[]): readonly unknown[] {
  if (!argumentsFit(methods[method] ?? [], args)) throw badArguments(method, args);
  return args;
}

function testRuns(kernel: Kernel, lab: TestRunLab, method: string, args: readonly unknown[]): TestRuns | undefined {
  const [fd, frames, repeat] = checked(TEST_RUNS, method, args) as [Fd, readonly Uint8Array[], number]; // by the table
  return lab.testRuns(kernel, fd, frames, repeat);
}

function bpf(kernel: Kernel, id: number, args: readonly unknown[]): Reply {
  const [cmd, attr] = args as [string, Attr]; // checked by the table
  if (!Object.hasOwn(BPF_COMMANDS, cmd)) throw new UsageError(`bpf(2) has no command ${cmd.slice(0, 64)}`);
  const command = cmd as BpfCmd; // just checked
  try {
    return [id, true, kernel.bpf(command, attr), changed(command, attr)]; // the kernel checks each field's kind itself
  } catch (error) {
    return [id, false, toWire(error), changed(command, attr)];
  }
}

/** What a call has changed in `attr`; `undefined` if that is nothing. */
function changed(cmd: BpfCmd, attr: Attr): Attr | undefined {
  let fields: Attr | undefined;
  for (const name of changedFields(cmd)) {
    if (attr[name] === undefined) continue;
    fields ??= {};
    fields[name] = attr[name];
  }
  return fields;
}

const fieldsOf = new Map<BpfCmd, readonly string[]>();

/** The names of the attributes that the kernel changes. */
function changedFields(cmd: BpfCmd): readonly string[] {
  const known = fieldsOf.get(cmd);
  if (known !== undefined) return known;
  const names = attrFields(cmd).flatMap(([name, kind]) => (CHANGED_KINDS.has(kind) ? [name] : []));
  fieldsOf.set(cmd, names);
  return names;
}

function badArguments(method: string, args: readonly unknown[]): BpfError {
  if (args.some((arg) => typeof arg === 'string' && arg.length > MAX_STRING))
    return new SysError(errno.ENAMETOOLONG, method);
  return new UsageError(`wrong arguments for ${method}`);
}

/** The fds and options of a `wait` request; `undefined` if they are none. */
export function waitArguments(
  args: readonly unknown[],
): { readonly fds: readonly Fd[]; readonly options: WaitOptions } | undefined {
  const [fds, timeoutMs, until] = args;
  if (!Array.isArray(fds) || fds.length > 1024 || !fds.every((fd) => Number.isSafeInteger(fd))) return undefined;
  if (timeoutMs !== undefined && timeoutMs !== null && typeof timeoutMs !== 'number') return undefined;
  const options = {
    timeoutMs: timeoutMs ?? undefined,
    until: until === 'writable' ? ('writable' as const) : undefined,
  };
  return { fds: fds as Fd[], options }; // integers, just checked; the kernel knows which are open
}
