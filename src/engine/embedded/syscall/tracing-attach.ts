import { ATTACH_TYPES, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { RawTracepointLink } from '../links/probe-link.ts';
import { TracingLink } from '../links/tracing-link.ts';
import type { Process } from '../process.ts';
import { isFunctionPlace } from '../progs/attach-target.ts';
import type { BpfProg } from '../progs/prog.ts';
import { functionType } from '../trace/function-type.ts';
import type { TypedPlace } from '../trace/traced-function.ts';
import type { CheckedAttr } from './attr.ts';

/** BPF_LINK_CREATE of a program with typed arguments, which knows its place since it was loaded. */
export function createTracingLink(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  const { type, expectedAttachType } = prog.attr;
  if (type !== progTypeNumber.tracing && type !== progTypeNumber.lsm) return -errno.EINVAL;
  if (attr.attach_type !== expectedAttachType) return -errno.EINVAL;
  if (attr.flags !== 0 && ATTACH_TYPES[expectedAttachType] !== 'trace_raw_tp') return -errno.EINVAL;
  // Another target than that of the load: a program that is replaced, of which there are none.
  if (attr.target_fd !== 0 || attr['tracing.target_btf_id'] !== 0) return -errno.EINVAL;
  return attachTyped(process, prog, attr['tracing.cookie']);
}

/** The fd of a link, or -errno. */
export function attachTyped(process: Process, prog: BpfProg, cookie: bigint): number {
  const { machine } = process;
  const { btf } = machine.vmlinux;
  const { expectedAttachType, attachBtfId } = prog.attr;
  const { name } = btf.type(attachBtfId);
  const tracepoint = machine.tracing.tracepoints.get(name.replace(/^btf_trace_/, ''));
  const func = machine.tracing.functions.get(name);
  if (ATTACH_TYPES[expectedAttachType] === 'trace_raw_tp') {
    if (tracepoint === undefined) return -errno.ENOENT;
    return install(process, new RawTracepointLink(prog, tracepoint, cookie));
  }
  if (!isFunctionPlace(expectedAttachType)) return -errno.EINVAL;
  if (func === undefined) return -errno.ENOENT;
  const returns = functionType(btf, name)?.returns ?? 0;
  const place = ATTACH_TYPES[expectedAttachType];
  // A hook of LSM that returns nothing is only looked at.
  const typed = place === 'lsm_mac' ? (returns === 0 ? 'trace_fexit' : 'modify_return') : (place as TypedPlace); // the others of isFunctionPlace
  return install(process, new TracingLink(prog, func, typed, cookie));
}

function install(process: Process, link: RawTracepointLink | TracingLink): number {
  const result = link.attach();
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}
