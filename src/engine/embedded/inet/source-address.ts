import { AF_INET, commonBits, type Family, familyOf, inPrefix, isLinkLocal } from './address.ts';
import { type AddressTable, IFA_F_SECONDARY, type InterfaceAddress } from './addresses.ts';
import { type Route, SCOPE } from './routes.ts';

/** The address that a packet on this way comes from, unless its sender chose one. `undefined`: this host has none. */
export function sourceFor(addresses: AddressTable, route: Route, destination: Uint8Array): Uint8Array | undefined {
  if (route.source !== undefined) return route.source;
  if (route.type === 'local') return destination;
  const { device } = route;
  const family = familyOf(destination);
  const here = device === undefined ? [] : addresses.on(device, family);
  if (family === AF_INET)
    return primary(here, route.gateway ?? destination) ?? primary(elsewhere(addresses, family), destination);
  return closest(here, destination) ?? closest(elsewhere(addresses, family), destination);
}

function elsewhere(addresses: AddressTable, family: Family): readonly InterfaceAddress[] {
  return addresses.all.filter((entry) => entry.family === family && entry.scope < SCOPE.host);
}

/** IPv4: the first address of the network that the next hop is in, else the first that is no secondary one. */
function primary(entries: readonly InterfaceAddress[], nextHop: Uint8Array): Uint8Array | undefined {
  const firsts = entries.filter((entry) => (entry.flags & IFA_F_SECONDARY) === 0);
  const found = firsts.find((entry) => inPrefix(nextHop, entry.peer, entry.prefix)) ?? firsts[0];
  return found?.address;
}

/** IPv6: one of the same scope, then the one with most leading bits in common. */
function closest(entries: readonly InterfaceAddress[], destination: Uint8Array): Uint8Array | undefined {
  const rank = ({ address }: InterfaceAddress): number =>
    (isLinkLocal(address) === isLinkLocal(destination) ? 1000 : 0) + commonBits(address, destination);
  let best: InterfaceAddress | undefined;
  for (const entry of entries) if (best === undefined || rank(entry) > rank(best)) best = entry;
  return best?.address;
}
