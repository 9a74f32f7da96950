import type { Device } from '../net/device.ts';
import {
  AF_INET,
  AF_INET6,
  familyOf,
  isLoopback,
  isUnspecified,
  masked,
  parseAddress,
  sameAddress,
} from './address.ts';
import { IFA_F_NOPREFIXROUTE, IFA_F_PERMANENT, IFA_F_SECONDARY, type InterfaceAddress } from './addresses.ts';
import type { IpStack } from './ip-stack.ts';
import { kernelRoute, type Route, RT_TABLE_LOCAL, RT_TABLE_MAIN, SCOPE } from './routes.ts';

const METRIC6 = 256;

/** The routes that come with addresses: to the address itself, to its network, to all in it. */
export class LocalRoutes {
  readonly #stack: IpStack;

  constructor(stack: IpStack) {
    this.#stack = stack;
  }

  /** A new address. IPv4: that of a network which the device has one of already is secondary. */
  add(entry: InterfaceAddress): void {
    const { addresses } = this.#stack;
    if (entry.family === AF_INET && addresses.primaryOf(entry.device, entry.peer, entry.prefix) !== undefined)
      entry.flags |= IFA_F_SECONDARY;
    addresses.add(entry);
    this.#addRoutes(entry);
  }

  /** IPv4: secondary addresses go with the one that they are secondary to. */
  remove(entry: InterfaceAddress): void {
    const { addresses, routes } = this.#stack;
    const gone = [entry];
    if (entry.family === AF_INET && (entry.flags & IFA_F_SECONDARY) === 0) {
      const network = masked(entry.peer, entry.prefix);
      gone.push(
        ...addresses
          .on(entry.device, AF_INET)
          .filter(
            (other) =>
              (other.flags & IFA_F_SECONDARY) !== 0 &&
              other.prefix === entry.prefix &&
              sameAddress(masked(other.peer, other.prefix), network),
          ),
      );
    }
    for (const each of gone) addresses.remove(each);
    const kept = addresses.on(entry.device, entry.family).flatMap((other) => this.#routesOf(other));
    const stays = (route: Route) =>
      kept.some(
        (other) =>
          other.table === route.table &&
          other.prefix === route.prefix &&
          sameAddress(other.destination, route.destination),
      );
    for (const each of gone) {
      const theirs = this.#routesOf(each).filter((route) => !stays(route));
      routes.remove((route) => theirs.some((other) => isSame(route, other)));
      // What comes from an address cannot outlive it.
      routes.remove(
        (route) =>
          route.device === each.device && route.source !== undefined && sameAddress(route.source, each.address),
      );
    }
  }

  deviceUp(device: Device): void {
    const { addresses } = this.#stack;
    if (device.kind === 'loopback') {
      for (const [text, prefix] of [
        ['127.0.0.1', 8],
        ['::1', 128],
      ] as const) {
        const address = parseAddress(text);
        if (
          address !== undefined &&
          !addresses.all.some((entry) => entry.device === device && sameAddress(entry.address, address))
        )
          addresses.add(loopbackAddress(device, address, prefix));
      }
    }
    for (const entry of addresses.all) if (entry.device === device) this.#addRoutes(entry);
  }

  /** IPv4: addresses stay, and are ours; IPv6: they go. */
  deviceDown(device: Device): void {
    const { addresses, routes } = this.#stack;
    for (const entry of addresses.on(device, AF_INET6)) addresses.remove(entry);
    routes.remove((route) => route.device === device && (route.family === AF_INET6 || route.type !== 'local'));
  }

  deviceGone(device: Device): void {
    const { addresses, routes } = this.#stack;
    for (const entry of addresses.all) if (entry.device === device) addresses.remove(entry);
    routes.remove((route) => route.device === device);
  }

  #addRoutes(entry: InterfaceAddress): void {
    const { routes } = this.#stack;
    for (const route of this.#routesOf(entry))
      if (routes.find((other) => isSame(other, route)) === undefined) routes.add(route);
  }

  #routesOf(entry: InterfaceAddress): readonly Route[] {
    return entry.family === AF_INET ? routesOf4(entry) : routesOf6(entry);
  }
}

function routesOf4({ device, address, peer, prefix, flags, broadcast }: InterfaceAddress): Route[] {
  const common = { device, source: address, table: RT_TABLE_LOCAL, prefix: 32 };
  const routes = [kernelRoute(AF_INET, { ...common, type: 'local', destination: address, scope: SCOPE.host })];
  if (!device.up) return routes;
  if (broadcast?.some((byte) => byte !== 0xff))
    routes.push(kernelRoute(AF_INET, { ...common, type: 'broadcast', destination: broadcast, scope: SCOPE.link }));
  const network = masked(peer, prefix);
  if (isUnspecified(network) || (flags & IFA_F_SECONDARY) !== 0 || (sameAddress(network, address) && prefix === 32))
    return routes;
  const local = device.kind === 'loopback';
  if ((flags & IFA_F_NOPREFIXROUTE) === 0)
    routes.push(
      kernelRoute(AF_INET, {
        ...common,
        table: local ? RT_TABLE_LOCAL : RT_TABLE_MAIN,
        type: local ? 'local' : 'unicast',
        destination: network,
        prefix,
        scope: local ? SCOPE.host : SCOPE.link,
      }),
    );
  if (prefix < 31)
    routes.push(
      kernelRoute(AF_INET, { ...common, type: 'broadcast', destination: masked(peer, prefix, 1), scope: SCOPE.link }),
    );
  return routes;
}

function routesOf6({ device, address, peer, prefix, flags }: InterfaceAddress): Route[] {
  if (!device.up) return [];
  const scope = SCOPE.universe;
  const routes = [
    kernelRoute(AF_INET6, { device, table: RT_TABLE_LOCAL, type: 'local', destination: address, prefix: 128, scope }),
  ];
  if (device.kind !== 'loopback')
    routes.push(
      kernelRoute(AF_INET6, {
        device,
        table: RT_TABLE_LOCAL,
        type: 'multicast',
        destination: Uint8Array.of(0xff, ...new Uint8Array(15)),
        prefix: 8,
        scope,
        metric: METRIC6,
      }),
    );
  if ((flags & IFA_F_NOPREFIXROUTE) === 0 && !isLoopback(address))
    routes.push(
      kernelRoute(AF_INET6, {
        device,
        table: RT_TABLE_MAIN,
        type: 'unicast',
        destination: masked(peer, prefix),
        prefix,
        scope,
        metric: METRIC6,
      }),
    );
  return routes;
}

function isSame(a: Route, b: Route): boolean {
  return (
    a.table === b.table &&
    a.type === b.type &&
    a.device === b.device &&
    a.prefix === b.prefix &&
    a.metric === b.metric &&
    a.protocol === b.protocol &&
    sameAddress(a.destination, b.destination)
  );
}

function loopbackAddress(device: Device, address: Uint8Array, prefix: number): InterfaceAddress {
  const family = familyOf(address);
  const common = { family, device, address, peer: address, prefix, broadcast: undefined };
  return { ...common, scope: SCOPE.host, label: device.name, flags: IFA_F_PERMANENT };
}
