import { UsageError } from '../../errors.ts';
import { encodeLink, request } from '../../net/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { attachTypeNumber } from '../../uapi/bpf.ts';
import type { ProgId } from '../../uapi/fd.ts';
import {
  RTM_SETLINK,
  XDP_FLAGS_DRV_MODE,
  XDP_FLAGS_HW_MODE,
  XDP_FLAGS_REPLACE,
  XDP_FLAGS_SKB_MODE,
  XDP_FLAGS_UPDATE_IF_NOEXIST,
} from '../../uapi/netlink.ts';
import { listDevices } from '../devices.ts';
import { checkKernel } from '../handle.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { type DeviceName, ifindexOf } from './device.ts';
import { attachUndoably } from './undo.ts';

/** Who runs the program: the network stack, the device's driver, or the device. Without a word the driver if it can, else the stack. */
export type XdpMode = 'generic' | 'driver' | 'offload';

const MODE_FLAGS = { generic: XDP_FLAGS_SKB_MODE, driver: XDP_FLAGS_DRV_MODE, offload: XDP_FLAGS_HW_MODE } as const;

/**
 * Attaches a program of type xdp to a device for as long as the link (Linux >= 5.9). Throws SysError: EBUSY or EEXIST if the device has one.
 *
 * @example
 * using link = attachXdp(program, 'veth0', { mode: 'generic' });
 */
export function attachXdp(
  program: BpfProgram,
  device: DeviceName,
  { mode }: { readonly mode?: XdpMode | undefined } = {},
): BpfLink {
  return createLink(program, `on ${device} xdp`, {
    target_ifindex: ifindexOf(program.kernel, device),
    attach_type: attachTypeNumber.xdp,
    flags: mode === undefined ? 0 : MODE_FLAGS[mode],
  });
}

export interface XdpOptions {
  readonly mode?: XdpMode | undefined;
  /** Only if this program is the present one; `none`: only if there is none. Without, whatever is there is replaced. */
  readonly expected?: BpfProgram | 'none' | undefined;
}

/**
 * Sets the XDP program of a device through netlink, without a link, or takes it away (`undefined`). It stays until the next call, or until the device goes.
 * Throws SysError: EBUSY if there is one that is not expected or a link holds the hook, EEXIST if another is there than `expected` or in
 * another mode.
 */
export function setXdp(
  kernel: Kernel,
  device: DeviceName,
  program: BpfProgram | undefined,
  { mode, expected }: XdpOptions = {},
): void {
  if (program !== undefined) checkKernel(kernel, program);
  if (expected !== undefined && expected !== 'none') checkKernel(kernel, expected);
  if (program === undefined && expected === 'none') throw new UsageError('there is nothing to take away from none');
  const replace = expected === undefined || expected === 'none' ? undefined : expected.fd;
  const only = expected === 'none' ? XDP_FLAGS_UPDATE_IF_NOEXIST : replace === undefined ? 0 : XDP_FLAGS_REPLACE;
  const flags = (mode === undefined ? 0 : MODE_FLAGS[mode]) | only;
  const xdp = { fd: program?.fd ?? -1, flags, expectedFd: replace };
  const message = encodeLink({ ifindex: ifindexOf(kernel, device), xdp });
  const set = () => request(kernel, `${program?.label ?? 'no program'} on ${device} xdp`, RTM_SETLINK, 0, message);
  if (program === undefined) set();
  else
    attachUndoably(
      program,
      () => xdpProgram(kernel, device),
      set,
      (former) => setXdp(kernel, device, former, { mode, expected: program }),
    );
}

/** Of one mode at most there is a program that is to be replaced: the kernel refuses another beside it. */
function xdpProgram(kernel: Kernel, device: DeviceName): ProgId | undefined {
  const ifindex = ifindexOf(kernel, device);
  const id = listDevices(kernel).find((link) => link.ifindex === ifindex)?.xdp?.progId;
  return id === undefined || id === 0 ? undefined : (id as ProgId); // the brand's origin
}
