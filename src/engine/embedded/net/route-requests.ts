import { decodeRoute, encodeRoute, type Route as RouteMessage } from '../../../net/index.ts';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, RTM_NEWROUTE } from '../../../uapi/netlink.ts';
import { AF_INET, AF_INET6, addressSize, type Family, masked, sameAddress } from '../inet/address.ts';
import {
  DEFAULT_METRIC6,
  PROTOCOL,
  ROUTE_TYPES,
  type Route,
  type RouteType,
  RT_TABLE_MAIN,
  SCOPE,
  samePlace,
} from '../inet/routes.ts';
import { checkNextHop } from './check-next-hop.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';
import type { Reply, Request } from './rtnetlink.ts';

/** Routes of one namespace: a caller in a loop must not fill the memory. */
const MAX_ROUTES = 16384;
/** RTM_F_CLONED: the answer is a way, not an entry of a table. */
const RTM_F_CLONED = 0x200;
const TYPES: ReadonlyMap<number, RouteType> = new Map(
  Object.entries(ROUTE_TYPES).map(([name, n]) => [n, name as RouteType]), // a key of the table
);
const NOWHERE: ReadonlySet<RouteType> = new Set(['blackhole', 'unreachable', 'prohibit']);

/** RTM_NEWROUTE: adds a route, or puts one into the place of another. */
export function newRoute({ network, flags, payload }: Request): Reply[] {
  addRouteTo(network, decodeRoute(payload), flags);
  return [];
}

/** As the message says, with NLM_F_* of its header. */
export function addRouteTo(network: Network, asked: RouteMessage, flags: number): void {
  const route = routeOf(network, asked);
  const { routes } = network.inet;
  const there = routes.find((other) => other.family === route.family && samePlace(other, route));
  const same = there && routes.find((other) => isSame(other, route));
  if (there !== undefined) {
    if ((flags & NLM_F_EXCL) !== 0) fail('EEXIST');
    if ((flags & NLM_F_REPLACE) !== 0) {
      if (same !== undefined && same !== there) fail('EEXIST');
      routes.replace(there, route);
      return;
    }
    if (same !== undefined) fail('EEXIST');
  } else if ((flags & NLM_F_CREATE) === 0 && (route.family === AF_INET || (flags & NLM_F_REPLACE) !== 0))
    fail('ENOENT');
  if (routes.all.length >= MAX_ROUTES) fail('ENOBUFS');
  routes.add(route, route.family === AF_INET && (flags & NLM_F_APPEND) === 0);
}

/** RTM_DELROUTE: the first that is as the request says, as far as it says something. */
export function deleteRoute({ network, payload }: Request): Reply[] {
  const asked = decodeRoute(payload);
  const family = familyAsked(asked);
  const { destination, prefix } = target(family, asked);
  const { inet } = network;
  const found = inet.routes.find(
    (route) =>
      route.family === family &&
      route.table === (asked.table || RT_TABLE_MAIN) &&
      route.prefix === prefix &&
      sameAddress(route.destination, destination) &&
      route.tos === asked.tos &&
      (!asked.type || ROUTE_TYPES[route.type] === asked.type) &&
      (family === AF_INET6 || asked.scope === SCOPE.nowhere || route.scope === asked.scope) &&
      (!asked.protocol || route.protocol === asked.protocol) &&
      (!asked.metric || route.metric === asked.metric) &&
      (!asked.ifindex || route.device?.ifindex === asked.ifindex) &&
      (asked.gateway === undefined || (route.gateway !== undefined && sameAddress(route.gateway, asked.gateway))) &&
      (asked.source === undefined || (route.source !== undefined && sameAddress(route.source, asked.source))),
  );
  if (found === undefined) fail('ESRCH');
  inet.routes.remove((route) => route === found);
  return [];
}

/** RTM_GETROUTE: the way to an address. */
export function getRoute({ network, payload }: Request): Reply[] {
  const asked = decodeRoute(payload);
  const family = familyAsked(asked);
  const destination = (asked.destination ?? new Uint8Array(16)).slice(0, addressSize(family));
  if (destination.length < addressSize(family)) fail('EINVAL');
  const device = asked.ifindex ? (network.device(asked.ifindex) ?? fail('ENODEV')) : undefined;
  const way = network.inet.wayTo(destination, device);
  if (typeof way === 'number')
    return fail(way === -101 ? 'ENETUNREACH' : way === -113 ? 'EHOSTUNREACH' : way === -13 ? 'EACCES' : 'EINVAL');
  const { route, source } = way;
  const shown = { ...route, destination, prefix: 8 * destination.length, source, scope: 0, protocol: PROTOCOL.unspec };
  const local = route.type === 'local' ? network.loopback : route.device;
  return [
    { type: RTM_NEWROUTE, payload: encodeRoute({ ...describe({ ...shown, device: local }), flags: RTM_F_CLONED }) },
  ];
}

/** All routes, of one family or of both. */
export function dumpRoutes({ network, payload }: Request): Reply[] {
  const { family } = decodeRoute(payload);
  return network.inet.routes.all
    .filter((route) => family === 0 || route.family === family)
    .sort((a, b) => a.family - b.family || b.table - a.table)
    .map((route) => ({ type: RTM_NEWROUTE, payload: encodeRoute(describe(route)) }));
}

function describe(route: Route): RouteMessage {
  const { family, destination, prefix, table, type, scope, protocol, tos, gateway, metric, source, flags } = route;
  return {
    family,
    destination: prefix === 0 ? undefined : destination,
    prefix,
    table,
    type: ROUTE_TYPES[type],
    scope,
    protocol,
    flags,
    tos,
    ifindex: route.device?.ifindex,
    gateway,
    metric: metric === 0 && family === AF_INET ? undefined : metric,
    source,
  };
}

function familyAsked({ family }: RouteMessage): Family {
  return family === AF_INET || family === AF_INET6 ? family : fail('EOPNOTSUPP');
}

function target(family: Family, { destination, prefix }: RouteMessage): { destination: Uint8Array; prefix: number } {
  const size = addressSize(family);
  if (prefix > 8 * size) fail('EINVAL', 'Invalid prefix length');
  const given = destination ?? new Uint8Array(size);
  if (given.length < size) fail('EINVAL');
  const network = masked(given.subarray(0, size), prefix);
  if (family === AF_INET && !sameAddress(network, given.subarray(0, size)))
    fail('EINVAL', 'Invalid prefix for given prefix length');
  return { destination: network, prefix };
}

function routeOf(network: Network, asked: RouteMessage): Route {
  const family = familyAsked(asked);
  const size = addressSize(family);
  const type = TYPES.get(asked.type || ROUTE_TYPES.unicast) ?? fail('EINVAL', 'Invalid route type');
  const where = target(family, asked);
  const nowhere = NOWHERE.has(type);
  const route: Route = {
    family,
    ...where,
    table: asked.table || RT_TABLE_MAIN,
    type,
    tos: family === AF_INET ? (asked.tos ?? 0) : 0,
    metric: asked.metric || (family === AF_INET6 ? DEFAULT_METRIC6 : 0),
    gateway: nowhere ? undefined : asked.gateway?.slice(0, size),
    device: nowhere || !asked.ifindex ? undefined : (network.device(asked.ifindex) ?? fail('ENODEV')),
    source: asked.source?.slice(0, size),
    scope: family === AF_INET ? (asked.scope ?? 0) : 0,
    protocol: asked.protocol ?? 0,
    flags: (asked.flags ?? 0) & 0xff,
  };
  const checked = nowhere ? route : checkNextHop(network, route);
  if (route.source !== undefined && !network.inet.addresses.has(route.source))
    fail('EINVAL', family === AF_INET ? 'Invalid prefsrc address' : 'Invalid source address');
  return checked;
}

function isSame(a: Route, b: Route): boolean {
  const gateway =
    a.gateway === undefined ? b.gateway === undefined : b.gateway !== undefined && sameAddress(a.gateway, b.gateway);
  return (
    a.family === b.family &&
    samePlace(a, b) &&
    a.type === b.type &&
    a.device === b.device &&
    gateway &&
    a.scope === b.scope
  );
}
