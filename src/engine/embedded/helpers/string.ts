import { errno } from '../../../uapi/errno.ts';
import { type HelperEnv, helper } from './helper.ts';

/** The low bits of the flags: 0 (as the text says), 8, 10 or 16. */
const BPF_STRTOX_BASE_MASK = 0x1f;
/** Digits beyond these are not looked at. */
const MAX_DIGITS = 63;
const MAX_U64 = 2n ** 64n - 1n;
const MAX_S64 = 2n ** 63n;

/** The result is how many bytes the number took; -EINVAL where there is none, -ERANGE where it does not fit. */
export const strtol = helper({
  id: 105,
  name: 'strtol',
  args: ['mem', 'mem_size', 'u64', 'out_64'],
  returns: 'integer',
  call(env, text, size, flags, out) {
    const parsed = parse(env, text, size, flags, out);
    if (typeof parsed === 'number') return parsed;
    const { value, negative, length } = parsed;
    if (negative ? value > MAX_S64 : value >= MAX_S64) return -errno.ERANGE;
    env.memory.dv.setBigInt64(out, negative ? -value : value, true);
    return length;
  },
});

/** As bpf_strtol; -EINVAL also for a minus. */
export const strtoul = helper({
  id: 106,
  name: 'strtoul',
  args: ['mem', 'mem_size', 'u64', 'out_64'],
  returns: 'integer',
  call(env, text, size, flags, out) {
    const parsed = parse(env, text, size, flags, out);
    if (typeof parsed === 'number') return parsed;
    if (parsed.negative) return -errno.EINVAL;
    env.memory.dv.setBigUint64(out, parsed.value, true);
    return parsed.length;
  },
});

/** -1, 0 or 1: how the text of at most `size` bytes compares with the other. */
export const strncmp = helper({
  id: 182,
  name: 'strncmp',
  args: ['mem', 'mem_size', 'const_str'],
  returns: 'integer',
  call(env, text, size, other) {
    for (let i = 0; i < size; i++) {
      const a = env.memory.u8[text + i] ?? 0;
      const b = other[i] ?? 0;
      if (a !== b) return a < b ? -1 : 1;
      if (a === 0) break;
    }
    return 0;
  },
});

interface Parsed {
  readonly value: bigint;
  readonly negative: boolean;
  /** Bytes from the start of the text, white space with them. */
  readonly length: number;
}

/** Also sets the result to 0, which stays if this fails. */
function parse(env: HelperEnv, at: number, size: number, flags: number, out: number): Parsed | number {
  env.memory.dv.setBigUint64(out, 0n, true);
  if (size === 0 || flags > BPF_STRTOX_BASE_MASK) return -errno.EINVAL;
  if (flags !== 0 && flags !== 8 && flags !== 10 && flags !== 16) return -errno.EINVAL;
  const bytes = env.memory.u8.subarray(at, at + size);
  let start = 0;
  while (isSpace(bytes[start])) start++;
  const negative = bytes[start] === 0x2d;
  if (negative) start++;
  const text = String.fromCharCode(...bytes.subarray(start, start + MAX_DIGITS));
  const prefix = /^0x(?=[0-9a-f])/i.test(text);
  const base = flags !== 0 ? flags : prefix ? 16 : text.startsWith('0') ? 8 : 10;
  const skipped = base === 16 && /^0x/i.test(text) ? 2 : 0;
  const digits = DIGITS[base]?.exec(text.slice(skipped))?.[0] ?? '';
  if (digits === '') return -errno.EINVAL;
  const value = BigInt((PREFIX[base] ?? '') + digits);
  return value > MAX_U64 ? -errno.ERANGE : { value, negative, length: start + skipped + digits.length };
}

const DIGITS: Readonly<Record<number, RegExp>> = { 8: /^[0-7]+/, 10: /^[0-9]+/, 16: /^[0-9a-f]+/i };
/** What BigInt reads such a number by. */
const PREFIX: Readonly<Record<number, string>> = { 8: '0o', 16: '0x' };

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0xa0 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}
