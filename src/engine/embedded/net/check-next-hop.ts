import { AF_INET, AF_INET6, isLinkLocal } from '../inet/address.ts';
import { type Route, SCOPE } from '../inet/routes.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';

const RTNH_F_ONLINK = 4;

/** A route with the device that its gateway is reached by. Throws SysError: ENODEV, ENETDOWN, ENETUNREACH, EHOSTUNREACH, EINVAL. */
export function checkNextHop({ inet }: Network, route: Route): Route {
  const { family, gateway, device } = route;
  if (device !== undefined && !device.up)
    fail('ENETDOWN', family === AF_INET ? 'Device for nexthop is not up' : 'Nexthop device is not up');
  if (gateway === undefined) return device === undefined ? fail('ENODEV') : route;
  if (gateway.length < route.destination.length) fail('EINVAL');
  if (family === AF_INET6 && inet.addresses.has(gateway)) fail('EINVAL', 'Gateway can not be a local address');
  if ((route.flags & RTNH_F_ONLINK) !== 0 || isLinkLocal(gateway)) return device === undefined ? fail('EINVAL') : route;
  const way = inet.routes.lookup(gateway, { device });
  const direct = way?.type === 'unicast' && way.gateway === undefined;
  if (family === AF_INET) {
    if (route.scope >= SCOPE.link || !(direct || way?.type === 'local'))
      fail('ENETUNREACH', 'Nexthop has invalid gateway');
  } else if (!direct) fail('EHOSTUNREACH');
  return { ...route, device: device ?? way?.device };
}
