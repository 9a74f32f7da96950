import type { Btf } from '../btf/index.ts';
import { BpfError, NotSupportedError, ObjectError, SysError, VerifierError } from '../errors.ts';
import { type CoreRelocated, POISON, relocateCore } from '../object/core.ts';
import type { ProgramSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { BpfAttr } from '../uapi/attr.ts';
import { attachTypeNumber, type ProgType, progTypeNumber } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';

export interface ProgramContext {
  readonly type: ProgType;
  readonly license: string;
  readonly kernVersion: number;
  readonly btfFd: Fd | undefined;
  readonly logLevel: number;
  /** The object's BTF. */
  readonly localBtf: Btf | undefined;
  /** The types that CO-RE relocations are worked out against; asked for only if there are any. */
  targetBtf(): Btf;
  /** The fd of a map of the object, `undefined` if it was not made. */
  mapFd(name: string): Fd | undefined;
}

/** Sizes of the log buffer, tried in turn while the kernel says that the log does not fit. The last is the kernel's limit. Bytes. */
const LOG_SIZES = [1 << 16, 1 << 20, (1 << 24) - 1];

/** BPF_PROG_LOAD. Throws VerifierError with the kernel's log if the program is refused, SysError if the log is empty. */
export function loadProgram(kernel: Kernel, program: ProgramSpec, context: ProgramContext): Fd {
  if (program.unsupported !== undefined) {
    throw new NotSupportedError(`program ${program.name}: ${program.unsupported}; loading it`);
  }
  const { insns, poisoned } = fitted(program, context);
  const attr = programAttr(program, insns, context);
  if (context.logLevel === 0) {
    try {
      return kernel.bpf('BPF_PROG_LOAD', attr);
    } catch (error) {
      // Without a log nobody learns why: try again with one.
      if (!(error instanceof SysError)) throw error;
    }
  }
  for (const size of LOG_SIZES) {
    const log = new Uint8Array(size);
    try {
      return kernel.bpf('BPF_PROG_LOAD', {
        ...attr,
        log_level: Math.max(context.logLevel, 1),
        log_size: size,
        log_buf: log,
      });
    } catch (cause) {
      if (!(cause instanceof SysError)) throw cause;
      if (cause.code === 'ENOSPC') continue;
      const text = logText(log);
      if (text !== '') throw new VerifierError(program.name, explainPoison(text, poisoned), { cause });
      throw new SysError(cause.errno, cause.syscall, {
        what: `of program ${program.name} (${context.type})`,
        ...(cause.detail !== undefined && { detail: cause.detail }),
        cause,
      });
    }
  }
  throw new BpfError(
    'VERIFIER',
    `program ${program.name}: the verifier's log is longer than the 16 MiB that a kernel accepts`,
  );
}

/** The instructions as this kernel's types want them. */
function fitted(program: ProgramSpec, context: ProgramContext): CoreRelocated {
  if (program.coreRelocations.length === 0 || context.localBtf === undefined) {
    return { insns: new Uint8Array(program.insns), poisoned: new Map() };
  }
  return relocateCore(program, context.localBtf, context.targetBtf());
}

/** A poisoned instruction is a call of a helper that no kernel has; what it stood for says more. */
function explainPoison(log: string, poisoned: ReadonlyMap<number, string>): string {
  if (poisoned.size === 0 || !log.includes(`#${POISON}`)) return log;
  const lines = log.split('\n').map((line) => {
    const slot = /^(\d+): \(85\) call .*#195896080/.exec(line)?.[1];
    const text = slot === undefined ? undefined : poisoned.get(Number(slot));
    return text === undefined ? line : `${slot}: <invalid CO-RE relocation: this kernel has no ${text}>`;
  });
  const all = [...poisoned].map(([slot, text]) => `instruction ${slot}: ${text}`).join('; ');
  const why = `the program reaches a CO-RE relocation that this kernel cannot answer (${all})`;
  return `${lines.join('\n').trimEnd()}\n${why}\n`;
}

function programAttr(program: ProgramSpec, insns: Uint8Array, context: ProgramContext): BpfAttr<'BPF_PROG_LOAD'> {
  const view = new DataView(insns.buffer);
  for (const { insn, map } of program.references) {
    const fd = context.mapFd(map);
    if (fd === undefined) throw new ObjectError(`program ${program.name} uses map ${map}, which was not made`);
    view.setUint32(8 * insn + 4, fd, true);
  }
  const { attachType, funcInfo, lineInfo } = program;
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
    prog_flags: program.flags,
    prog_name: program.name.slice(0, 15).replace(/[^A-Za-z0-9_.]/g, '_'),
    // The section's attach type belongs to the section's own program type.
    expected_attach_type: attachType !== undefined && program.type === context.type ? attachTypeNumber[attachType] : 0,
    ...debug,
  };
}

function logText(log: Uint8Array): string {
  const end = log.indexOf(0);
  return new TextDecoder().decode(end < 0 ? log : log.subarray(0, end));
}
