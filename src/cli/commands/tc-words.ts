import { SysError, UsageError } from '../../errors.ts';
import { type FilterPlace, listQdiscs } from '../../loader/tc.ts';
import { parseClassid } from '../../net/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { errno } from '../../uapi/errno.ts';
import { TC_H_ROOT } from '../../uapi/netlink.ts';
import { parseNumber, type Words } from '../words.ts';

/** Where filters and chains are, as {@link filterPlace} reads it. */
export const HOOK_USAGE = '{dev NAME {ingress | egress | parent MAJ:MIN} | block N}';

/** EtherTypes by the names that tc and `ip` give them. */
const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['all', 0x0003],
  ['ip', 0x0800],
  ['arp', 0x0806],
  ['802.1Q', 0x8100],
  ['ipv6', 0x86dd],
  ['802.1ad', 0x88a8],
]);

export function parseProtocol(word: string): number {
  const known = PROTOCOLS.get(word);
  if (known !== undefined) return known;
  if (/^\d/.test(word)) return parseNumber(word, 'protocol', 0, 0xffff);
  throw new UsageError(`protocol '${word}' is not known; ${[...PROTOCOLS.keys()].join(', ')} or a number is expected`);
}

export function formatProtocol(protocol: number): string {
  const named = [...PROTOCOLS].find(([, n]) => n === protocol);
  return named?.[0] ?? `[${protocol}]`;
}

/** A class or parent handle, `MAJ:MIN` in hexadecimal. */
export function classid(word: string, what: string): number {
  const id = parseClassid(word);
  if (id === undefined) throw new UsageError(`${what}: '${word}' is no MAJ:MIN in hexadecimal`);
  return id;
}

/** The words that say where a filter is, up to the first that says something else: its kind. A parent that is not said is 0. */
export function filterPlace(words: Words): FilterPlace {
  let device: string | undefined;
  let block: number | undefined;
  let parent: 'ingress' | 'egress' | number | undefined;
  const place: { priority?: number; handle?: number; protocol?: number; chain?: number } = {};
  for (;;) {
    if (words.exact('dev') !== undefined) device = once('dev', device, words.next('the name of the device'));
    else if (words.keyword('block') !== undefined) block = once('block', block, words.number('block', 1));
    else if (words.exact('ingress') !== undefined) parent = once('parent', parent, 'ingress');
    else if (words.exact('egress') !== undefined) parent = once('parent', parent, 'egress');
    else if (words.exact('root') !== undefined) parent = once('parent', parent, TC_H_ROOT);
    else if (words.exact('parent') !== undefined)
      parent = once('parent', parent, classid(words.next('the parent'), 'parent'));
    else if (words.exact('handle') !== undefined)
      place.handle = once('handle', place.handle, words.number('handle', 1));
    else if (words.keyword('preference', 'priority') !== undefined)
      place.priority = once('priority', place.priority, words.number('priority', 0, 0xffff));
    else if (words.keyword('protocol') !== undefined)
      place.protocol = once('protocol', place.protocol, parseProtocol(words.next('the protocol')));
    else if (words.keyword('chain') !== undefined) place.chain = once('chain', place.chain, words.number('chain'));
    else break;
  }
  if (block === undefined) {
    if (device === undefined) throw new UsageError("'dev NAME' or 'block N' is missing");
    return { ...place, device, parent: parent ?? 0 };
  }
  if (device !== undefined) throw new UsageError("'dev' and 'block' exclude each other");
  if (parent !== undefined) throw new UsageError('a block has no parent: it is that of the hooks that share it');
  return { ...place, block };
}

/** Filters are made and removed on a hook, not on a device as a whole. */
export function requireParent({ block, parent }: FilterPlace): void {
  if (block === undefined && parent === 0) throw new UsageError("'ingress', 'egress' or 'parent MAJ:MIN' is missing");
}

/** A dump of a block that is not there is empty, as one of a block without filters. Throws SysError ENOENT. */
export function requireBlock(kernel: Kernel, { block }: FilterPlace): void {
  if (block === undefined) return;
  const shared = listQdiscs(kernel).flatMap(({ ingressBlock, egressBlock }) => [ingressBlock, egressBlock]);
  if (!shared.includes(block))
    throw new SysError(errno.ENOENT, 'RTM_GETQDISC', {
      what: `block ${block}`,
      detail: 'no qdisc has a block of this number',
    });
}

function once<T>(what: string, known: T | undefined, value: T): T {
  if (known === undefined) return value;
  throw new UsageError(`duplicate "${what}": "${String(value)}" is the second value`);
}
