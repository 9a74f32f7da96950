export const AF_INET = 2;
export const AF_INET6 = 10;
export type Family = typeof AF_INET | typeof AF_INET6;

/** Bytes of an address. */
export function addressSize(family: Family): 4 | 16 {
  return family === AF_INET ? 4 : 16;
}
export function familyOf(address: Uint8Array): Family {
  return address.length === 4 ? AF_INET : AF_INET6;
}

/** `10.0.0.1` or `fd00::1` in network order: 4 or 16 bytes. `undefined` if it is neither. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parse6(text) : parse4(text);
}

function parse4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const parts = match?.slice(1).map(Number);
  return parts?.every((part) => part < 256) ? Uint8Array.from(parts) : undefined;
}

function parse6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map(groupsOf);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<number>(halves.length === 1 ? 0 : missing).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The 16-bit groups of a text without `::`; an IPv4 address may be the last two. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  for (const part of text.split(':')) {
    const four = part.includes('.') ? parse4(part) : undefined;
    if (four !== undefined) groups.push(((four[0] ?? 0) << 8) | (four[1] ?? 0), ((four[2] ?? 0) << 8) | (four[3] ?? 0));
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** The inverse of {@link parseAddress}; the longest run of zero groups as `::`. */
export function formatAddress(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  if (isMapped(address)) return `::ffff:${unmapped(address).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0));
  let best = { at: 0, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return text(groups);
  return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`;
}

/** `::ffff:a.b.c.d`: how a socket of IPv6 names an address of IPv4. */
export function isMapped(address: Uint8Array): boolean {
  return (
    address.length === 16 && address[10] === 0xff && address[11] === 0xff && isUnspecified(address.subarray(0, 10))
  );
}
/** An address of IPv4 as IPv6 has it; others as they are. */
export function mapped(address: Uint8Array): Uint8Array {
  if (address.length !== 4) return address;
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...address);
}
/** The inverse of {@link mapped}. */
export function unmapped(address: Uint8Array): Uint8Array {
  return isMapped(address) ? address.subarray(12) : address;
}

export function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Whether the first `prefix` bits are the same. */
export function inPrefix(address: Uint8Array, network: Uint8Array, prefix: number): boolean {
  return address.length === network.length && commonBits(address, network) >= prefix;
}

export function commonBits(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const differing = (a[i] ?? 0) ^ (b[i] ?? 0);
    if (differing !== 0) return 8 * i + Math.clz32(differing) - 24;
  }
  return 8 * a.length;
}

/** The address with all bits behind the prefix 0, or 1. */
export function masked(address: Uint8Array, prefix: number, rest: 0 | 1 = 0): Uint8Array {
  return address.map((byte, i) => {
    const host = 0xff >> Math.min(8, Math.max(0, prefix - 8 * i));
    return rest === 0 ? byte & ~host : byte | host;
  });
}

export function isUnspecified(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}
export function isMulticast(address: Uint8Array): boolean {
  const first = address[0] ?? 0;
  return address.length === 4 ? first >> 4 === 0xe : first === 0xff;
}
export function isLimitedBroadcast(address: Uint8Array): boolean {
  return address.length === 4 && address.every((byte) => byte === 0xff);
}
export function isLoopback(address: Uint8Array): boolean {
  return address.length === 4 ? address[0] === 127 : address[15] === 1 && isUnspecified(address.subarray(0, 15));
}
export function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;
}
