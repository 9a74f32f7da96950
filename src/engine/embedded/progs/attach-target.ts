import { ATTACH_TYPES, attachTypeNumber } from '../../../uapi/bpf.ts';
import { iterTarget } from '../iter/targets.ts';
import type { Machine } from '../machine.ts';
import { type Rejection, reject } from './rejection.ts';
import type { ProgUser } from './to-verify.ts';

/** What attach_btf_id of a tracing program leads to, in the kernel's BTF. */
export function checkTarget(machine: Machine, { type, attachType }: ProgUser, btfId: number): Rejection | undefined {
  if (type.name !== 'tracing') return undefined;
  if (btfId === 0) return reject('Tracing programs must provide btf_id');
  const { btf } = machine.vmlinux;
  if (btfId >= btf.typeCount) return reject(`attach_btf_id ${btfId} is invalid`);
  const { kind, name } = btf.type(btfId);
  if (name === '') return reject(`attach_btf_id ${btfId} doesn't have a name`);
  if (attachType === attachTypeNumber.trace_raw_tp) {
    if (kind !== 'typedef') return reject(`attach_btf_id ${btfId} is not a typedef`);
    return reject('the embedded kernel has no raw tracepoints with types yet', 'ENOTSUPP');
  }
  if (kind !== 'func') return reject(`attach_btf_id ${btfId} is not a function`);
  if (attachType !== attachTypeNumber.trace_iter)
    return reject(`the embedded kernel has no programs for ${ATTACH_TYPES[attachType]} yet`, 'ENOTSUPP');
  return iterTarget(machine, btfId) === undefined ? reject(`${name} is no iterator of the embedded kernel`) : undefined;
}
