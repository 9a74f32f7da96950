import { functionOffset, functionOffsets } from '../../elf/index.ts';
import { UsageError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { attachTypeNumber } from '../../uapi/bpf.ts';
import { BPF_F_UPROBE_MULTI_RETURN } from '../../uapi/link.ts';
import { type Attachment, type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { addressesBytes } from './addresses.ts';
import { findBinary, inBinary } from './binary.ts';
import { globMatcher } from './glob.ts';
import { attachToEvent } from './perf-event.ts';
import { pmuType, returnProbeBit } from './tracefs.ts';

/** A place in an executable or library: a function, or an offset in the file, or an offset from a function's start. */
export interface UprobePlace {
  /** `FUNC@VERSION`: the one of that version of a library's symbols. */
  readonly func?: string | undefined;
  /** Bytes: from the function's start, or without one from the start of the file. */
  readonly offset?: number | undefined;
}

export interface UprobeOptions extends UprobePlace {
  readonly returns?: boolean | undefined;
  /** The process; -1: every one that runs the file. Default -1. */
  readonly pid?: number | undefined;
  readonly cookie?: bigint | undefined;
  /** Where in the file a counter is that the kernel raises while the probe is there, as USDT wants it. */
  readonly refCtrOffset?: number | undefined;
}

/**
 * Attaches a program of type kprobe to a place in an executable or library. A path without `/` is looked for where programs and libraries are.
 * Throws ObjectError if the file has no such function, NotSupportedError if the kernel has no uprobes.
 *
 * @example
 * using attached = attachUprobe(program, 'libc.so.6', { func: 'malloc' });
 */
export function attachUprobe(program: BpfProgram, path: string, options: UprobeOptions): Attachment {
  const { returns = false, pid = -1, cookie, refCtrOffset = 0 } = options;
  const { kernel } = program;
  const file = findBinary(kernel, path);
  const offset = placeOffset(kernel, file, options);
  const event = {
    type: pmuType(kernel, 'uprobe'),
    config: (BigInt(refCtrOffset) << 32n) | (returns ? 1n << returnProbeBit(kernel, 'uprobe') : 0n),
    uprobe_path: file,
    probe_offset: BigInt(offset),
  };
  const where = `on ${file}+0x${offset.toString(16)}${returns ? ' (return)' : ''}`;
  return attachToEvent(program, where, event, { pid, cpu: pid === -1 ? 0 : -1, cookie });
}

/** A place of a multi-probe. */
export interface UprobeMultiPlace extends UprobePlace {
  readonly cookie?: bigint | undefined;
  readonly refCtrOffset?: number | undefined;
}

export type UprobePlaces =
  | readonly UprobeMultiPlace[]
  /** All functions of the file whose name fits: `*` any characters, `?` one. One that has several such names is there as often. */
  | { readonly pattern: string };

export interface UprobeMultiOptions {
  readonly places: UprobePlaces;
  readonly returns?: boolean | undefined;
  /** The program was loaded as trace_uprobe_session (Linux >= 6.13). */
  readonly session?: boolean | undefined;
  /** The process; 0: every one that runs the file. */
  readonly pid?: number | undefined;
}

/** Attaches a program that was loaded as trace_uprobe_multi to many places of one file at once (Linux >= 6.6). */
export function attachUprobeMulti(program: BpfProgram, path: string, options: UprobeMultiOptions): BpfLink {
  const { returns = false, session = false, pid = 0 } = options;
  const { kernel } = program;
  const file = findBinary(kernel, path);
  const places: readonly UprobeMultiPlace[] =
    'pattern' in options.places ? fitting(kernel, file, options.places.pattern) : options.places;
  if (places.length === 0) throw new UsageError('a uprobe needs a place: the name of a function, or an offset');
  const column = (number: (place: UprobeMultiPlace) => number | bigint | undefined) =>
    places.some((place) => number(place) !== undefined)
      ? addressesBytes(places.map((place) => BigInt(number(place) ?? 0)))
      : undefined;
  return createLink(program, `on ${file}`, {
    attach_type: attachTypeNumber[session ? 'trace_uprobe_session' : 'trace_uprobe_multi'],
    'uprobe_multi.path': file,
    'uprobe_multi.offsets': column((place) => placeOffset(kernel, file, place)),
    'uprobe_multi.ref_ctr_offsets': column(({ refCtrOffset }) => refCtrOffset),
    'uprobe_multi.cookies': column(({ cookie }) => cookie),
    'uprobe_multi.cnt': places.length,
    'uprobe_multi.flags': returns ? BPF_F_UPROBE_MULTI_RETURN : 0,
    'uprobe_multi.pid': pid,
  });
}

function placeOffset(kernel: Kernel, file: string, { func, offset = 0 }: UprobePlace): number {
  if (func === undefined) {
    if (offset > 0) return offset;
    throw new UsageError(`a uprobe on ${file} needs the name of a function, or an offset`);
  }
  return inBinary(kernel, file, (bytes) => functionOffset(bytes, func)) + offset;
}

function fitting(kernel: Kernel, file: string, pattern: string): UprobeMultiPlace[] {
  const offsets = inBinary(kernel, file, (bytes) => functionOffsets(bytes, globMatcher(pattern)));
  if (offsets.length > 0) return offsets.map((offset) => ({ offset }));
  throw new UsageError(`no function of ${file} fits ${pattern}`);
}
