import { fnv1a } from '../../../bytes/fnv.ts';
import { u32Bytes } from '../../../bytes/plain.ts';
import type { Clock } from '../clock.ts';

/** What tells a kernel's cookies from others. Linux's is a random number; runs here can be repeated. */
const SECRET = 0x5ceb_c001;
/** Minutes that a cookie is good for, and nanoseconds of one. */
const MAX_AGE = 2;
const MINUTE = 60_000_000_000n;

/** Segment sizes that a cookie can say. Source: net/ipv4/syncookies.c, net/ipv6/syncookies.c. */
const SIZES = { 4: [536, 1300, 1440, 1460], 6: [1220, 1420, 1440, 8940] } as const;

/** Of a segment: the addresses and ports, as they are in it, and its sequence number. */
export interface SynSegment {
  readonly version: 4 | 6;
  readonly flow: Uint8Array;
  readonly sequence: number;
}

/**
 * A sequence number that says how a connection was asked for, so that nothing has to be remembered of it: the minute in the upper 8 bits, and in the others a hash to which
 * the number of the segment size is added.
 */
export function makeCookie(
  clock: Clock,
  segment: SynSegment,
  mss: number,
): { readonly cookie: number; readonly mss: number } {
  const sizes = SIZES[segment.version];
  const index = Math.max(
    0,
    sizes.findLastIndex((size) => size <= mss),
  );
  const minute = minuteOf(clock);
  const low = (hash(segment, minute) + index) & 0xff_ffff;
  return { cookie: ((minute << 24) | low) >>> 0, mss: sizes[index] ?? sizes[0] };
}

/** Whether the cookie was given for what this segment, the answer to it, belongs to; `sequence` is that of the first one. */
export function isCookie(clock: Clock, segment: SynSegment, cookie: number): boolean {
  const minute = cookie >>> 24;
  const age = (minuteOf(clock) - minute) & 0xff;
  const index = (cookie - hash(segment, minute)) & 0xff_ffff;
  return age < MAX_AGE && index < SIZES[segment.version].length;
}

/** Whether a cookie that was given then may still come back. */
export function mayComeBack(clock: Clock, given: bigint | undefined): boolean {
  return given !== undefined && clock.now() - given <= BigInt(MAX_AGE) * MINUTE;
}

function minuteOf(clock: Clock): number {
  return Number((clock.now() / MINUTE) & 0xffn);
}

function hash({ flow, sequence }: SynSegment, minute: number): number {
  return fnv1a(u32Bytes(sequence), fnv1a(flow, SECRET ^ minute)) >>> 8;
}
