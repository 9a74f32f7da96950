import { UsageError } from '../errors.ts';
import { decodeLink, encodeLink, type Link, request } from '../net/index.ts';
import { type Kernel, O_RDONLY } from '../sys/kernel.ts';
import {
  IFF_UP,
  IFNAMSIZ,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
} from '../uapi/netlink.ts';

/** The network devices of the kernel's namespace, by index. */
export function listDevices(kernel: Kernel): Link[] {
  return request(kernel, 'all devices', RTM_GETLINK, NLM_F_DUMP, encodeLink({ ifindex: 0 })).map(decodeLink);
}

/** Throws SysError ENODEV if there is no such device. */
export function findDevice(kernel: Kernel, name: string): Link {
  const [found] = request(
    kernel,
    `device ${name}`,
    RTM_GETLINK,
    0,
    encodeLink({ ifindex: 0, name: checkedName(name) }),
  );
  if (found === undefined) throw new UsageError(`there is no device ${name}`);
  return decodeLink(found);
}

/** What can be made: a pair of devices that are each other's other end, or one that swallows what is sent. */
export type NewDevice =
  | {
      readonly kind: 'veth';
      readonly name: string;
      readonly peer: string;
      /** The network namespace that the peer shall be in, as a file: `/run/netns/server`. This one if not said. */
      readonly peerNetns?: string | undefined;
    }
  | { readonly kind: 'dummy'; readonly name: string };

/** Throws SysError: EEXIST if a name is taken, EOPNOTSUPP if the kernel does not know the kind; ENOENT, EINVAL if the peer's namespace is none. */
export function addDevice(kernel: Kernel, device: NewDevice): void {
  if (device.kind !== 'veth' || device.peerNetns === undefined) {
    create(kernel, device, undefined);
    return;
  }
  const fd = kernel.open(device.peerNetns, O_RDONLY);
  try {
    create(kernel, device, fd);
  } finally {
    kernel.close(fd);
  }
}

function create(kernel: Kernel, device: NewDevice, netnsFd: number | undefined): void {
  const peer = device.kind === 'veth' ? { ifindex: 0, name: checkedName(device.peer), netnsFd } : undefined;
  const link: Link = { ifindex: 0, name: checkedName(device.name), kind: device.kind, peer };
  request(kernel, `device ${device.name}`, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, encodeLink(link));
}

/** A veth takes its other end with it. */
export function deleteDevice(kernel: Kernel, name: string): void {
  request(kernel, `device ${name}`, RTM_DELLINK, 0, encodeLink({ ifindex: 0, name: checkedName(name) }));
}

export function setDeviceUp(kernel: Kernel, name: string, up: boolean): void {
  const link: Link = { ifindex: findDevice(kernel, name).ifindex, flags: up ? IFF_UP : 0, change: IFF_UP };
  request(kernel, `device ${name}`, RTM_NEWLINK, 0, encodeLink(link));
}

function checkedName(name: string): string {
  if (name !== '' && name.length < IFNAMSIZ && !/[/\s:]/.test(name) && name !== '.' && name !== '..') return name;
  throw new UsageError(`'${name}' is no name for a device: 1 to ${IFNAMSIZ - 1} characters, no blanks, '/' or ':'`);
}
