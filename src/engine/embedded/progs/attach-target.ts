import type { Btf, BtfType } from '../../../btf/index.ts';
import { ATTACH_TYPES, type AttachType, attachTypeNumber, BPF_F_SLEEPABLE } from '../../../uapi/bpf.ts';
import { iterTarget } from '../iter/targets.ts';
import type { Machine } from '../machine.ts';
import { opsOfType } from '../struct-ops/table.ts';
import type { BpfProg } from './prog.ts';
import { type Rejection, reject } from './rejection.ts';
import type { ProgUser } from './to-verify.ts';

/** What attach_btf_id of a program of type tracing or lsm leads to, in the kernel's BTF. */
export function checkTarget(machine: Machine, user: ProgUser, btfId: number): Rejection | undefined {
  const { type, attachType } = user;
  if (type.name === 'struct_ops') return checkStruct(machine, user, btfId);
  if (type.name !== 'tracing' && type.name !== 'lsm') return undefined;
  if (btfId === 0) return reject('Tracing programs must provide btf_id');
  const { btf } = machine.vmlinux;
  if (btfId >= btf.typeCount) return reject(`attach_btf_id ${btfId} is invalid`);
  const target = btf.type(btfId);
  if (target.name === '') return reject(`attach_btf_id ${btfId} doesn't have a name`);
  const place = ATTACH_TYPES[attachType];
  if (place === 'trace_raw_tp') return checkTracepoint(machine, btf, btfId, target);
  if (target.kind !== 'func') return reject(`attach_btf_id ${btfId} is not a function`);
  if (place === 'trace_iter') {
    const isTarget = iterTarget(machine, btfId) !== undefined;
    return isTarget ? undefined : reject(`${target.name} is no iterator of the embedded kernel`);
  }
  return checkFunction(machine, user, place, target.name);
}

/** A struct that programs may fill. Which of its functions, and whether it is one, the verifier looks at. */
function checkStruct(machine: Machine, { gpl }: ProgUser, btfId: number): Rejection | undefined {
  if (!gpl) return reject('struct ops programs must have a GPL compatible license');
  if (btfId === 0) return reject('', 'ENOTSUPP');
  return opsOfType(machine, btfId, 'typeId') === undefined
    ? reject(`attach_btf_id ${btfId} is not a supported struct`, 'ENOTSUPP')
    : undefined;
}

function checkTracepoint(machine: Machine, btf: Btf, btfId: number, target: BtfType): Rejection | undefined {
  if (target.kind !== 'typedef') return reject(`attach_btf_id ${btfId} is not a typedef`);
  const name = /^btf_trace_(.*)$/.exec(target.name)?.[1];
  if (name === undefined) return reject(`attach_btf_id ${btfId} points to wrong type name ${target.name}`);
  const pointer = btf.resolve(target.typeId);
  const proto = pointer.kind === 'ptr' ? btf.resolve(pointer.typeId) : pointer;
  if (proto.kind !== 'func_proto') return reject('');
  return machine.tracing.tracepoints.has(name)
    ? undefined
    : reject(`the embedded kernel has no tracepoint ${name}: add it with lab.trace.addTracepoint`);
}

const FUNCTION_PLACES: readonly (AttachType | undefined)[] = [
  'trace_fentry',
  'trace_fexit',
  'modify_return',
  'lsm_mac',
];

function checkFunction(
  machine: Machine,
  { type, flags, gpl }: ProgUser,
  place: AttachType | undefined,
  name: string,
): Rejection | undefined {
  const isHook = place === 'lsm_mac' || place === 'lsm_cgroup';
  if (!(isHook || FUNCTION_PLACES.includes(place)) || isHook !== (type.name === 'lsm'))
    return reject(`the embedded kernel has no programs for ${place} yet`, 'ENOTSUPP');
  if (type.name === 'lsm') {
    if (!gpl) return reject('LSM programs must have a GPL compatible license');
    if (!name.startsWith('bpf_lsm_')) return reject(`attach_btf_id is not of a hook: wrong type name ${name}`);
  }
  const func = machine.tracing.functions.get(name);
  if (func === undefined)
    return reject(
      `The address of function ${name} cannot be found; functions of the embedded kernel are those that the test adds (lab.trace.addFunction)`,
      'ENOENT',
    );
  if ((flags & BPF_F_SLEEPABLE) !== 0 && func.traits.sleepable !== true) return reject(`${name} is not sleepable`);
  const mayChange = func.traits.errorInjection === true || name.startsWith('security_');
  if (place === 'modify_return' && !mayChange) return reject(`${name}() is not modifiable`);
  return undefined;
}

/** Whether a program's attach type is one of a function of the kernel. */
export function isFunctionPlace(attachType: number): boolean {
  return FUNCTION_PLACES.some((place) => place !== undefined && attachTypeNumber[place] === attachType);
}

/** The name of what a program of a function, tracepoint or iterator of the kernel is made for. */
export function attachedFunction({ machine, attr: { attachBtfId, extended } }: BpfProg): string | undefined {
  return attachBtfId === 0 || extended !== undefined ? undefined : machine.vmlinux.btf.type(attachBtfId).name;
}
