import { errno } from '../../../uapi/errno.ts';
import type { HelperEnv } from '../helpers/helper.ts';
import { BPF_MAX_LOOPS } from '../helpers/loop.ts';
import { kfunc } from './kfunc.ts';

/*
 * struct bpf_iter_num as it lies in a program's memory: the number that is handed out by its address, and the end, where both are 0 if there is nothing left.
 */

export const bpf_iter_num_new = kfunc('int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end)', {
  args: ['out_64', 'anything', 'anything'],
  underLock: true,
  returns: 'integer',
  call({ memory: { dv } }, it, start, end) {
    const refused = start > end ? -errno.EINVAL : end - start > BPF_MAX_LOOPS ? -errno.E2BIG : 0;
    dv.setInt32(it, refused === 0 ? start - 1 : 0, true);
    dv.setInt32(it + 4, refused === 0 ? end : 0, true);
    return refused;
  },
});

export const bpf_iter_num_next = kfunc('int *bpf_iter_num_next(struct bpf_iter_num *it)', {
  args: ['out_64'],
  underLock: true,
  returns: 'map_value_or_null',
  call({ memory: { dv } }, it) {
    const next = (dv.getInt32(it, true) + 1) | 0;
    const isEnd = next >= dv.getInt32(it + 4, true);
    dv.setInt32(it, isEnd ? 0 : next, true);
    if (isEnd) dv.setInt32(it + 4, 0, true);
    return isEnd ? 0 : it;
  },
});

export const bpf_iter_num_destroy = kfunc('void bpf_iter_num_destroy(struct bpf_iter_num *it)', {
  args: ['out_64'],
  underLock: true,
  returns: 'void',
  call({ memory: { dv } }, it) {
    dv.setBigInt64(it, 0n, true);
    return 0;
  },
});

/** 64-bit words that bits are looked for in, at most. */
const MAX_WORDS = 511;
const WORD = 8;
const WORD_BITS = 64;

/*
 * struct bpf_iter_bits:
 *
 *      0                    8             12
 *     ┌────────────────────┬─────────────┬───────────────────────────┐
 *     │ one word, or where │ how many    │ the bit that was last     │
 *     │ a copy of more is  │ bits: 0 or  │ found, which is handed    │
 *     │                    │ 64 a word   │ out by its address        │
 *     └────────────────────┴─────────────┴───────────────────────────┘
 */
const BITS = 8;
const LAST = 12;

export const bpf_iter_bits_new = kfunc(
  'int bpf_iter_bits_new(struct bpf_iter_bits *it, const u64 *unsafe_ptr__ign, u32 nr_words)',
  {
    args: ['two_words', 'wide', 'anything'],
    returns: 'integer',
    call(env, it, from, words) {
      const { memory } = env;
      memory.u8.fill(0, it, it + LAST);
      memory.dv.setInt32(it + LAST, -1, true);
      if ((from.low === 0 && from.high === 0) || words === 0) return -errno.EINVAL;
      if (words >>> 0 > MAX_WORDS) return -errno.E2BIG;
      const size = words * WORD;
      if (from.high !== 0 || !memory.check(from.low >>> 0, size)) return -errno.EFAULT;
      if (words === 1) memory.u8.copyWithin(it, from.low, from.low + WORD);
      else {
        const copy = env.machine.objects.alloc('bits', size);
        if (copy === 0) return -errno.ENOMEM;
        memory.u8.copyWithin(copy, from.low, from.low + size);
        memory.dv.setUint32(it, copy, true);
      }
      memory.dv.setInt32(it + BITS, words * WORD_BITS, true);
      return 0;
    },
  },
);

export const bpf_iter_bits_next = kfunc('int *bpf_iter_bits_next(struct bpf_iter_bits *it)', {
  args: ['two_words'],
  returns: 'map_value_or_null',
  call(env, it) {
    const { dv } = env.memory;
    const count = dv.getInt32(it + BITS, true);
    const words = wordsOf(env, it, count);
    let bit = dv.getInt32(it + LAST, true);
    if (words === 0 || bit >= count) return 0;
    do bit++;
    while (bit < count && ((dv.getUint8(words + (bit >> 3)) >> (bit & 7)) & 1) === 0);
    dv.setInt32(it + LAST, bit, true);
    return bit < count ? it + LAST : 0;
  },
});

export const bpf_iter_bits_destroy = kfunc('void bpf_iter_bits_destroy(struct bpf_iter_bits *it)', {
  args: ['two_words'],
  returns: 'void',
  call(env, it) {
    const { memory, machine } = env;
    if (memory.dv.getInt32(it + BITS, true) > WORD_BITS) machine.objects.put(memory.dv.getUint32(it, true), 'bits');
    return 0;
  },
});

/** Where the bits are; 0 if there are none. What a program has written over its iterator is not believed. */
function wordsOf({ memory, machine }: HelperEnv, it: number, count: number): number {
  if (count === WORD_BITS) return it;
  const copy = memory.dv.getUint32(it, true);
  return machine.objects.size(copy, 'bits') * 8 === count ? copy : 0;
}
