import type { Btf } from '../btf/index.ts';
import { ObjectError, SysError, VerifierError } from '../errors.ts';
import { readRefusal } from '../explain/index.ts';
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_KFUNC_CALL, INSN_SIZE, LD_IMM64, type POISON, poison } from '../isa/index.ts';
import { type CoreRelocated, relocateCore } from '../object/core.ts';
import type { ExternReference, ProgramSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { BpfAttr } from '../uapi/attr.ts';
import { type AttachType, attachTypeNumber, BPF_F_TOKEN_FD, type ProgType, progTypeNumber } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';
import type { TargetAttr } from './attach-target.ts';
import type { KsymValue } from './externs.ts';
import { programLines } from './program-lines.ts';

export interface ProgramContext {
  readonly type: ProgType;
  /** Of its own type; another one has none. */
  readonly attachType: AttachType | undefined;
  readonly license: string;
  readonly kernVersion: number;
  readonly btfFd: Fd | undefined;
  readonly logLevel: number;
  /** The right to load it, where that is not the process's own. */
  readonly token: Fd | undefined;
  /** The object's BTF. */
  readonly localBtf: Btf | undefined;
  /** The types that CO-RE relocations are worked out against, see {@link relocateCore}; asked for only if there are any. */
  targetBtf(): Iterable<Btf>;
  ksym(reference: ExternReference): KsymValue;
  /** Its place among the externs of the object. */
  externIndex(name: string): number;
  /** What a program of a type that is made for one function of a kernel or program is made for. */
  readonly target: TargetAttr | undefined;
  /** The fd of a map of the object, `undefined` if it was not made. */
  mapFd(name: string): Fd | undefined;
  /** Where the variables of an arena are in it; of other maps 0. Bytes. */
  mapBase(name: string): number;
}

/** As {@link POISON}, for calls of a kernel function that is not there; the place of its name among the object's externs is added. libbpf's. */
const POISON_KFUNC = 2002000000;

/** Bytes of the first buffer for a log, by how much the next is larger, and the kernel's limit. */
const LOG_SIZE = 1 << 16;
const LOG_GROWTH = 16;
const MAX_LOG_SIZE = (1 << 24) - 1;
/** BPF_LOG_STATS: no path is told, but why the program is refused. */
const LOG_LAST_WORDS = 4;

/** As often as libbpf. */
const MAX_TRIES = 5;

/** BPF_PROG_LOAD. Throws VerifierError with the kernel's log if the program is refused, SysError if the log is empty. */
export function loadProgram(kernel: Kernel, program: ProgramSpec, context: ProgramContext): Fd {
  const { insns, poisoned: uncertain } = fitted(program, context);
  const { fds, poisoned: uncallable } = nameExterns(program, insns, context);
  const unanswered = [...uncertain].map(
    ([slot, what]) => [slot, `invalid CO-RE relocation: this kernel has no ${what}`] as const,
  );
  const poisoned = new Map([...unanswered, ...uncallable]);
  const attr = { ...programAttr(program, insns, context), fd_array: fds };
  if (context.logLevel === 0) {
    try {
      return ask(kernel, attr);
    } catch (error) {
      // Without a log nobody learns why: try again with one.
      if (!(error instanceof SysError)) throw error;
    }
  }
  const answer = askWithLog(kernel, attr, Math.max(context.logLevel, 1));
  if (typeof answer === 'number') return answer;
  const { cause, text } = answer;
  if (text !== '') {
    const refusal = readRefusal(explainPoison(text, poisoned), programLines(program, context.localBtf));
    throw new VerifierError(program.name, refusal, { cause });
  }
  throw new SysError(cause.errno, cause.syscall, {
    what: `of program ${program.name} (${context.type})`,
    ...(cause.detail !== undefined && { detail: cause.detail }),
    cause,
  });
}

/** Loads with a log, in a buffer that is large enough: the fd, or why not. */
function askWithLog(
  kernel: Kernel,
  attr: BpfAttr<'BPF_PROG_LOAD'>,
  level: number,
): Fd | { readonly cause: SysError; readonly text: string } {
  let end = '';
  for (let size: number | undefined = LOG_SIZE; ; ) {
    const log = new Uint8Array(size ?? LOG_SIZE);
    const log_level: number = size === undefined ? LOG_LAST_WORDS : level;
    const asked = { ...attr, log_level, log_size: log.length, log_buf: log, log_true_size: 0 };
    try {
      return ask(kernel, asked);
    } catch (cause) {
      if (!(cause instanceof SysError)) throw cause;
      const text = logText(log);
      if (cause.code !== 'ENOSPC' || size === undefined) return { cause, text: end === '' ? text : end };
      // Linux >= 6.4 keeps the end of a log, and says how long the whole is. Of what cannot be had whole, the end says most.
      const whole = asked.log_true_size;
      size = nextLogSize(size, whole);
      if (size === undefined && whole > 0) end = text;
    }
  }
}

/** `whole`: bytes of the log, 0 if the kernel does not say. `undefined`: there is no larger buffer. */
function nextLogSize(size: number, whole: number): number | undefined {
  const next = whole > 0 ? whole : Math.min(size * LOG_GROWTH, MAX_LOG_SIZE);
  return next > size && next <= MAX_LOG_SIZE ? next : undefined;
}

/** The verifier gives up with EAGAIN when a signal comes for the process that waits for it. */
function ask(kernel: Kernel, attr: BpfAttr<'BPF_PROG_LOAD'>): Fd {
  for (let tries = 1; ; tries++) {
    try {
      return kernel.bpf('BPF_PROG_LOAD', attr);
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== 'EAGAIN' || tries === MAX_TRIES) throw error;
    }
  }
}

/** The instructions as this kernel's types want them. */
function fitted(program: ProgramSpec, context: ProgramContext): CoreRelocated {
  if (program.coreRelocations.length === 0 || context.localBtf === undefined) {
    return { insns: new Uint8Array(program.insns), poisoned: new Map() };
  }
  return relocateCore(program, context.localBtf, context.targetBtf());
}

/** Fills in addresses and ids of the kernel's, see {@link ExternReference}. */
function nameExterns(
  program: ProgramSpec,
  insns: Uint8Array,
  context: ProgramContext,
): { fds: readonly Fd[] | undefined; poisoned: ReadonlyMap<number, string> } {
  const view = new DataView(insns.buffer);
  const poisoned = new Map<number, string>();
  // Calls name the BTF object of a module by its place in an array. 0 stands for the kernel.
  const fds: Fd[] = [];
  for (const reference of program.externs) {
    const value = context.ksym(reference);
    const at = INSN_SIZE * reference.insn;
    const setSource = (source: number) => view.setUint8(at + 1, (view.getUint8(at + 1) & 15) | (source << 4));
    if (view.getUint8(at) === LD_IMM64) {
      const [low, high] =
        value.kind === 'type'
          ? [value.type.id, value.type.fd ?? 0]
          : [Number(value.address & 0xffffffffn), Number(value.address >> 32n)];
      if (value.kind === 'type') setSource(BPF_PSEUDO_BTF_ID);
      view.setUint32(at + 4, low, true);
      view.setUint32(at + 12, high, true);
    } else if (value.kind === 'type') {
      const { id, fd } = value.type;
      if (fd !== undefined && !fds.includes(fd)) fds.push(fd);
      setSource(BPF_PSEUDO_KFUNC_CALL);
      view.setInt16(at + 2, fd === undefined ? 0 : fds.indexOf(fd) + 1, true);
      view.setUint32(at + 4, id, true);
    } else {
      poison(insns, reference.insn, POISON_KFUNC + context.externIndex(reference.name));
      poisoned.set(reference.insn, `invalid kfunc call: this kernel has no function ${reference.name}`);
    }
  }
  return { fds: fds.length === 0 ? undefined : [0 as Fd, ...fds], poisoned }; // the first is never looked at
}

/** A poisoned instruction is a call of a helper that no kernel has; what it stood for says more than the kernel's last words, and stands in their place. */
function explainPoison(log: string, poisoned: ReadonlyMap<number, string>): string {
  const all = [...poisoned].map(([slot, text]) => `instruction ${slot}: ${text}`).join('; ');
  let reached = false;
  return log
    .split('\n')
    .map((line) => {
      const slot = /^(\d+): \(85\) call .*#\d+/.exec(line)?.[1];
      const text = slot === undefined ? undefined : poisoned.get(Number(slot));
      if (text !== undefined) {
        reached = true;
        return `${slot}: <${text}>`;
      }
      return reached && /^(invalid func|unknown func)/.test(line)
        ? `the program reaches what this kernel cannot give it (${all})`
        : line;
    })
    .join('\n');
}

function programAttr(program: ProgramSpec, insns: Uint8Array, context: ProgramContext): BpfAttr<'BPF_PROG_LOAD'> {
  const view = new DataView(insns.buffer);
  for (const { insn, map, valueOffset } of program.references) {
    const fd = context.mapFd(map);
    if (fd === undefined) throw new ObjectError(`program ${program.name} uses map ${map}, which was not made`);
    view.setUint32(8 * insn + 4, fd, true);
    if (valueOffset !== undefined) view.setUint32(8 * insn + 12, context.mapBase(map) + valueOffset, true);
  }
  const { funcInfo, lineInfo } = program;
  const { attachType } = context;
  // What the section's name says beyond the type belongs to that type.
  const isOwnType = program.type === context.type;
  const debug =
    context.btfFd === undefined || funcInfo === undefined
      ? {}
      : {
          prog_btf_fd: context.btfFd,
          func_info: funcInfo.bytes,
          func_info_rec_size: funcInfo.recordSize,
          func_info_cnt: funcInfo.count,
          ...(lineInfo !== undefined && {
            line_info: lineInfo.bytes,
            line_info_rec_size: lineInfo.recordSize,
            line_info_cnt: lineInfo.count,
          }),
        };
  return {
    prog_type: progTypeNumber[context.type],
    insn_cnt: insns.length / 8,
    insns,
    license: context.license,
    kern_version: context.kernVersion,
    prog_flags: (isOwnType ? program.flags : 0) | (context.token === undefined ? 0 : BPF_F_TOKEN_FD),
    prog_token_fd: context.token,
    prog_name: program.name.slice(0, 15).replace(/[^A-Za-z0-9_.]/g, '_'),
    expected_attach_type: attachType !== undefined && isOwnType ? attachTypeNumber[attachType] : 0,
    ...context.target,
    ...debug,
  };
}

function logText(log: Uint8Array): string {
  const end = log.indexOf(0);
  return new TextDecoder().decode(end < 0 ? log : log.subarray(0, end));
}
