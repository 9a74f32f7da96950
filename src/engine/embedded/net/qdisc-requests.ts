import { clsact, decodeQdisc, encodeQdisc, type Qdisc } from '../../../net/index.ts';
import type { Direction } from '../../../sys/lab.ts';
import {
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_NEWQDISC,
  TC_H_CLSACT,
  TC_H_CLSACT_HANDLE,
  TC_H_ROOT,
} from '../../../uapi/netlink.ts';
import { Clsact } from '../hooks/clsact.ts';
import type { Device } from './device.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';
import type { Reply, Request } from './rtnetlink.ts';

/** RTM_NEWQDISC: creates `clsact` or `ingress`; what is there already can only be asked for again. */
export function newQdisc({ network, flags, payload }: Request): Reply[] {
  const asked = decodeQdisc(payload);
  const device = network.device(asked.ifindex) ?? fail('ENODEV');
  if (asked.parent !== TC_H_CLSACT) {
    // Queues are not simulated: there is nothing to put one into.
    fail(
      asked.kind === 'clsact' || asked.kind === 'ingress' ? 'EOPNOTSUPP' : 'ENOENT',
      'Specified qdisc kind is unknown',
    );
  }
  const { qdisc } = device;
  if (qdisc) {
    if (asked.handle !== 0 && asked.handle !== TC_H_CLSACT_HANDLE && (flags & NLM_F_REPLACE) === 0)
      fail('EEXIST', 'NLM_F_REPLACE needed to override');
    if (flags & NLM_F_EXCL) fail('EEXIST', 'Exclusivity flag on, cannot modify');
    if (asked.kind !== undefined && asked.kind !== qdisc.kind)
      fail('EINVAL', 'Invalid qdisc name: must match existing qdisc');
    if (asked.options !== undefined && asked.options.length > 0)
      fail('EINVAL', 'Change operation not supported by specified qdisc');
    return echo(flags, device, qdisc);
  }
  if (asked.handle & 0xffff) fail('EINVAL', 'Invalid minor handle');
  if ((flags & NLM_F_CREATE) === 0) fail('ENOENT', 'Qdisc not found. To create specify NLM_F_CREATE flag');
  if (asked.kind !== 'clsact' && asked.kind !== 'ingress') fail('ENOENT', 'Specified qdisc kind is unknown');
  const created = new Clsact(asked.kind, network.blocks, blocksOf(asked));
  device.qdisc = created;
  return echo(flags, device, created);
}

/** Numbers of the shared blocks that a new qdisc is to hold; 0: one of its own. */
function blocksOf({ kind, ingressBlock, egressBlock }: Qdisc): Record<Direction, number> {
  if (ingressBlock === 0) fail('EINVAL', 'Ingress block index cannot be 0');
  if (egressBlock === 0) fail('EINVAL', 'Egress block index cannot be 0');
  if (egressBlock !== undefined && kind === 'ingress') fail('EOPNOTSUPP', 'Egress block sharing is not supported');
  return { ingress: ingressBlock ?? 0, egress: egressBlock ?? 0 };
}

/** RTM_DELQDISC: its filters go with it. */
export function deleteQdisc({ network, payload }: Request): Reply[] {
  const asked = decodeQdisc(payload);
  const { device, qdisc } = findQdisc(network, asked);
  if (asked.parent === 0) fail('EINVAL', 'Classid cannot be zero');
  device.qdisc = null;
  qdisc.destroy();
  return [];
}

export function getQdisc({ network, payload }: Request): Reply[] {
  const { device, qdisc } = findQdisc(network, decodeQdisc(payload));
  return [describe(device, qdisc)];
}

/** All devices, whatever the request names: Linux leaves it to the caller to choose. */
export function dumpQdiscs({ network }: Request): Reply[] {
  return network.devices.flatMap((device) => [
    ...(device.activated ? [reply({ ifindex: device.ifindex, kind: 'noqueue', handle: 0, parent: TC_H_ROOT })] : []),
    ...(device.qdisc ? [describe(device, device.qdisc)] : []),
  ]);
}

function findQdisc(network: Network, asked: Qdisc): { device: Device; qdisc: Clsact } {
  const device = network.device(asked.ifindex) ?? fail('ENODEV');
  const { qdisc } = device;
  if (asked.parent === 0) {
    if (!qdisc || asked.handle !== TC_H_CLSACT_HANDLE) fail('ENOENT', 'Failed to find qdisc with specified handle');
  } else if (asked.parent !== TC_H_CLSACT) {
    fail(
      'ENOENT',
      asked.parent === TC_H_ROOT
        ? 'Cannot delete qdisc with handle of zero'
        : 'Failed to find qdisc with specified classid',
    );
  }
  // A device that had a qdisc keeps the place for one, whose handle is 0.
  if (qdisc === undefined) fail('ENOENT', 'Cannot find specified qdisc on specified device');
  if (qdisc === null) {
    if (asked.handle !== 0) fail('EINVAL', 'Invalid handle');
    fail('ENOENT', 'Cannot delete qdisc with handle of zero');
  }
  if (asked.handle !== 0 && asked.handle !== TC_H_CLSACT_HANDLE) fail('EINVAL', 'Invalid handle');
  if (asked.kind !== undefined && asked.kind !== qdisc.kind)
    fail('EINVAL', 'Invalid qdisc name: must match existing qdisc');
  return { device, qdisc };
}

function echo(flags: number, device: Device, qdisc: Clsact): Reply[] {
  return flags & NLM_F_ECHO ? [describe(device, qdisc)] : [];
}

function describe(device: Device, qdisc: Clsact): Reply {
  const { kind, ingress, egress } = qdisc;
  return reply({
    ...clsact(device.ifindex, kind),
    ingressBlock: ingress.index || undefined,
    egressBlock: egress.index || undefined,
  });
}

function reply(qdisc: Qdisc): Reply {
  return { type: RTM_NEWQDISC, payload: encodeQdisc(qdisc) };
}
