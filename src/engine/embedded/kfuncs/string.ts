import { errno } from '../../../uapi/errno.ts';
import type { HelperEnv, Wide } from '../helpers/helper.ts';
import { noKernelMemory } from '../helpers/probe-read.ts';
import { kfunc } from './kfunc.ts';

/** Bytes of a text that are looked at. */
const XATTR_SIZE_MAX = 65536;

/** The bytes of a text, without its NUL, or -errno: it is too long, or no memory. */
type Text = Uint8Array | number;

function textAt({ memory }: HelperEnv, at: Wide, limit = XATTR_SIZE_MAX): Text {
  const start = at.low >>> 0;
  if (at.high !== 0 || !memory.check(start, 1)) return noKernelMemory(at);
  const end = memory.u8.subarray(start, start + limit).indexOf(0);
  if (end >= 0) return memory.u8.subarray(start, start + end);
  return memory.check(start, limit) ? memory.u8.subarray(start, start + limit) : -errno.EFAULT;
}

/** Whether a text has its NUL within what is looked at. */
function isWhole(text: Uint8Array): boolean {
  return text.length < XATTR_SIZE_MAX;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function compare(env: HelperEnv, one: Wide, other: Wide, map: (byte: number) => number): number {
  const [a, b] = [textAt(env, one), textAt(env, other)];
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  for (let i = 0; i < XATTR_SIZE_MAX; i++) {
    const [x, y] = [map(a[i] ?? 0), map(b[i] ?? 0)];
    if (x !== y) return x < y ? -1 : 1;
    if (x === 0) return 0;
  }
  return -errno.E2BIG;
}

export const bpf_strcmp = kfunc('int bpf_strcmp(const char *s1__ign, const char *s2__ign)', {
  args: ['wide', 'wide'],
  returns: 'integer',
  call: (env, one, other) => compare(env, one, other, (byte) => byte),
});

export const bpf_strcasecmp = kfunc('int bpf_strcasecmp(const char *s1__ign, const char *s2__ign)', {
  args: ['wide', 'wide'],
  returns: 'integer',
  call: (env, one, other) => compare(env, one, other, lower),
});

/** Index of a character, which may be the NUL: -ENOENT if it is not within `count` bytes. */
function find(env: HelperEnv, at: Wide, char: number, count: number): number {
  const text = textAt(env, at, Math.min(count, XATTR_SIZE_MAX));
  if (typeof text === 'number') return text;
  const index = char === 0 ? -1 : text.indexOf(char);
  if (index >= 0) return index;
  if (text.length === XATTR_SIZE_MAX) return -errno.E2BIG;
  return char === 0 && text.length < count ? text.length : -errno.ENOENT;
}

export const bpf_strchr = kfunc('int bpf_strchr(const char *s__ign, char c)', {
  args: ['wide', 'anything'],
  returns: 'integer',
  call: (env, text, char) => find(env, text, char & 0xff, Number.POSITIVE_INFINITY),
});

/** Of the NUL where there is none. */
export const bpf_strchrnul = kfunc('int bpf_strchrnul(const char *s__ign, char c)', {
  args: ['wide', 'anything'],
  returns: 'integer',
  call(env, at, char) {
    const text = textAt(env, at);
    if (typeof text === 'number') return text;
    const index = text.indexOf(char & 0xff);
    return index >= 0 ? index : isWhole(text) ? text.length : -errno.E2BIG;
  },
});

export const bpf_strnchr = kfunc('int bpf_strnchr(const char *s__ign, size_t count, char c)', {
  args: ['wide', 'u64', 'anything'],
  returns: 'integer',
  call: (env, text, count, char) => find(env, text, char & 0xff, count),
});

export const bpf_strrchr = kfunc('int bpf_strrchr(const char *s__ign, int c)', {
  args: ['wide', 'anything'],
  returns: 'integer',
  call(env, at, char) {
    const text = textAt(env, at);
    if (typeof text === 'number') return text;
    if (!isWhole(text)) return -errno.E2BIG;
    const index = (char & 0xff) === 0 ? text.length : text.lastIndexOf(char & 0xff);
    return index >= 0 ? index : -errno.ENOENT;
  },
});

function length(env: HelperEnv, at: Wide, count: number): number {
  const text = textAt(env, at, Math.min(count, XATTR_SIZE_MAX));
  if (typeof text === 'number') return text;
  return text.length === XATTR_SIZE_MAX ? -errno.E2BIG : text.length;
}

export const bpf_strlen = kfunc('int bpf_strlen(const char *s__ign)', {
  args: ['wide'],
  returns: 'integer',
  call: (env, text) => length(env, text, Number.POSITIVE_INFINITY),
});

export const bpf_strnlen = kfunc('int bpf_strnlen(const char *s__ign, size_t count)', {
  args: ['wide', 'u64'],
  returns: 'integer',
  call: length,
});

/** How many characters at the start are all in a set, or all not in it. */
function span(env: HelperEnv, at: Wide, setAt: Wide, wanted: boolean): number {
  const [text, set] = [textAt(env, at), textAt(env, setAt)];
  if (typeof text === 'number') return text;
  if (typeof set === 'number') return set;
  const other = text.findIndex((byte) => set.includes(byte) !== wanted);
  return other >= 0 ? other : isWhole(text) ? text.length : -errno.E2BIG;
}

export const bpf_strspn = kfunc('int bpf_strspn(const char *s__ign, const char *accept__ign)', {
  args: ['wide', 'wide'],
  returns: 'integer',
  call: (env, text, set) => span(env, text, set, true),
});

export const bpf_strcspn = kfunc('int bpf_strcspn(const char *s__ign, const char *reject__ign)', {
  args: ['wide', 'wide'],
  returns: 'integer',
  call: (env, text, set) => span(env, text, set, false),
});

/** Index of the other text in the first `count` bytes, or -ENOENT. */
function search(env: HelperEnv, at: Wide, otherAt: Wide, count: number): number {
  const [text, other] = [textAt(env, at, Math.min(count, XATTR_SIZE_MAX)), textAt(env, otherAt)];
  if (typeof text === 'number') return text;
  if (typeof other === 'number') return other;
  const index = other.length > text.length ? -1 : indexOf(text, other);
  return index >= 0 ? index : isWhole(text) ? -errno.ENOENT : -errno.E2BIG;
}

/** By code units of Latin-1, so that the search is the host's and not quadratic here. */
function indexOf(text: Uint8Array, other: Uint8Array): number {
  const decoder = new TextDecoder('latin1');
  return decoder.decode(text.slice()).indexOf(decoder.decode(other.slice()));
}

export const bpf_strstr = kfunc('int bpf_strstr(const char *s1__ign, const char *s2__ign)', {
  args: ['wide', 'wide'],
  returns: 'integer',
  call: (env, text, other) => search(env, text, other, Number.POSITIVE_INFINITY),
});

export const bpf_strnstr = kfunc('int bpf_strnstr(const char *s1__ign, const char *s2__ign, size_t len)', {
  args: ['wide', 'wide', 'u64'],
  returns: 'integer',
  call: search,
});
