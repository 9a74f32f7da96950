import type { Device } from '../net/device.ts';
import { AF_INET, type Family, inPrefix, sameAddress } from './address.ts';

export const RT_TABLE_DEFAULT = 253;
export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;
/** Tables in which a packet's way is looked for, one after the other. Of IPv4, `local` and `main` are one as long as there are no rules. */
const BOTH = [RT_TABLE_LOCAL, RT_TABLE_MAIN];
const LOOKED_THROUGH4 = [BOTH, [RT_TABLE_DEFAULT]];
const LOOKED_THROUGH6 = [[RT_TABLE_LOCAL], [RT_TABLE_MAIN], [RT_TABLE_DEFAULT]];

/** RTN_*. */
// biome-ignore format: aligned table
export const ROUTE_TYPES = {
  unicast: 1, local: 2, broadcast: 3, anycast: 4, multicast: 5, blackhole: 6, unreachable: 7, prohibit: 8,
} as const;
export type RouteType = keyof typeof ROUTE_TYPES;

export interface Route {
  readonly family: Family;
  readonly table: number;
  readonly type: RouteType;
  /** Network and bits of it that count. */
  readonly destination: Uint8Array;
  readonly prefix: number;
  readonly tos: number;
  /** The smaller, the better. */
  readonly metric: number;
  readonly gateway: Uint8Array | undefined;
  /** `undefined` of a type that leads nowhere. */
  readonly device: Device | undefined;
  /** The address that packets come from unless somebody chose one. */
  readonly source: Uint8Array | undefined;
  /** RT_SCOPE_* and RTPROT_*. */
  readonly scope: number;
  readonly protocol: number;
  /** RTNH_F_ONLINK. */
  readonly flags: number;
}

export interface RouteQuery {
  /** Only by this device. */
  readonly device?: Device | undefined;
  /** Only in this table. */
  readonly table?: number | undefined;
}

/** The routes of a namespace. */
export class RouteTable {
  /** In the order in which they were made; a prepended one before those that are its equals. */
  #routes: Route[] = [];

  get all(): readonly Route[] {
    return this.#routes;
  }

  /** Where a packet goes: the longest prefix, then the smallest metric, in the first table that has one. */
  lookup(destination: Uint8Array, { device, table }: RouteQuery = {}): Route | undefined {
    for (const wanted of tablesFor(destination, table)) {
      let best: Route | undefined;
      for (const route of this.#routes) {
        if (!wanted.includes(route.table) || !inPrefix(destination, route.destination, route.prefix)) continue;
        if (device !== undefined && route.device !== undefined && route.device !== device && route.type !== 'local')
          continue;
        if (best === undefined || isBetter(route, best)) best = route;
      }
      if (best !== undefined) return best;
    }
    return undefined;
  }

  has(table: number): boolean {
    return table >= RT_TABLE_MAIN || this.#routes.some((route) => route.table === table);
  }

  /** The first of the best metric. */
  find(wanted: (route: Route) => boolean): Route | undefined {
    let best: Route | undefined;
    for (const route of this.#routes)
      if ((best === undefined || route.metric < best.metric) && wanted(route)) best = route;
    return best;
  }

  add(route: Route, first = false): void {
    if (first) this.#routes.unshift(route);
    else this.#routes.push(route);
  }
  replace(old: Route, by: Route): void {
    this.#routes[this.#routes.indexOf(old)] = by;
  }
  remove(unwanted: (route: Route) => boolean): void {
    this.#routes = this.#routes.filter((route) => !unwanted(route));
  }
}

function tablesFor({ length }: Uint8Array, table: number | undefined): readonly (readonly number[])[] {
  if (table === undefined) return length === 4 ? LOOKED_THROUGH4 : LOOKED_THROUGH6;
  return length === 4 && table === RT_TABLE_MAIN ? [BOTH] : [[table]];
}

function isBetter(a: Route, b: Route): boolean {
  if (a.prefix !== b.prefix) return a.prefix > b.prefix;
  return a.table === b.table ? a.metric < b.metric : a.table > b.table;
}

/** Whether two routes stand in the same place of a table: only one of them can be there, or, with IPv6, both are ways to the same. */
export function samePlace(a: Route, b: Route): boolean {
  return (
    a.table === b.table &&
    a.prefix === b.prefix &&
    a.metric === b.metric &&
    a.tos === b.tos &&
    sameAddress(a.destination, b.destination)
  );
}

/** With IPv6 a metric of 0 stands for this one. */
export const DEFAULT_METRIC6 = 1024;
/** RT_SCOPE_*. */
export const SCOPE = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
/** RTPROT_*. */
export const PROTOCOL = { unspec: 0, kernel: 2, boot: 3, static: 4 } as const;

/** A way that the kernel makes by itself, when an address is set up. */
export function kernelRoute(
  family: Family,
  route: Pick<Route, 'table' | 'type' | 'destination' | 'prefix' | 'device' | 'scope'> & Partial<Route>,
): Route {
  const defaults = { tos: 0, metric: 0, gateway: undefined, source: undefined, flags: 0, protocol: PROTOCOL.kernel };
  return { family, ...defaults, ...route, ...(family === AF_INET ? {} : { scope: SCOPE.universe }) };
}
