import type { Kernel } from '../../sys/kernel.ts';
import { attachTypeNumber } from '../../uapi/bpf.ts';
import { BPF_F_REPLACE } from '../../uapi/link.ts';
import { saying } from '../calls.ts';
import { checkKernel } from '../handle.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { type DeviceName, ifindexOf } from './device.ts';
import { type Position, positionAttr } from './position.ts';
import { attachUndoably } from './undo.ts';

/** The hooks of a device that hold several classifiers in an order (Linux >= 6.6; netkit >= 6.7). */
export type DeviceHook = 'tcx_ingress' | 'tcx_egress' | 'netkit_primary' | 'netkit_peer';

/**
 * Attaches a program of type sched_cls to a device, before the filters of its clsact. It stays as long as the link.
 *
 * Throws SysError: ENODEV if there is no device, EEXIST if the program is there already, ESTALE, ERANGE with more than 64 programs, EINVAL on a
 * kernel without tcx.
 *
 * @example
 * using link = attachToDevice(program, 'veth0', 'tcx_ingress', { before: 'all' });
 */
export function attachToDevice(
  program: BpfProgram,
  device: DeviceName,
  hook: DeviceHook,
  position: Position = {},
): BpfLink {
  const { flags, relative_fd, relative_id, expected_revision } = positionAttr(program.kernel, position);
  const kind = hook.startsWith('tcx') ? 'tcx' : 'netkit';
  return createLink(program, where(device, hook), {
    target_ifindex: ifindexOf(program.kernel, device),
    attach_type: attachTypeNumber[hook],
    flags,
    [`${kind}.relative_fd`]: relative_fd,
    [`${kind}.relative_id`]: relative_id,
    [`${kind}.expected_revision`]: expected_revision,
  });
}

/**
 * As {@link attachToDevice}, without a link: it stays until somebody detaches it, or the device goes. `replace`: the program whose place it takes,
 * in one step; SysError ENOENT if that is not there, EBUSY if a link holds it.
 */
export function attachProgramToDevice(
  program: BpfProgram,
  device: DeviceName,
  hook: DeviceHook,
  { replace, ...position }: Position & { readonly replace?: BpfProgram | undefined } = {},
): void {
  const { kernel } = program;
  const { flags, ...relative } = positionAttr(kernel, position);
  if (replace !== undefined) checkKernel(kernel, replace);
  const attach = () =>
    saying(`of ${program.label} ${where(device, hook)}`, () =>
      kernel.bpf('BPF_PROG_ATTACH', {
        target_ifindex: ifindexOf(kernel, device),
        attach_bpf_fd: program.fd,
        attach_type: attachTypeNumber[hook],
        attach_flags: flags | (replace === undefined ? 0 : BPF_F_REPLACE),
        replace_bpf_fd: replace?.fd,
        ...relative,
      }),
    );
  attachUndoably(
    program,
    () => replace?.id,
    attach,
    (former) =>
      former === undefined
        ? detachProgramFromDevice(kernel, device, hook, program)
        : attachProgramToDevice(former, device, hook, { replace: program }),
  );
}

/**
 * Detaches a program that was attached without a link; without `program` the last one, or the one that the position says. Throws SysError: ENOENT
 * if there is none, EBUSY if a link holds it.
 */
export function detachProgramFromDevice(
  kernel: Kernel,
  device: DeviceName,
  hook: DeviceHook,
  program?: BpfProgram | undefined,
  position: Position = {},
): void {
  if (program !== undefined) checkKernel(kernel, program);
  const { flags, ...relative } = positionAttr(kernel, position);
  saying(where(device, hook), () =>
    kernel.bpf('BPF_PROG_DETACH', {
      target_ifindex: ifindexOf(kernel, device),
      attach_bpf_fd: program?.fd,
      attach_type: attachTypeNumber[hook],
      attach_flags: flags,
      ...relative,
    }),
  );
}

function where(device: DeviceName, hook: DeviceHook): string {
  return `on ${device} ${hook}`;
}
