import type { Kernel } from '../sys/kernel.ts';
import { MAX_SENT, MAX_TEST_RUNS, type PacketLab, type TestRunLab } from '../sys/lab.ts';
import type { HeldArenas } from './held-arenas.ts';

/**
 * The calls that go over the socket, and of which kinds their arguments are. A client encodes by this table and the server refuses whatever does
 * not fit it, so a foreign message never reaches the kernel with an argument of the wrong type. `attr` and `buffer` come back with the reply:
 * the kernel changes them.
 */
// biome-ignore format: aligned table
export const METHODS = {
  bpf:      ['string', 'attr'],
  netlink:  ['bytes'],
  perfEventOpen: ['attr', 'number', 'number', 'number', 'number'],
  ioctl:    ['number', 'string', 'number'],
  open:     ['string', 'number', 'number?'],
  read:     ['number', 'buffer'],
  close:    ['number'],
  stat:     ['string'],
  lstat:    ['string'],
  fsType:   ['string'],
  readdir:  ['string'],
  readlink: ['string'],
  mkdir:    ['string', 'number'],
  rmdir:    ['string'],
  unlink:   ['string'],
  chmod:    ['string', 'number'],
  chown:    ['string', 'number', 'number'],
  rename:   ['string', 'string'],
  symlink:  ['string', 'string'],
  mount:    ['string', 'string', 'string', 'number', 'string'],
  bindFds:  ['string'],
  sendFds:  ['string', 'bytes', 'numbers'],
  receiveFds: ['number'],
} as const satisfies { readonly [M in Exclude<keyof Kernel, 'name' | 'wait' | 'mmap' | typeof Symbol.dispose>]: readonly ArgumentKind[] };

// biome-ignore format: aligned table
export const LAB_METHODS = {
  send:    ['string', 'string', 'bytes'],
  sendAll: ['string', 'string', 'frames'],
} as const satisfies { readonly [M in keyof PacketLab]: readonly ArgumentKind[] };

/** Of the lab, too, but with the client's process in front. */
export const TEST_RUNS = { testRuns: ['number', 'frames', 'number'] } as const satisfies Record<
  keyof TestRunLab,
  readonly ArgumentKind[]
>;

export const ARENA_METHODS = {
  mapArena: ['number', 'number', 'number'],
  writeArena: ['number', 'number', 'bytes'],
  unmapArena: ['number'],
} as const satisfies { readonly [M in keyof HeldArenas]: readonly ArgumentKind[] };

/** Characters of a string. No path, name or option is longer. */
export const MAX_STRING = 65536;

/** Numbers, and frames, in a list. */
const MAX_NUMBERS = 1024;
const MAX_FRAMES = Math.max(MAX_TEST_RUNS, MAX_SENT);

export type ArgumentKind = 'string' | 'number' | 'number?' | 'numbers' | 'bytes' | 'frames' | 'buffer' | 'attr';

const CHECKS: Record<ArgumentKind, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string' && value.length <= MAX_STRING,
  number: (value) => Number.isSafeInteger(value),
  'number?': (value) => value === undefined || value === null || Number.isSafeInteger(value),
  numbers: (value) => Array.isArray(value) && value.length <= MAX_NUMBERS && value.every(Number.isSafeInteger),
  bytes: (value) => value instanceof Uint8Array,
  frames: (value) =>
    Array.isArray(value) && value.length <= MAX_FRAMES && value.every((frame) => frame instanceof Uint8Array),
  buffer: (value) => value instanceof Uint8Array,
  attr: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

export function argumentsFit(kinds: readonly ArgumentKind[], args: readonly unknown[]): boolean {
  return args.length <= kinds.length && kinds.every((kind, i) => CHECKS[kind](args[i]));
}
