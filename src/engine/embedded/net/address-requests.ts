import { type Address, decodeAddress, encodeAddress } from '../../../net/index.ts';
import { NLM_F_EXCL, NLM_F_REPLACE, RTM_NEWADDR } from '../../../uapi/netlink.ts';
import { AF_INET, AF_INET6, addressSize, type Family, isLinkLocal, isLoopback, sameAddress } from '../inet/address.ts';
import { IFA_F_PERMANENT, IFA_F_SECONDARY, type InterfaceAddress } from '../inet/addresses.ts';
import { SCOPE } from '../inet/routes.ts';
import type { Device } from './device.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';
import type { Reply, Request } from './rtnetlink.ts';

/** Addresses of one namespace: a caller in a loop must not fill the memory. */
const MAX_ADDRESSES = 4096;

/** RTM_NEWADDR. */
export function newAddress({ network, flags, payload }: Request): Reply[] {
  addAddressTo(network, decodeAddress(payload), flags);
  return [];
}

/** As the message says, with NLM_F_* of its header. */
export function addAddressTo(network: Network, asked: Address, flags: number): void {
  const family = familyAsked(asked);
  const address = localOf(family, asked);
  if (asked.prefix > 8 * address.length)
    fail('EINVAL', family === AF_INET ? 'ipv4: Invalid prefix length' : 'ipv6: Invalid prefix length');
  const device = deviceOf(network, asked, family);
  const { inet } = network;
  const found = inet.addresses
    .on(device, family)
    .find((entry) => sameAddress(entry.address, address) && (family === AF_INET6 || entry.prefix === asked.prefix));
  if (found !== undefined) {
    if ((flags & NLM_F_EXCL) !== 0 || (flags & NLM_F_REPLACE) === 0)
      fail('EEXIST', family === AF_INET ? 'ipv4: Address already assigned' : 'ipv6: address already assigned');
    return;
  }
  if (inet.addresses.all.length >= MAX_ADDRESSES) fail('ENOBUFS');
  inet.local.add({
    family,
    device,
    address: address.slice(),
    peer: (asked.peer ?? address).slice(),
    prefix: asked.prefix,
    broadcast: asked.broadcast?.slice(),
    scope: family === AF_INET ? (asked.scope ?? 0) : scopeOf(address),
    label: asked.label ?? device.name,
    flags: ((asked.flags ?? 0) & ~IFA_F_SECONDARY) | IFA_F_PERMANENT,
  });
}

/** RTM_DELADDR. */
export function deleteAddress({ network, payload }: Request): Reply[] {
  const asked = decodeAddress(payload);
  const family = familyAsked(asked);
  const address = localOf(family, asked);
  const device = deviceOf(network, asked, family);
  const found = network.inet.addresses
    .on(device, family)
    .find(
      (entry) =>
        sameAddress(entry.address, address) &&
        (asked.label === undefined || asked.label === entry.label) &&
        (family === AF_INET6
          ? entry.prefix === asked.prefix
          : asked.peer === undefined || entry.prefix === asked.prefix),
    );
  network.inet.local.remove(
    found ?? fail('EADDRNOTAVAIL', family === AF_INET ? 'ipv4: Address not found' : 'ipv6: address not found'),
  );
  return [];
}

/** All addresses, of one family or of both. */
export function dumpAddresses({ network, payload }: Request): Reply[] {
  const { family } = decodeAddress(payload);
  return network.inet.addresses.all
    .filter((entry) => family === 0 || entry.family === family)
    .sort((a, b) => a.family - b.family || a.device.ifindex - b.device.ifindex)
    .map((entry) => ({ type: RTM_NEWADDR, payload: encodeAddress(describe(entry)) }));
}

function describe({
  family,
  device,
  address,
  peer,
  prefix,
  broadcast,
  flags,
  scope,
  label,
}: InterfaceAddress): Address {
  const common = { family, ifindex: device.ifindex, prefix, flags, scope };
  if (family === AF_INET) return { ...common, local: address, peer, broadcast, label };
  return sameAddress(peer, address) ? { ...common, peer: address } : { ...common, local: address, peer };
}

function familyAsked({ family }: Address): Family {
  return family === AF_INET || family === AF_INET6 ? family : fail('EOPNOTSUPP');
}

/** With IPv6 IFA_ADDRESS is the address too, unless there is an IFA_LOCAL. */
function localOf(family: Family, { local, peer }: Address): Uint8Array {
  const given = family === AF_INET ? local : (local ?? peer);
  if (given === undefined) fail('EINVAL', family === AF_INET ? 'ipv4: Local address is not supplied' : undefined);
  if (given.length < addressSize(family)) fail('ERANGE');
  return given.subarray(0, addressSize(family));
}

function deviceOf(network: Network, { ifindex }: Address, family: Family): Device {
  return (
    network.device(ifindex) ??
    fail('ENODEV', family === AF_INET ? 'ipv4: Device not found' : 'ipv6: Unable to find the interface')
  );
}

function scopeOf(address: Uint8Array): number {
  return isLoopback(address) ? SCOPE.host : isLinkLocal(address) ? SCOPE.link : SCOPE.universe;
}
