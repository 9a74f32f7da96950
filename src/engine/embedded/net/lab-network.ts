import { SysError } from '../../../errors.ts';
import { errno } from '../../../uapi/errno.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../../uapi/netlink.ts';
import { AF_INET, familyOf, masked, parseAddress } from '../inet/address.ts';
import { NUD } from '../inet/neighbours.ts';
import { PROTOCOL, RT_TABLE_MAIN, SCOPE } from '../inet/routes.ts';
import { addAddressTo } from './address-requests.ts';
import type { Device } from './device.ts';
import { addNeighbourTo } from './neighbour-requests.ts';
import type { Network } from './network.ts';
import { addRouteTo } from './route-requests.ts';

/** A route as the lab is told of it: to `to` (`10.1.0.0/16`; `default` with the family of `via`), by a gateway, a device, or both. */
export interface LabRoute {
  readonly to: string;
  readonly via?: string | undefined;
  readonly device?: string | undefined;
  readonly metric?: number | undefined;
}

export function setUp(network: Network, device: string, up: boolean): void {
  deviceNamed(network, device).setUp(up);
}

/** `text`: an address with its prefix. */
export function addAddress(network: Network, device: string, text: string): void {
  const { ifindex } = deviceNamed(network, device);
  const { address, prefix } = prefixed(text);
  const asked = { family: familyOf(address), ifindex, prefix, local: address, peer: address };
  addAddressTo(network, asked, NLM_F_CREATE | NLM_F_EXCL);
}

export function addRoute(network: Network, { to, via, device, metric }: LabRoute): void {
  const gateway = via === undefined ? undefined : parsed(via);
  const everywhere = { address: new Uint8Array(gateway?.length ?? 4), prefix: 0 };
  const { address, prefix } = to === 'default' ? everywhere : prefixed(to);
  const family = familyOf(address);
  const asked = {
    family,
    destination: masked(address, prefix),
    prefix,
    table: RT_TABLE_MAIN,
    scope: family === AF_INET && gateway === undefined ? SCOPE.link : SCOPE.universe,
    protocol: PROTOCOL.boot,
    gateway,
    metric,
    ifindex: device === undefined ? undefined : deviceNamed(network, device).ifindex,
  };
  addRouteTo(network, asked, NLM_F_CREATE | NLM_F_EXCL);
}

export function addNeighbour(network: Network, device: string, text: string, hardware: Uint8Array): void {
  const address = parsed(text);
  const { ifindex } = deviceNamed(network, device);
  const asked = { family: familyOf(address), ifindex, address, hardware, state: NUD.permanent };
  addNeighbourTo(network, asked, NLM_F_CREATE | NLM_F_REPLACE);
}

/** Throws SysError ENODEV. */
export function deviceNamed(network: Network, name: string): Device {
  const device = network.deviceByName(name);
  if (device === undefined) throw new SysError(errno.ENODEV, 'netlink', { what: String(name).slice(0, 64) });
  return device;
}

function prefixed(text: string): { readonly address: Uint8Array; readonly prefix: number } {
  const [address = '', bits] = String(text).split('/');
  const bytes = parsed(address);
  return { address: bytes, prefix: bits === undefined || !/^\d{1,3}$/.test(bits) ? 8 * bytes.length : Number(bits) };
}

function parsed(text: string): Uint8Array {
  const address = parseAddress(String(text));
  if (address !== undefined) return address;
  const detail = 'an address is written as 10.0.0.1 or fd00::1';
  throw new SysError(errno.EINVAL, 'netlink', { what: String(text).slice(0, 64), detail });
}
