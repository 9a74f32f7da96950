import { roundUp, roundUpToPowerOfTwo } from '../../../bytes/round.ts';
import { BPF_F_NO_PREALLOC } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { APART } from '../memory.ts';
import { MAP_HEADER_SIZE, type MapAttr } from './map.ts';

// Offsets in an element; see the picture at HashMap.
export const HASH = 0;
export const STATE = 4;
export const KEY = 8;
/** Bytes of a link. */
export const LINK = 4;

/** Buckets for an element where several CPUs run, and how many there are at most for that. */
const SPARSE = 2;
const MAX_SPARSE = 2 ** 19;

/** Bytes of elements up to which these have their memory from the start with BPF_F_NO_PREALLOC, too: compiled programs put them in and take them out then. What was never used takes nothing of the host's. */
const MAX_TOGETHER = 8 << 20;

/** Bytes of Linux's structs, for the memlock figure: htab without buckets, a bucket, an element without key and value. */
const OVERHEAD = 896;
const LINUX_BUCKET = 16;
const ELEMENT = 48;
/** Key and value together stay below what kmalloc gives. */
const MAX_ELEMENT = 4 * 1024 * 1024 - ELEMENT;
const MAX_BUCKETS = 2 ** 28 - 1;

/** How a hash map lies in linear memory. */
export interface Layout {
  /** A power of two, at least one for each element. */
  readonly buckets: number;
  /** Elements that there can be at once, those included that take the place of others. Their places have numbers from 1 on. */
  readonly places: number;
  /** The bits of a link that are a place's number. */
  readonly placeMask: number;
  /** Whether each element is a block of its own, whose address is at its place; else all have their memory from the start. */
  readonly blocks: boolean;
  /** Bytes of an element: its two words, key and values. */
  readonly element: number;
  readonly valueOffset: number;
  /** Values of an element: 1, or one for each CPU. */
  readonly values: number;
  /** Bytes from one value to the next. */
  readonly stride: number;
  /** Whether a new value takes a new element; else it is written over the old one. */
  readonly replaces: boolean;
  /** Bytes of it all, wherever it begins. */
  readonly size: number;
}

export interface LayoutOptions {
  readonly cpus: number;
  /** Elements have a value for each CPU. */
  readonly percpu?: boolean | undefined;
  /** A new value takes a new element, for which each CPU has a place to spare: unless it is said, where there is one value. */
  readonly replaces?: boolean | undefined;
}

export function isPreallocated({ flags }: MapAttr): boolean {
  return (flags & BPF_F_NO_PREALLOC) === 0;
}

export function layOut(attr: MapAttr, { cpus, percpu = false, replaces = !percpu }: LayoutOptions): Layout {
  const { keySize, valueSize, maxEntries } = attr;
  const buckets = linuxBuckets(maxEntries);
  const places = maxEntries + (replaces ? cpus : 0);
  const placeMask = roundUpToPowerOfTwo(places + 1) - 1;
  const values = percpu ? cpus : 1;
  const valueOffset = KEY + roundUp(keySize, 8);
  const stride = roundUp(valueSize, 8);
  const element = valueOffset + stride * values;
  const before = MAP_HEADER_SIZE + APART * (1 + cpus) + wordsBytes(buckets) + wordsBytes(1 + places);
  const blocks = !isPreallocated(attr) && element * places > MAX_TOGETHER;
  const size = before + (blocks ? wordsBytes(1 + places) : element * places);
  return { buckets, places, placeMask, blocks, element, valueOffset, values, stride, replaces, size };
}

/** The sizes that all kinds of hash have to have. */
export function checkHashSizes({ keySize, valueSize, maxEntries }: MapAttr): number {
  if (keySize === 0 || valueSize === 0 || maxEntries === 0) return -errno.EINVAL;
  return keySize + valueSize >= MAX_ELEMENT || linuxBuckets(maxEntries) > MAX_BUCKETS ? -errno.E2BIG : 0;
}

/** Bytes of so many links, so that elements behind them begin where a number of 64 bits may. */
export function wordsBytes(links: number): number {
  return roundUp(LINK * links, 8);
}

/** How many buckets there are once several CPUs run. */
export function spreadBuckets({ buckets }: Layout): number {
  return Math.max(buckets, Math.min(SPARSE * buckets, MAX_SPARSE));
}

function linuxBuckets(maxEntries: number): number {
  return roundUpToPowerOfTwo(maxEntries);
}

/** The memlock figure of a hash map with so many elements. */
export function hashMemory(attr: MapAttr, layout: Layout, count: number, cpus: number): number {
  const { keySize, maxEntries } = attr;
  const prealloc = isPreallocated(attr);
  const elements = prealloc ? layout.places : count;
  const base = OVERHEAD + LINUX_BUCKET * linuxBuckets(maxEntries);
  const element = ELEMENT + roundUp(keySize, 8);
  if (layout.values > 1) return base + (element + 8 + layout.stride * cpus) * elements;
  // Where a new value takes a new element, each CPU has a pointer to its spare one.
  const spare = layout.replaces && prealloc ? 8 * cpus : 0;
  return base + (element + layout.stride) * elements + spare;
}
