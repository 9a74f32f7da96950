import { decodeNeighbour, encodeNeighbour, type Neighbour as NeighbourMessage } from '../../../net/index.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, RTM_NEWNEIGH } from '../../../uapi/netlink.ts';
import { AF_INET, AF_INET6, addressSize, type Family, familyOf } from '../inet/address.ts';
import { type Neighbour, NUD, NUD_VALID } from '../inet/neighbours.ts';
import { ROUTE_TYPES } from '../inet/routes.ts';
import type { Device } from './device.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';
import type { Reply, Request } from './rtnetlink.ts';

/** RTM_NEWNEIGH: says who has which hardware address. */
export function newNeighbour({ network, flags, payload }: Request): Reply[] {
  addNeighbourTo(network, decodeNeighbour(payload), flags);
  return [];
}

/** As the message says, with NLM_F_* of its header. */
export function addNeighbourTo(network: Network, asked: NeighbourMessage, flags: number): void {
  const { device, address } = subject(network, asked);
  const { neighbours } = network.inet;
  const { hardware, state = 0 } = asked;
  if (hardware !== undefined && hardware.length < 6) fail('EINVAL', 'Invalid link address');
  const found = neighbours.find(device, address);
  if (found === undefined && (flags & NLM_F_CREATE) === 0) fail('ENOENT');
  if (found !== undefined && (flags & NLM_F_EXCL) !== 0) fail('EEXIST');
  const neighbour = found ?? neighbours.obtain(device, address) ?? fail('ENOBUFS');
  const known = found?.hardware !== undefined && (found.state & NUD_VALID) !== 0;
  if ((state & NUD_VALID) !== 0 && hardware === undefined && !known) fail('EINVAL', 'No link layer address given');
  const given = hardware?.subarray(0, 6);
  // What is known is kept, unless it shall be replaced.
  const kept = known && (flags & NLM_F_REPLACE) === 0 ? undefined : given;
  neighbours.update(neighbour, kept, state);
  neighbour.flags = asked.flags ?? 0;
  network.machine.traffic.drain();
}

/** RTM_DELNEIGH. */
export function deleteNeighbour({ network, payload }: Request): Reply[] {
  const { device, address } = subject(network, decodeNeighbour(payload));
  const { neighbours } = network.inet;
  neighbours.remove(neighbours.find(device, address) ?? fail('ENOENT'));
  return [];
}

export function getNeighbour({ network, payload }: Request): Reply[] {
  const { device, address } = subject(network, decodeNeighbour(payload));
  const { neighbours } = network.inet;
  return [describe(neighbours.find(device, address) ?? fail('ENOENT', 'Neighbour entry not found'))];
}

/** All neighbours, of one family or of both. */
export function dumpNeighbours({ network, payload }: Request): Reply[] {
  const { family } = decodeNeighbour(payload);
  return network.inet.neighbours.all
    .filter((neighbour) => family === 0 || familyOf(neighbour.address) === family)
    .map(describe);
}

function subject(network: Network, asked: NeighbourMessage): { device: Device; address: Uint8Array } {
  const { address, ifindex } = asked;
  if (address === undefined) fail('EINVAL', 'Network address not specified');
  const device = ifindex === 0 ? undefined : (network.device(ifindex) ?? fail('ENODEV'));
  const family: Family | undefined = asked.family === AF_INET || asked.family === AF_INET6 ? asked.family : undefined;
  if (family === undefined) fail('EAFNOSUPPORT');
  if (address.length < addressSize(family)) fail('EINVAL', 'Invalid network address');
  if (device === undefined) fail('EINVAL', 'Device not specified');
  return { device, address: address.subarray(0, addressSize(family)) };
}

function describe({ device, address, hardware, state, flags }: Neighbour): Reply {
  const shown = (state & NUD_VALID) === 0 ? undefined : hardware;
  const payload = encodeNeighbour({
    family: familyOf(address),
    ifindex: device.ifindex,
    address,
    hardware: shown,
    state: state || NUD.none,
    flags,
    type: ROUTE_TYPES.unicast,
  });
  return { type: RTM_NEWNEIGH, payload };
}
