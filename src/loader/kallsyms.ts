import type { Kernel } from '../sys/kernel.ts';
import { O_RDONLY } from '../sys/kernel.ts';
import { orUndefined } from './calls.ts';

const KALLSYMS = '/proc/kallsyms';
const CHUNK = 1 << 16;
/** Characters of a line at most: a symbol's name has 511. */
const MAX_LINE = 1024;

/**
 * The addresses of the symbols of the kernel and its modules that `wanted` picks by name; 0 where the kernel hides them from the caller (kptr_restrict).
 * Compilers that see the whole kernel at once append `.llvm.NUMBER` to the names of data; it is taken off. Empty where there is no /proc/kallsyms.
 */
export function findSymbols(
  kernel: Kernel,
  wanted: (name: string) => boolean,
): ReadonlyMap<string, ReadonlySet<bigint>> {
  const found = new Map<string, Set<bigint>>();
  for (const line of lines(kernel)) {
    const match = /^([0-9a-f]+) (\S) (\S+)/.exec(line);
    if (match === null) continue;
    const [, address = '0', type = '', full = ''] = match;
    const name = /^[tT]$/.test(type) ? full : full.replace(/\.llvm\.\d+$/, '');
    if (!wanted(name)) continue;
    const addresses = found.get(name) ?? new Set();
    found.set(name, addresses.add(BigInt(`0x${address}`)));
  }
  return found;
}

/** The function, or other symbol, that begins at each of some addresses. Empty where the kernel hides addresses. */
export function findSymbolNames(
  kernel: Kernel,
  addresses: readonly bigint[],
): ReadonlyMap<bigint, { readonly name: string; readonly module: string | undefined }> {
  const found = new Map<bigint, { readonly name: string; readonly module: string | undefined }>();
  const wanted = new Set(addresses.filter((address) => address !== 0n));
  if (wanted.size === 0) return found;
  for (const line of lines(kernel)) {
    const match = /^([0-9a-f]+) \S (\S+)(?:\t\[(.+)\])?$/.exec(line);
    const address = match === null ? 0n : BigInt(`0x${match[1]}`);
    if (match?.[2] !== undefined && wanted.has(address)) found.set(address, { name: match[2], module: match[3] });
  }
  return found;
}

function* lines(kernel: Kernel): Generator<string> {
  const fd = orUndefined(['ENOENT', 'ENOTDIR', 'EACCES'], () => kernel.open(KALLSYMS, O_RDONLY));
  if (fd === undefined) return;
  try {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(CHUNK);
    let rest = '';
    for (let n = kernel.read(fd, chunk); n > 0; n = kernel.read(fd, chunk)) {
      const parts = (rest + decoder.decode(chunk.subarray(0, n), { stream: true })).split('\n');
      rest = (parts.pop() ?? '').slice(0, MAX_LINE);
      yield* parts;
    }
    if (rest !== '') yield rest;
  } finally {
    kernel.close(fd);
  }
}
