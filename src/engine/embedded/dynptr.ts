import { errno } from '../../uapi/errno.ts';
import type { HelperEnv } from './helpers/helper.ts';
import type { LinearMemory } from './memory.ts';

/*
 * struct bpf_dynptr as it lies in a program's memory:
 *
 *      0         4     8                                    12
 *     ┌─────────┬─────┬───────────┬─────────┬──────────────┬──────────┐
 *     │ address │ 0   │ size (24) │ kind(3) │ read-only(1) │ offset   │       all 0: no dynptr, or one whose making has failed
 *     └─────────┴─────┴───────────┴─────────┴──────────────┴──────────┘
 *
 * The address is that of the bytes, or of a packet's context: where its bytes are is looked up each time, since they move.
 */
export const DYNPTR_MAX_SIZE = (1 << 24) - 1;
const KIND_SHIFT = 28;
const KIND_MASK = 7;
const READ_ONLY = 1 << 31;
const KINDS = ['memory', 'skb', 'xdp'] as const;
type DynptrKind = (typeof KINDS)[number];

export interface Dynptr {
  readonly kind: DynptrKind;
  readonly address: number;
  /** Bytes that it is for, from `offset` on. */
  readonly size: number;
  readonly offset: number;
  readonly readOnly: boolean;
}

export function readDynptr({ dv }: LinearMemory, at: number): Dynptr | undefined {
  const address = dv.getUint32(at, true);
  const word = dv.getUint32(at + 8, true);
  if (address === 0) return undefined;
  return {
    kind: KINDS[(word >>> KIND_SHIFT) & KIND_MASK] ?? 'memory',
    address,
    size: word & DYNPTR_MAX_SIZE,
    offset: dv.getUint32(at + 12, true),
    readOnly: (word & READ_ONLY) !== 0,
  };
}

/** `undefined`: none. */
export function writeDynptr({ dv }: LinearMemory, at: number, dynptr: Dynptr | undefined): void {
  const { kind, address, size, offset, readOnly } = dynptr ?? NO_DYNPTR;
  dv.setUint32(at, address, true);
  dv.setUint32(at + 4, 0, true);
  dv.setUint32(at + 8, (size | (KINDS.indexOf(kind) << KIND_SHIFT) | (readOnly ? READ_ONLY : 0)) >>> 0, true);
  dv.setUint32(at + 12, offset, true);
}

const NO_DYNPTR: Dynptr = { kind: 'memory', address: 0, size: 0, offset: 0, readOnly: false };

/** One of bytes in memory. */
export function memoryDynptr(address: number, size: number, readOnly = false): Dynptr {
  return { kind: 'memory', address, size, offset: 0, readOnly };
}

/** Whether `length` bytes at `offset` are within it: 0 or -E2BIG. */
export function checkRange({ size }: Dynptr, offset: number, length: number): number {
  return length > size || offset > size - length ? -errno.E2BIG : 0;
}

/**
 * Address of `length` bytes at `offset`, which are within it; -EFAULT for those that the packet has no more, or a fault. A program can write over its dynptrs:
 * what they lead to is looked at like any other memory.
 */
export function bytesAt(env: HelperEnv, dynptr: Dynptr, offset: number, length: number): number {
  const { subject } = env;
  const start = dynptr.offset + offset;
  if (dynptr.kind === 'memory') {
    const at = dynptr.address + start;
    return env.memory.check(at, length) ? at : env.fail('the dynptr does not lead to memory');
  }
  if (subject?.kind !== dynptr.kind || subject.context !== dynptr.address)
    return env.fail('the dynptr does not lead to the packet of the program');
  const at = subject.at(start, length);
  return at < 0 ? -errno.EFAULT : at;
}
