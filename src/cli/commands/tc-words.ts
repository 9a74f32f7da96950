import { UsageError } from '../../errors.ts';
import type { FilterPlace } from '../../loader/tc.ts';
import { parseClassid } from '../../net/index.ts';
import { parseNumber, type Words } from '../words.ts';

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

/** The words that say where a filter is, up to the first that says something else: its kind. */
export function filterPlace(words: Words): FilterPlace {
  let device: string | undefined;
  const place: { -readonly [K in keyof Omit<FilterPlace, 'device'>]?: FilterPlace[K] } = {};
  for (;;) {
    if (words.exact('dev') !== undefined) device = once('dev', device, words.next('the name of the device'));
    else if (words.exact('block') !== undefined) throw new UsageError('filters on shared blocks are not supported');
    else if (words.exact('ingress') !== undefined) place.parent = once('parent', place.parent, 'ingress');
    else if (words.exact('egress') !== undefined) place.parent = once('parent', place.parent, 'egress');
    else if (words.exact('root') !== undefined) place.parent = once('parent', place.parent, 0xffffffff);
    else if (words.exact('parent') !== undefined)
      place.parent = once('parent', place.parent, classid(words.next('the parent'), 'parent'));
    else if (words.exact('handle') !== undefined)
      place.handle = once('handle', place.handle, words.number('handle', 1));
    else if (words.keyword('preference', 'priority') !== undefined)
      place.priority = once('priority', place.priority, words.number('priority', 0, 0xffff));
    else if (words.keyword('protocol') !== undefined)
      place.protocol = once('protocol', place.protocol, parseProtocol(words.next('the protocol')));
    else if (words.keyword('chain') !== undefined) place.chain = once('chain', place.chain, words.number('chain'));
    else break;
  }
  if (device === undefined) throw new UsageError("'dev NAME' is missing");
  return { ...place, device, parent: place.parent ?? 0 };
}

function once<T>(what: string, known: T | undefined, value: T): T {
  if (known === undefined) return value;
  throw new UsageError(`duplicate "${what}": "${String(value)}" is the second value`);
}
