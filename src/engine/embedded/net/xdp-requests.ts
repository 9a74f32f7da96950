import type { Xdp } from '../../../net/index.ts';
import { progTypeNumber } from '../../../uapi/bpf.ts';
import {
  XDP_ATTACHED,
  XDP_FLAGS_MODES,
  XDP_FLAGS_REPLACE,
  XDP_FLAGS_UPDATE_IF_NOEXIST,
} from '../../../uapi/netlink.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Device } from './device.ts';
import { fail } from './fail.ts';

const FLAGS = XDP_FLAGS_MODES | XDP_FLAGS_UPDATE_IF_NOEXIST | XDP_FLAGS_REPLACE;

/** IFLA_XDP of a request: sets the program of a device, or takes it away. */
export function setXdp(process: Process, device: Device, { fd, flags = 0, expectedFd, attached }: Xdp): void {
  if (attached !== undefined || (flags & ~FLAGS) !== 0) fail('EINVAL');
  const modes = flags & XDP_FLAGS_MODES;
  if ((modes & (modes - 1)) !== 0) fail('EINVAL');
  if (fd === undefined) return;
  if ((flags & XDP_FLAGS_REPLACE) !== 0 && expectedFd === undefined) fail('EINVAL');
  const prog = xdpProg(process, fd);
  const expected = (flags & XDP_FLAGS_REPLACE) === 0 ? undefined : xdpProg(process, expectedFd ?? -1);
  const refused = device.xdp.set({ prog, expected, flags });
  if (refused !== undefined) fail(refused.code, refused.text);
}

/** -1 stands for none. */
function xdpProg(process: Process, fd: number): BpfProg | undefined {
  if (fd < 0) return undefined;
  const prog = process.prog(fd);
  if (typeof prog === 'number') return fail('EBADF');
  return prog.attr.type === progTypeNumber.xdp ? prog : fail('EINVAL');
}

export function describeXdp({ xdp }: Device): Xdp {
  const { mode } = xdp;
  const id = mode && xdp.get(mode)?.id;
  if (mode === undefined || id === undefined) return { attached: XDP_ATTACHED.indexOf('none') };
  return {
    attached: XDP_ATTACHED.indexOf(mode),
    progId: id,
    ...(mode === 'generic' ? { genericProgId: id } : { driverProgId: id }),
  };
}
