import { BpfError, NotSupportedError, ObjectError, SysError, VerifierError } from '../errors.ts';
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
  const attr = programAttr(program, context);
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
      if (text !== '') throw new VerifierError(program.name, text, { cause });
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

function programAttr(program: ProgramSpec, context: ProgramContext): BpfAttr<'BPF_PROG_LOAD'> {
  const insns = new Uint8Array(program.insns);
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
