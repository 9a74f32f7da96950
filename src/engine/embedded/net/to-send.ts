import { SysError } from '../../../errors.ts';
import { errno } from '../../../uapi/errno.ts';
import { ETH_HLEN, LINK_HEADERS, MAX_FRAME } from '../progs/frame.ts';
import type { Device } from './device.ts';
import type { Network } from './network.ts';

/** A device that frames can be sent to, by its name. Throws SysError ENODEV, ENETDOWN. */
export function deviceToSendTo(network: Network, name: string): Device {
  const device = network.deviceByName(name);
  if (device?.up) return device;
  throw new SysError(device === undefined ? errno.ENODEV : errno.ENETDOWN, 'send', { what: `to ${name}` });
}

/** Whether a device takes a frame. Throws SysError EINVAL, EMSGSIZE. */
export function checkFrame(device: Device, { length }: Uint8Array): void {
  const longest = Math.min(MAX_FRAME, device.mtu + LINK_HEADERS);
  if (length >= ETH_HLEN && length <= longest) return;
  const what = `to ${device.name}`;
  if (length < ETH_HLEN)
    throw new SysError(errno.EINVAL, 'send', { what, detail: `a frame has at least ${ETH_HLEN} bytes, not ${length}` });
  throw new SysError(errno.EMSGSIZE, 'send', { what, detail: `${length} bytes are more than its MTU allows` });
}
