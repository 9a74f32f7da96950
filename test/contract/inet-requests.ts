import { AF_INET, AF_INET6, formatAddress, parseAddress } from '../../src/engine/embedded/inet/address.ts';
import {
  type Address,
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  encodeAddress,
  encodeLink,
  encodeNeighbour,
  encodeRoute,
  type Link,
  type Neighbour,
  type Route,
} from '../../src/net/index.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import * as N from '../../src/uapi/netlink.ts';
import { ask, type NetBench, type Side } from './net-bench.ts';
import { eventually, outcome, u32 } from './session.ts';

const ADD = N.NLM_F_CREATE | N.NLM_F_EXCL;
const REPLACE = N.NLM_F_CREATE | N.NLM_F_REPLACE;
/** IFF_RUNNING. */
const RUNNING = 0x40;
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);

const bytes = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0);
const family = (text: string): number => (text.includes(':') ? AF_INET6 : AF_INET);

/** What the steps are written in: requests of a process in `a` unless said. */
export class Requests {
  readonly bench: NetBench;
  constructor(bench: NetBench) {
    this.bench = bench;
  }

  ask(type: number, flags: number, payload: Uint8Array, side: Side = 'a'): Uint8Array[] {
    return ask(this.bench, side, type, flags, payload);
  }
  link(name: string, side: Side = 'a'): Link {
    const [answer] = this.ask(N.RTM_GETLINK, 0, encodeLink({ ifindex: 0, name }), side);
    return decodeLink(answer ?? new Uint8Array(0));
  }
  setLink(link: Partial<Link>, flags = 0, side: Side = 'a'): void {
    this.ask(N.RTM_NEWLINK, flags, encodeLink({ ifindex: 0, ...link }), side);
  }
  veth(name: string, peer: Partial<Link>, more: Partial<Link> = {}, side: Side = 'a'): void {
    this.setLink({ name, kind: 'veth', peer: { ifindex: 0, ...peer }, ...more }, ADD, side);
  }
  up(name: string, up = true, side: Side = 'a'): void {
    this.setLink({ name, flags: up ? 1 : 0, change: 1 }, 0, side);
  }
  /** Names of the devices with their indexes. */
  links(side: Side): string[] {
    const answers = this.ask(N.RTM_GETLINK, N.NLM_F_DUMP, encodeLink({ ifindex: 0 }), side).map(decodeLink);
    return answers.map(({ name, ifindex }) => `${name} ${ifindex}`).filter((text) => !/^(sit|tunl|gre|ip6)/.test(text));
  }

  address(type: number, flags: number, device: string | number, text: string, more: Partial<Address> = {}): void {
    const [address = '', prefix] = text.split('/');
    const local = bytes(address);
    const ifindex = typeof device === 'number' ? device : this.link(device).ifindex;
    this.ask(
      type,
      flags,
      encodeAddress({ family: family(text), ifindex, prefix: Number(prefix), local, peer: local, flags: 2, ...more }),
    );
  }
  addresses(device: string, wanted = 0): string[] {
    const { ifindex } = this.link(device);
    return this.ask(N.RTM_GETADDR, N.NLM_F_DUMP, encodeAddress({ family: wanted, ifindex: 0, prefix: 0 }))
      .map(decodeAddress)
      .filter((entry) => entry.ifindex === ifindex)
      .map(({ local, peer, prefix, scope, flags = 0, broadcast, label }) => {
        const own = local ?? peer ?? new Uint8Array(0);
        const other =
          peer !== undefined && formatAddress(own) !== formatAddress(peer) ? ` peer ${formatAddress(peer)}` : '';
        const to = broadcast === undefined ? '' : ` brd ${formatAddress(broadcast)}`;
        return `${formatAddress(own)}/${prefix}${other}${to} scope ${scope} flags ${(flags & ~2).toString(16)}${label === undefined || label === device ? '' : ` label ${label}`}`;
      });
  }

  route(
    type: number,
    flags: number,
    to: string,
    more: Partial<Route> & { dev?: string; via?: string; src?: string } = {},
  ): Uint8Array[] {
    const [address = '', prefix] = to.split('/');
    const { dev, via, src, ...rest } = more;
    const route: Route = {
      family: family(to),
      destination: prefix === '0' ? undefined : bytes(address),
      prefix: Number(prefix),
      table: 254,
      type: type === N.RTM_DELROUTE ? 0 : 1,
      scope: type === N.RTM_DELROUTE ? 255 : via === undefined && family(to) === AF_INET ? 253 : 0,
      protocol: type === N.RTM_DELROUTE ? 0 : 3,
      ifindex: dev === undefined ? undefined : this.link(dev).ifindex,
      gateway: via === undefined ? undefined : bytes(via),
      source: src === undefined ? undefined : bytes(src),
      ...rest,
    };
    return this.ask(type, flags, encodeRoute(route));
  }
  routes(wanted: number, table = 254): string[] {
    const names = new Map(
      this.ask(N.RTM_GETLINK, N.NLM_F_DUMP, encodeLink({ ifindex: 0 }))
        .map(decodeLink)
        .map(({ ifindex, name }) => [ifindex, name]),
    );
    return this.ask(N.RTM_GETROUTE, N.NLM_F_DUMP, encodeRoute({ family: wanted, prefix: 0 }))
      .map(decodeRoute)
      .filter((route) => route.table === table)
      .map((route) => showRoute(route, names.get(route.ifindex ?? 0)))
      .sort();
  }
  /** The way to an address. */
  way(to: string): string {
    const [answer] = this.ask(
      N.RTM_GETROUTE,
      0,
      encodeRoute({ family: family(to), destination: bytes(to), prefix: family(to) === AF_INET ? 32 : 128 }),
    );
    const { type, gateway, source, ifindex } = decodeRoute(answer ?? new Uint8Array(0));
    const [link] = this.ask(N.RTM_GETLINK, 0, encodeLink({ ifindex: ifindex ?? 0 }));
    return [
      `type ${type}`,
      ...(gateway === undefined ? [] : [`via ${formatAddress(gateway)}`]),
      `dev ${decodeLink(link ?? new Uint8Array(0)).name}`,
      ...(source === undefined ? [] : [`src ${formatAddress(source)}`]),
    ].join(' ');
  }

  neighbour(
    type: number,
    flags: number,
    device: string | number,
    address: string | undefined,
    more: Partial<Neighbour> = {},
  ): Neighbour[] {
    const ifindex = typeof device === 'number' ? device : this.link(device).ifindex;
    const asked = {
      family: family(address ?? '.'),
      ifindex,
      address: address === undefined ? undefined : bytes(address),
      ...more,
    };
    return this.ask(type, flags, encodeNeighbour(asked)).map(decodeNeighbour);
  }
  neighbours(device: string): string[] {
    const { ifindex } = this.link(device);
    return this.neighbour(N.RTM_GETNEIGH, N.NLM_F_DUMP, 0, undefined, { family: 0 })
      .filter((entry) => entry.ifindex === ifindex && ((entry.state ?? 0) & 0x40) === 0)
      .map(
        ({ address, hardware, state }) =>
          `${formatAddress(address ?? new Uint8Array(4))} ${hardware?.join(':')} ${state?.toString(16)}`,
      )
      .sort();
  }
}

function showRoute(
  { destination, prefix, gateway, metric, source, type, scope, protocol, flags, family: of }: Route,
  dev?: string,
): string {
  const to = `${formatAddress(destination ?? new Uint8Array(of === AF_INET ? 4 : 16))}/${prefix}`;
  return [
    to,
    ...(gateway === undefined ? [] : [`via ${formatAddress(gateway)}`]),
    ...(dev === undefined ? [] : [`dev ${dev}`]),
    ...(source === undefined ? [] : [`src ${formatAddress(source)}`]),
    ...(metric === undefined ? [] : [`metric ${metric}`]),
    `type ${type} scope ${scope} proto ${protocol} flags ${flags}`,
  ].join(' ');
}

const { RTM_NEWADDR: NEWADDR, RTM_DELADDR: DELADDR, RTM_NEWROUTE: NEWROUTE, RTM_DELROUTE: DELROUTE } = N;
const { RTM_NEWNEIGH: NEWNEIGH, RTM_DELNEIGH: DELNEIGH, RTM_GETNEIGH: GETNEIGH } = N;

/** Steps that are made one after the other, each with what the kernel says. */
// biome-ignore format: one step a line
export const inetSteps: readonly (readonly [name: string, step: (r: Requests) => unknown, want: unknown])[] = [
  // Namespaces.
  ['each has its own lo', (r) => [r.links('a'), r.links('b')], [['lo 1'], ['lo 1']]],
  ['its own namespace is a file of nsfs', (r) => ownNamespace(r), [true, 0x6e736673, 0o100444]],
  ['a veth with its peer in the other namespace', (r) => r.veth('v0', { name: 'v1', netnsFd: r.bench.netns('b', 'a') }), 'ok'],
  ['indexes are of the namespace', (r) => [r.links('a'), r.links('b')], [['lo 1', 'v0 2'], ['lo 1', 'v1 2']]],
  ['each names the other by its index there', (r) => [r.link('v0').link, r.link('v0').linkNetnsId, r.link('v1', 'b').link, r.link('v1', 'b').linkNetnsId], [2, 0, 2, 0]],
  ['a device of the other namespace is not seen', (r) => r.link('v1'), 'ENODEV'],
  ['an fd that is no namespace', (r) => r.veth('x0', { name: 'x1', netnsFd: 0x7fff }), 'EBADF'],
  ['a process that is not there', (r) => r.veth('x0', { name: 'x1' }, { netnsPid: 0x7ffffff }), 'ESRCH'],
  ['a name that is taken over there', (r) => r.veth('x0', { name: 'v1', netnsFd: r.bench.netns('b', 'a') }), 'EEXIST'],
  ['both ends in the other namespace', (r) => [r.veth('y0', { name: 'y1', netnsFd: r.bench.netns('b', 'a') }, { netnsFd: r.bench.netns('b', 'a') }), r.links('b')], [undefined, ['lo 1', 'v1 2', 'y1 3', 'y0 4']]],
  ['an index that is asked for', (r) => [r.veth('z0', { name: 'z1', ifindex: 40 }, { ifindex: 41 }), r.links('a')], [undefined, ['lo 1', 'v0 2', 'z1 40', 'z0 41']]],
  ['an index that is taken', (r) => r.veth('w0', { name: 'w1' }, { ifindex: 41 }), 'EEXIST'],
  ['moving a device', (r) => [r.up('z0'), r.up('z1'), r.setLink({ name: 'z0', netnsFd: r.bench.netns('b', 'a') }), r.links('a'), r.links('b')], [undefined, undefined, undefined, ['lo 1', 'v0 2', 'z1 40'], ['lo 1', 'v1 2', 'y1 3', 'y0 4', 'z0 41']]],
  ['it is down there', (r) => [r.link('z0', 'b').flags, r.link('z1').flags], [0x1002, 0x1003]],
  ['moving it to where its index is taken', (r) => [r.setLink({ name: 'y0', netnsFd: r.bench.netns('a', 'b') }, 0, 'b'), r.setLink({ name: 'z0', netnsFd: r.bench.netns('a', 'b') }, 0, 'b'), r.links('a')], [undefined, undefined, ['lo 1', 'v0 2', 'y0 4', 'z1 40', 'z0 41']]],
  ['it gets the next one', (r) => [r.setLink({ name: 'v0', netnsFd: r.bench.netns('b', 'a') }), r.links('b')], [undefined, ['lo 1', 'v1 2', 'y1 3', 'v0 5']]],
  ['and keeps it, being free', (r) => [r.setLink({ name: 'v0', netnsFd: r.bench.netns('a', 'b') }, 0, 'b'), r.links('a')], [undefined, ['lo 1', 'y0 4', 'v0 5', 'z1 40', 'z0 41']]],
  ['to where it is already', (r) => r.setLink({ name: 'v0', netnsFd: r.bench.netns('a', 'a') }), 'ok'],
  ['lo stays', (r) => r.setLink({ name: 'lo', netnsFd: r.bench.netns('b', 'a') }), 'EINVAL The interface netns is immutable'],
  ['moving to a name that is taken', (r) => [r.veth('y1', { name: 'q1' }), r.setLink({ name: 'y1', netnsFd: r.bench.netns('b', 'a') })], "EEXIST Unable to use 'y1' for the new interface name in the target netns"],
  ['with a new name', (r) => [r.setLink({ ifindex: r.link('y1').ifindex, name: 'yy', netnsFd: r.bench.netns('b', 'a') }), r.links('b')], [undefined, ['lo 1', 'v1 2', 'y1 3', 'yy 6']]],
  ['with an index that is taken', (r) => r.setLink({ name: 'q1', newIfindex: 2, netnsFd: r.bench.netns('b', 'a') }), 'EBUSY The ifindex 2 is not available in the target netns'],
  ['deleting a device takes the peer along', (r) => [r.ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: 0, name: 'q1' })), r.ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: 0, name: 'y0' })), r.ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: 0, name: 'z0' })), r.links('a'), r.links('b')], [[], [], [], ['lo 1', 'v0 5'], ['lo 1', 'v1 2']]],

  // Addresses.
  ['no addresses', (r) => [r.addresses('lo'), r.addresses('v0')], [[], []]],
  ['an address', (r) => r.address(NEWADDR, ADD, 'v0', '10.0.0.1/24'), 'ok'],
  ['the address again', (r) => r.address(NEWADDR, ADD, 'v0', '10.0.0.1/24'), 'EEXIST ipv4: Address already assigned'],
  ['the address again, without exclusivity', (r) => r.address(NEWADDR, N.NLM_F_CREATE, 'v0', '10.0.0.1/24'), 'EEXIST ipv4: Address already assigned'],
  ['replaced', (r) => r.address(NEWADDR, REPLACE, 'v0', '10.0.0.1/24'), 'ok'],
  ['a second one of the network is secondary', (r) => [r.address(NEWADDR, ADD, 'v0', '10.0.0.7/24'), r.addresses('v0')], [undefined, ['10.0.0.1/24 scope 0 flags 80', '10.0.0.7/24 scope 0 flags 81']]],
  ['another network', (r) => [r.address(NEWADDR, ADD, 'v0', '10.9.0.1/16', { broadcast: bytes('10.9.255.255'), label: 'v0:x' }), r.addresses('v0')], [undefined, ['10.0.0.1/24 scope 0 flags 80', '10.9.0.1/16 brd 10.9.255.255 scope 0 flags 80 label v0:x', '10.0.0.7/24 scope 0 flags 81']]],
  ['an address with a prefix that is too long', (r) => r.address(NEWADDR, ADD, 'v0', '10.0.1.1/33'), 'EINVAL ipv4: Invalid prefix length'],
  ['an address without the address', (r) => r.address(NEWADDR, ADD, 'v0', '10.0.1.1/24', { local: undefined }), 'EINVAL ipv4: Local address is not supplied'],
  ['an address on a device that is not there', (r) => r.address(NEWADDR, ADD, 999, '10.0.1.1/24'), 'ENODEV ipv4: Device not found'],
  ['deleting an address that is not there', (r) => r.address(DELADDR, 0, 'v0', '10.0.1.1/24'), 'EADDRNOTAVAIL ipv4: Address not found'],
  ['deleting an address on a device that is not there', (r) => r.address(DELADDR, 0, 999, '10.0.1.1/24'), 'ENODEV ipv4: Device not found'],
  ['deleting the first takes the secondary along', (r) => [r.address(DELADDR, 0, 'v0', '10.0.0.1/24'), r.addresses('v0')], [undefined, ['10.9.0.1/16 brd 10.9.255.255 scope 0 flags 80 label v0:x']]],
  ['an IPv6 address', (r) => [r.address(NEWADDR, ADD, 'v0', 'fd00::1/64'), r.addresses('v0', AF_INET6)], [undefined, ['fd00::1/64 scope 0 flags 80']]],
  ['the address again, IPv6', (r) => r.address(NEWADDR, ADD, 'v0', 'fd00::1/64'), 'EEXIST ipv6: address already assigned'],
  ['IPv6, an address with a prefix that is too long', (r) => r.address(NEWADDR, ADD, 'v0', 'fd00::2/129'), 'EINVAL ipv6: Invalid prefix length'],
  ['IPv6, an address on a device that is not there', (r) => r.address(NEWADDR, ADD, 999, 'fd00::2/64'), 'ENODEV ipv6: Unable to find the interface'],
  ['IPv6, deleting an address that is not there', (r) => r.address(DELADDR, 0, 'v0', 'fd00::3/64'), 'EADDRNOTAVAIL ipv6: address not found'],
  ['a link-local address', (r) => [r.address(NEWADDR, ADD, 'v0', 'fe80::1/64'), r.addresses('v0', AF_INET6).sort()], [undefined, ['fd00::1/64 scope 0 flags 80', 'fe80::1/64 scope 253 flags 80']]],
  ['lo gets its addresses when it is set up', (r) => [r.up('lo'), r.addresses('lo')], [undefined, ['127.0.0.1/8 scope 254 flags 80', '::1/128 scope 254 flags 80']]],

  // Routes.
  ['a device that is down has no route', (r) => [r.routes(AF_INET), r.routes(AF_INET, 255)], [[], ['10.9.0.1/32 dev v0 src 10.9.0.1 type 2 scope 254 proto 2 flags 0', '127.0.0.0/8 dev lo src 127.0.0.1 type 2 scope 254 proto 2 flags 0', '127.0.0.1/32 dev lo src 127.0.0.1 type 2 scope 254 proto 2 flags 0', '127.255.255.255/32 dev lo src 127.0.0.1 type 3 scope 253 proto 2 flags 0']]],
  ['by a device that is down', (r) => r.route(NEWROUTE, ADD, '10.1.0.0/16', { dev: 'v0' }), 'ENETDOWN Device for nexthop is not up'],
  // Linux tells routes of it when it has the time: until then they are marked as down.
  ['both ends up', (r) => [r.up('v0'), r.up('v1', true, 'b'), eventually(() => ((r.link('v0').flags ?? 0) & RUNNING) !== 0)], [undefined, undefined, true]],
  ['the routes of its addresses', (r) => [r.routes(AF_INET), r.routes(AF_INET, 255).filter((text) => text.includes('v0'))], [['10.9.0.0/16 dev v0 src 10.9.0.1 type 1 scope 253 proto 2 flags 0'], ['10.9.0.1/32 dev v0 src 10.9.0.1 type 2 scope 254 proto 2 flags 0', '10.9.255.255/32 dev v0 src 10.9.0.1 type 3 scope 253 proto 2 flags 0']]],
  ['those of IPv6', (r) => r.routes(AF_INET6), ['fd00::/64 dev v0 metric 256 type 1 scope 0 proto 2 flags 0', 'fe80::/64 dev v0 metric 256 type 1 scope 0 proto 2 flags 0']],
  ['IPv6, to itself', (r) => r.routes(AF_INET6, 255).filter((text) => text.includes('type 2')), ['::1/128 dev lo metric 0 type 2 scope 0 proto 2 flags 0', 'fd00::1/128 dev v0 metric 0 type 2 scope 0 proto 2 flags 0', 'fe80::1/128 dev v0 metric 0 type 2 scope 0 proto 2 flags 0']],
  ['a route by a device', (r) => r.route(NEWROUTE, ADD, '10.1.0.0/16', { dev: 'v0' }), []],
  ['again', (r) => r.route(NEWROUTE, ADD, '10.1.0.0/16', { dev: 'v0' }), 'EEXIST'],
  ['the same, not exclusively', (r) => r.route(NEWROUTE, N.NLM_F_CREATE, '10.1.0.0/16', { dev: 'v0' }), 'EEXIST'],
  ['a default gateway', (r) => r.route(NEWROUTE, ADD, '0.0.0.0/0', { via: '10.9.0.254' }), []],
  ['a gateway that is nowhere', (r) => r.route(NEWROUTE, ADD, '10.2.0.0/16', { via: '192.0.2.1', dev: 'v0' }), 'ENETUNREACH Nexthop has invalid gateway'],
  ['a gateway that is us', (r) => [r.route(NEWROUTE, ADD, '10.2.0.0/16', { via: '10.9.0.1' }), r.route(DELROUTE, 0, '10.2.0.0/16')], [[], []]],
  ['a gateway for a scope of the link', (r) => r.route(NEWROUTE, ADD, '10.2.0.0/16', { via: '10.9.0.2', scope: 253 }), 'ENETUNREACH Nexthop has invalid gateway'],
  ['onlink', (r) => r.route(NEWROUTE, ADD, '10.3.0.0/16', { via: '192.0.2.1', dev: 'v0', flags: 4 }), []],
  ['neither gateway nor device', (r) => r.route(NEWROUTE, ADD, '10.2.0.0/16'), 'ENODEV'],
  ['a device that is not there', (r) => r.route(NEWROUTE, ADD, '10.2.0.0/16', { ifindex: 999 }), 'ENODEV'],
  ['bits behind the prefix', (r) => r.route(NEWROUTE, ADD, '10.2.0.1/16', { dev: 'v0' }), 'EINVAL Invalid prefix for given prefix length'],
  ['a prefix that is too long', (r) => r.route(NEWROUTE, ADD, '10.2.0.1/33', { dev: 'v0' }), 'EINVAL Invalid prefix length'],
  ['a source that is not ours', (r) => r.route(NEWROUTE, ADD, '10.2.0.0/16', { dev: 'v0', src: '10.77.0.1' }), 'EINVAL Invalid prefsrc address'],
  ['a worse one', (r) => r.route(NEWROUTE, ADD, '10.1.0.0/16', { via: '10.9.0.2', metric: 50 }), []],
  ['changing what is not there', (r) => r.route(NEWROUTE, N.NLM_F_REPLACE, '10.6.0.0/16', { dev: 'v0' }), 'ENOENT'],
  ['without the flag that creates', (r) => r.route(NEWROUTE, 0, '10.6.0.0/16', { dev: 'v0' }), 'ENOENT'],
  ['replaced', (r) => r.route(NEWROUTE, REPLACE, '10.1.0.0/16', { via: '10.9.0.3' }), []],
  ['one that leads nowhere', (r) => [r.route(NEWROUTE, ADD, '10.4.0.0/16', { type: 7, scope: 0 }), r.route(NEWROUTE, ADD, '10.5.0.0/16', { type: 6, scope: 0 }), r.route(NEWROUTE, ADD, '10.8.0.0/16', { type: 8, scope: 0 })], [[], [], []]],
  ['all of them', (r) => r.routes(AF_INET), [
    '0.0.0.0/0 via 10.9.0.254 dev v0 type 1 scope 0 proto 3 flags 0', '10.1.0.0/16 via 10.9.0.2 dev v0 metric 50 type 1 scope 0 proto 3 flags 0', '10.1.0.0/16 via 10.9.0.3 dev v0 type 1 scope 0 proto 3 flags 0',
    '10.3.0.0/16 via 192.0.2.1 dev v0 type 1 scope 0 proto 3 flags 4', '10.4.0.0/16 type 7 scope 0 proto 3 flags 0', '10.5.0.0/16 type 6 scope 0 proto 3 flags 0', '10.8.0.0/16 type 8 scope 0 proto 3 flags 0',
    '10.9.0.0/16 dev v0 src 10.9.0.1 type 1 scope 253 proto 2 flags 0',
  ]],
  ['the way to a neighbour', (r) => r.way('10.9.0.9'), 'type 1 dev v0 src 10.9.0.1'],
  ['by the best route', (r) => r.way('10.1.2.3'), 'type 1 via 10.9.0.3 dev v0 src 10.9.0.1'],
  ['by the default one', (r) => r.way('8.8.8.8'), 'type 1 via 10.9.0.254 dev v0 src 10.9.0.1'],
  ['to itself', (r) => r.way('10.9.0.1'), 'type 2 dev lo src 10.9.0.1'],
  ['to all', (r) => r.way('10.9.255.255'), 'type 3 dev v0 src 10.9.0.1'],
  ['unreachable', (r) => r.way('10.4.0.1'), 'EHOSTUNREACH'],
  ['blackhole', (r) => r.way('10.5.0.1'), 'EINVAL'],
  ['prohibited', (r) => r.way('10.8.0.1'), 'EACCES'],
  ['deleting what is not there', (r) => r.route(DELROUTE, 0, '10.6.0.0/16'), 'ESRCH'],
  ['deleting with another gateway', (r) => r.route(DELROUTE, 0, '10.1.0.0/16', { via: '10.9.0.77' }), 'ESRCH'],
  ['deleting takes the best', (r) => [r.route(DELROUTE, 0, '10.1.0.0/16'), r.way('10.1.2.3')], [[], 'type 1 via 10.9.0.2 dev v0 src 10.9.0.1']],
  ['deleting by its metric', (r) => [r.route(DELROUTE, 0, '10.1.0.0/16', { metric: 50 }), r.way('10.1.2.3')], [[], 'type 1 via 10.9.0.254 dev v0 src 10.9.0.1']],
  ['no way at all', (r) => [r.route(DELROUTE, 0, '0.0.0.0/0'), r.way('8.8.8.8')], 'ENETUNREACH'],
  ['IPv6, by a device', (r) => r.route(NEWROUTE, ADD, 'fd01::/64', { dev: 'v0' }), []],
  ['IPv6, again', (r) => r.route(NEWROUTE, ADD, 'fd01::/64', { dev: 'v0' }), 'EEXIST'],
  ['IPv6, a default gateway', (r) => r.route(NEWROUTE, ADD, '::/0', { via: 'fd00::ff' }), []],
  ['IPv6, by a gateway of the link', (r) => r.route(NEWROUTE, ADD, 'fd02::/64', { via: 'fe80::2', dev: 'v0' }), []],
  ['IPv6, a gateway that is us', (r) => r.route(NEWROUTE, ADD, 'fd03::/64', { via: 'fd00::1' }), 'EINVAL Gateway can not be a local address'],
  ['IPv6, neither gateway nor device', (r) => r.route(NEWROUTE, ADD, 'fd03::/64'), 'ENODEV'],
  ['IPv6, all of them', (r) => r.routes(AF_INET6), ['::/0 via fd00::ff dev v0 metric 1024 type 1 scope 0 proto 3 flags 0', 'fd00::/64 dev v0 metric 256 type 1 scope 0 proto 2 flags 0', 'fd01::/64 dev v0 metric 1024 type 1 scope 0 proto 3 flags 0', 'fd02::/64 via fe80::2 dev v0 metric 1024 type 1 scope 0 proto 3 flags 0', 'fe80::/64 dev v0 metric 256 type 1 scope 0 proto 2 flags 0']],
  ['IPv6, the way', (r) => [r.way('fd00::5'), r.way('fd01::5'), r.way('fd02::5'), r.way('2001:db8::1'), r.way('fd00::1')], ['type 1 dev v0 src fd00::1', 'type 1 dev v0 src fd00::1', 'type 1 via fe80::2 dev v0 src fd00::1', 'type 1 via fd00::ff dev v0 src fd00::1', 'type 2 dev lo src fd00::1']],
  ['IPv6, deleting', (r) => [r.route(DELROUTE, 0, 'fd01::/64'), r.route(DELROUTE, 0, 'fd02::/64')], [[], []]],
  ['IPv6, again', (r) => r.route(DELROUTE, 0, 'fd01::/64'), 'ESRCH'],

  // Neighbours.
  ['no neighbours', (r) => r.neighbours('v0'), []],
  ['a permanent one', (r) => [r.neighbour(NEWNEIGH, ADD, 'v0', '10.9.0.2', { hardware: MAC, state: 0x80 }), r.neighbours('v0')], [[], ['10.9.0.2 2:0:0:0:0:9 80']]],
  ['again', (r) => r.neighbour(NEWNEIGH, ADD, 'v0', '10.9.0.2', { hardware: MAC, state: 0x80 }), 'EEXIST'],
  ['another address, without replacing', (r) => [r.neighbour(NEWNEIGH, N.NLM_F_CREATE, 'v0', '10.9.0.2', { hardware: MAC.map((n) => n + 1), state: 0x80 }), r.neighbours('v0')], [[], ['10.9.0.2 2:0:0:0:0:9 80']]],
  ['replaced', (r) => [r.neighbour(NEWNEIGH, REPLACE, 'v0', '10.9.0.2', { hardware: MAC.map((n) => n ^ 8), state: 0x80 }), r.neighbours('v0')], [[], ['10.9.0.2 10:8:8:8:8:1 80']]],
  ['a stale one', (r) => [r.neighbour(NEWNEIGH, ADD, 'v0', 'fd00::9', { hardware: MAC, state: 4 }), r.neighbours('v0')], [[], ['10.9.0.2 10:8:8:8:8:1 80', 'fd00::9 2:0:0:0:0:9 4']]],
  ['changing what is not there', (r) => r.neighbour(NEWNEIGH, N.NLM_F_REPLACE, 'v0', '10.9.0.3', { hardware: MAC, state: 0x80 }), 'ENOENT'],
  ['without an address', (r) => r.neighbour(NEWNEIGH, ADD, 'v0', undefined, { hardware: MAC, state: 0x80 }), 'EINVAL Network address not specified'],
  ['without a device', (r) => r.neighbour(NEWNEIGH, ADD, 0, '10.9.0.3', { hardware: MAC, state: 0x80 }), 'EINVAL Device not specified'],
  ['a device that is not there', (r) => r.neighbour(NEWNEIGH, ADD, 999, '10.9.0.3', { hardware: MAC, state: 0x80 }), 'ENODEV'],
  ['a hardware address that is too short', (r) => r.neighbour(NEWNEIGH, ADD, 'v0', '10.9.0.3', { hardware: Uint8Array.of(1, 2), state: 0x80 }), 'EINVAL Invalid link address'],
  ['none for one that is there', (r) => r.neighbour(NEWNEIGH, ADD, 'v0', '10.9.0.3', { state: 0x80 }), 'EINVAL No link layer address given'],
  ['asking for one', (r) => r.neighbour(GETNEIGH, 0, 'v0', '10.9.0.2').map(({ state, hardware }) => [state, hardware?.[0]]), [[0x80, 10]]],
  ['for one that is not there', (r) => r.neighbour(GETNEIGH, 0, 'v0', '10.9.0.8'), 'ENOENT Neighbour entry not found'],
  ['deleting one', (r) => [r.neighbour(DELNEIGH, 0, 'v0', '10.9.0.2'), r.neighbours('v0')], [[], ['10.9.0.3 undefined 0', 'fd00::9 2:0:0:0:0:9 4']]],
  ['deleting it again', (r) => r.neighbour(DELNEIGH, 0, 'v0', '10.9.0.77'), 'ENOENT'],

  // What goes with a device.
  ['down: IPv4 addresses stay, routes go', (r) => [r.up('v0', false), r.addresses('v0'), r.routes(AF_INET), r.routes(AF_INET6)], [undefined, ['10.9.0.1/16 brd 10.9.255.255 scope 0 flags 80 label v0:x'], ['10.4.0.0/16 type 7 scope 0 proto 3 flags 0', '10.5.0.0/16 type 6 scope 0 proto 3 flags 0', '10.8.0.0/16 type 8 scope 0 proto 3 flags 0'], []]],
  ['its own address is still ours', (r) => r.way('10.9.0.1'), 'type 2 dev lo src 10.9.0.1'],
  ['up again', (r) => [r.up('v0'), r.way('10.9.0.5')], [undefined, 'type 1 dev v0 src 10.9.0.1']],
  ['moved away: nothing is left', (r) => [r.setLink({ name: 'v0', netnsFd: r.bench.netns('b', 'a') }), r.routes(AF_INET).filter((text) => text.includes('dev')), said1(() => r.way('10.9.0.1'))], [undefined, [], 'ENETUNREACH']],
  ['maps of devices forget those that move, and those that go', forgotten, [['ok', 'ok', 'ok'], ['ENOENT', 'ENOENT', 'ok']]],
];

/** Whether the link in /proc names the inode, and what file it leads to. */
function ownNamespace({ bench }: Requests): unknown {
  const kernel = bench.kernel('a');
  const path = '/proc/self/ns/net';
  const { ino, mode } = kernel.stat(path);
  return [kernel.readlink(path) === `net:[${ino}]`, kernel.fsType(path), mode];
}

/** Whether each of three devices is in a map: before, and once one was moved and one deleted. */
function forgotten(r: Requests): unknown {
  const kernel = r.bench.kernel('a');
  const names = ['d0', 'e0', 'f0'];
  for (const name of names) r.veth(name, { name: name.replace('0', '1') });
  const attr = { map_type: mapTypeNumber.devmap, key_size: 4, value_size: 4, max_entries: names.length };
  const map_fd = kernel.bpf('BPF_MAP_CREATE', attr);
  for (const [i, name] of names.entries())
    kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: u32(i), value: u32(r.link(name).ifindex) });
  const there = () =>
    names.map((_, i) => outcome(() => void kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: u32(i), value: u32(0) })));
  const before = there();
  r.setLink({ name: 'd0', netnsFd: r.bench.netns('b', 'a') });
  r.ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: 0, name: 'e0' }));
  const after = there();
  kernel.close(map_fd);
  return [before, after];
}

function said1(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as { code?: string }).code; // every error here has one
  }
}
