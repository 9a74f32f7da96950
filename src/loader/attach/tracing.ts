import { UsageError } from '../../errors.ts';
import { type AttachType, attachTypeNumber } from '../../uapi/bpf.ts';
import { checkKernel } from '../handle.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { openRawTracepoint } from './raw-tracepoint.ts';

export interface TracingOptions {
  /** What bpf_get_attach_cookie returns (Linux >= 5.19). Needs `attachType`. */
  readonly cookie?: bigint | undefined;
  /** What the program was loaded as: `trace_fentry`, `trace_fexit`, `modify_return`, `lsm_mac`, `trace_raw_tp`. */
  readonly attachType?: AttachType | undefined;
}

/**
 * Attaches a program of type tracing, lsm or ext (fentry, fexit, fmod_ret, tp_btf, lsm, freplace) to what it was loaded for. Throws SysError: EBUSY if
 * the function has another program that excludes this one, EINVAL if it was not loaded for anything.
 */
export function attachTracing(program: BpfProgram, { cookie, attachType }: TracingOptions = {}): BpfLink {
  // The older call, which every kernel with such programs has; it has no cookie.
  if (cookie === undefined) return openRawTracepoint(program, undefined, undefined);
  if (attachType === undefined) throw new UsageError('a cookie for a tracing program needs attachType');
  return createLink(program, attachType, { attach_type: attachTypeNumber[attachType], 'tracing.cookie': cookie });
}

/**
 * Attaches a program of type ext in the place of a function of another program than the one that it was loaded for.
 *
 * @param btfId id of the function in the target's BTF
 */
export function attachExtension(program: BpfProgram, target: BpfProgram, btfId: number): BpfLink {
  checkKernel(program.kernel, target);
  return createLink(program, `in ${target.label}`, { target_fd: target.fd, target_btf_id: btfId });
}
