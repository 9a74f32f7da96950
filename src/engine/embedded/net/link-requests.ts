import { decodeLink, encodeLink, type Link } from '../../../net/index.ts';
import {
  IFF_BROADCAST,
  IFF_LOOPBACK,
  IFF_LOWER_UP,
  IFF_NOARP,
  IFF_RUNNING,
  IFF_UP,
  IFNAMSIZ,
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  RTM_NEWLINK,
} from '../../../uapi/netlink.ts';
import type { Process } from '../process.ts';
import type { Device, DeviceKind } from './device.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';
import type { Reply, Request } from './rtnetlink.ts';
import { describeXdp, setXdp } from './xdp-requests.ts';

const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const IFF_MULTICAST = 0x1000;
// IF_OPER_*.
const OPER_UNKNOWN = 0;
const OPER_DOWN = 2;
const OPER_LOWER_LAYER_DOWN = 3;
const OPER_UP = 6;
const MIN_MTU = 68;
const MAX_MTU = 65535;

/** Devices that one machine may have: a caller in a loop must not fill the memory. */
const MAX_DEVICES = 4096;

/** RTM_NEWLINK, RTM_SETLINK: creates a device, or changes one that is there. */
export function newLink({ network, process, flags, payload }: Request): Reply[] {
  const link = decodeLink(payload);
  if ([link, link.peer].some((end) => (end?.name?.length ?? 0) >= IFNAMSIZ))
    fail('ERANGE', 'Attribute failed policy validation');
  const found = findDevice(network, link);
  if (found !== undefined) {
    if (flags & NLM_F_EXCL) fail('EEXIST');
    moveDevice(found, askedNetns(process, link) ?? network, link);
    changeDevice(found, link);
    if (link.xdp !== undefined) setXdp(process, found, link.xdp);
    return echo(flags, found);
  }
  if ((flags & NLM_F_CREATE) === 0) fail('ENODEV');
  return echo(flags, createDevice(network, process, link));
}

/** RTM_DELLINK. */
export function deleteLink({ network, payload }: Request): Reply[] {
  const device = findDevice(network, decodeLink(payload)) ?? fail('ENODEV');
  if (device.kind === 'loopback') fail('EOPNOTSUPP');
  network.removeDevice(device);
  return [];
}

export function getLink({ network, payload }: Request): Reply[] {
  const link = decodeLink(payload);
  if (link.ifindex === 0 && link.name === undefined) fail('EINVAL');
  return [describe(findDevice(network, link) ?? fail('ENODEV'))];
}

export function dumpLinks({ network }: Request): Reply[] {
  return network.devices.map(describe);
}

function findDevice(network: Network, { ifindex, name }: Link): Device | undefined {
  if (ifindex !== 0) return network.device(ifindex);
  return name === undefined ? undefined : network.deviceByName(name);
}

/** The namespace that a request names; `undefined`: none. */
function askedNetns({ machine, files }: Process, { netnsPid, netnsFd }: Link): Network | undefined {
  if (netnsPid !== undefined) return machine.process(netnsPid)?.network ?? fail('ESRCH');
  if (netnsFd === undefined) return undefined;
  const file = files.get(netnsFd) ?? fail('EBADF');
  return file.kind === 'netns' ? file.network : fail('EINVAL');
}

function moveDevice(device: Device, to: Network, { name, newIfindex = 0 }: Link): void {
  if (device.network === to) return;
  if (device.kind === 'loopback') fail('EINVAL', 'The interface netns is immutable');
  if (to.deviceCount >= MAX_DEVICES) fail('ENOBUFS');
  if (to.deviceByName(name || device.name) !== undefined)
    fail('EEXIST', `Unable to use '${name || device.name}' for the new interface name in the target netns`);
  if (newIfindex !== 0 && to.device(newIfindex) !== undefined)
    fail('EBUSY', `The ifindex ${newIfindex} is not available in the target netns`);
  to.adopt(device, newIfindex);
}

function createDevice(requester: Network, process: Process, link: Link): Device {
  const { kind } = link;
  if (kind !== 'veth' && kind !== 'dummy') fail('EOPNOTSUPP', 'Unknown device type');
  const network = askedNetns(process, link) ?? requester;
  const peerLink: Link = link.peer ?? { ifindex: 0 };
  const peerNetwork = askedNetns(process, peerLink) ?? requester;
  if (network.deviceCount + peerNetwork.deviceCount + 2 > 2 * MAX_DEVICES) fail('ENOBUFS');
  const name = newName(network, link.name, kind);
  if (kind === 'dummy') {
    const device = network.addDevice('dummy', name, checkedAddress(link), freeIfindex(network, link));
    changeDevice(device, { ...link, name });
    return device;
  }
  // The other end is registered first, so it has the smaller index.
  const peerName = newName(peerNetwork, peerLink.name, 'veth', peerNetwork === network ? name : undefined);
  const addresses = [checkedAddress(peerLink), checkedAddress(link)];
  const indexes = [freeIfindex(peerNetwork, peerLink), freeIfindex(network, link)];
  const peer = peerNetwork.addDevice('veth', peerName, addresses[0], indexes[0]);
  const device = network.addDevice('veth', name, addresses[1], indexes[1]);
  peer.peer = device;
  device.peer = peer;
  changeDevice(peer, { ...peerLink, ifindex: peer.ifindex, name: peerName, address: undefined });
  changeDevice(device, { ...link, ifindex: device.ifindex, name, address: undefined });
  return device;
}

/** The number that a new device shall have; 0: the next. */
function freeIfindex(network: Network, { ifindex }: Link): number {
  return network.device(ifindex) === undefined ? ifindex : fail('EBUSY');
}

function checkedAddress({ address, mtu }: Link): Uint8Array | undefined {
  if (address !== undefined && address.length !== 6) fail('EINVAL');
  if (mtu !== undefined) checkMtu(mtu);
  return address?.slice();
}

/** A name that nobody has; `%d` and no name at all stand for the first free number. */
function newName(network: Network, wanted: string | undefined, kind: DeviceKind, taken?: string): string {
  const isFree = (name: string) => name !== taken && network.deviceByName(name) === undefined;
  const pattern = wanted === undefined || wanted === '' ? `${kind}%d` : wanted;
  if (!isDeviceName(pattern)) fail('EINVAL');
  if (!pattern.includes('%')) return isFree(pattern) ? pattern : fail('EEXIST');
  if (!/^[^%]*%d[^%]*$/.test(pattern)) fail('EINVAL');
  for (let n = 0; n <= MAX_DEVICES; n++) {
    const name = pattern.replace('%d', String(n));
    if (name.length < IFNAMSIZ && isFree(name)) return name;
  }
  return fail('ENOBUFS');
}

function isDeviceName(name: string): boolean {
  return name.length > 0 && name.length < IFNAMSIZ && name !== '.' && name !== '..' && !/[/:\s]/.test(name);
}

function changeDevice(device: Device, link: Link): void {
  if (link.mtu !== undefined) checkMtu(link.mtu);
  if (link.address !== undefined && link.address.length !== 6) fail('EINVAL');
  if (link.name !== undefined && link.name !== device.name) {
    if (!isDeviceName(link.name)) fail('EINVAL');
    if (device.network.deviceByName(link.name) !== undefined) fail('EEXIST');
    device.name = link.name;
  }
  if (link.mtu !== undefined) device.mtu = link.mtu;
  if (link.address !== undefined) device.address = link.address.slice();
  // Without a mask all flags are meant, as far as any is set.
  const change = link.change || (link.flags ?? 0);
  if (change & IFF_UP) device.setUp(((link.flags ?? 0) & IFF_UP) !== 0);
}

function checkMtu(mtu: number): void {
  if (mtu < MIN_MTU) fail('EINVAL', 'mtu less than device minimum');
  if (mtu > MAX_MTU) fail('EINVAL', 'mtu greater than device maximum');
}

function echo(flags: number, device: Device): Reply[] {
  return flags & NLM_F_ECHO ? [describe(device)] : [];
}

function describe(device: Device): Reply {
  const { kind, carrier, up, peer } = device;
  return {
    type: RTM_NEWLINK,
    payload: encodeLink({
      ifindex: device.ifindex,
      type: kind === 'loopback' ? ARPHRD_LOOPBACK : ARPHRD_ETHER,
      flags: KIND_FLAGS[kind] | (up ? IFF_UP : 0) | (carrier ? IFF_RUNNING | IFF_LOWER_UP : 0),
      name: device.name,
      mtu: device.mtu,
      address: device.address,
      link: peer?.ifindex,
      linkNetnsId: peer && peer.network !== device.network ? device.network.numberOf(peer.network) : undefined,
      operstate: operstate(device),
      kind: kind === 'loopback' ? undefined : kind,
      stats: device.stats,
      xdp: describeXdp(device),
    }),
  };
}

const KIND_FLAGS = {
  loopback: IFF_LOOPBACK,
  veth: IFF_BROADCAST | IFF_MULTICAST,
  dummy: IFF_BROADCAST | IFF_NOARP,
} as const satisfies Record<DeviceKind, number>;

function operstate({ kind, up, carrier }: Device): number {
  if (!up) return OPER_DOWN;
  if (kind !== 'veth') return OPER_UNKNOWN;
  return carrier ? OPER_UP : OPER_LOWER_LAYER_DOWN;
}
