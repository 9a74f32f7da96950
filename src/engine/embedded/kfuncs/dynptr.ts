import { progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { bytesAt, checkRange, type Dynptr, memoryDynptr, readDynptr, writeDynptr } from '../dynptr.ts';
import { writeBytes } from '../helpers/dynptr.ts';
import type { HelperEnv } from '../helpers/helper.ts';
import { kfunc } from './kfunc.ts';

/** Program types that may write to their packet by its addresses; dynptrs of other packets are read-only. */
const WRITERS: ReadonlySet<number> = new Set([
  progTypeNumber.sched_cls,
  progTypeNumber.sched_act,
  progTypeNumber.lwt_xmit,
  progTypeNumber.sk_skb,
]);

export const bpf_dynptr_from_skb = kfunc(
  'int bpf_dynptr_from_skb(struct __sk_buff *s, u64 flags, struct bpf_dynptr *ptr__uninit)',
  {
    args: ['skb', 'u64', 'dynptr'],
    returns: 'integer',
    call(env, skb, flags, out) {
      const readOnly = !WRITERS.has(env.program?.runType ?? 0);
      const whole = { kind: 'skb', address: skb.context, size: skb.length, offset: 0, readOnly } as const;
      writeDynptr(env.memory, out, flags === 0 ? whole : undefined);
      return flags === 0 ? 0 : -errno.EINVAL;
    },
  },
);

/** What XDP has put before a packet. Here it stays behind when the packet becomes one of tc: there is none. */
export const bpf_dynptr_from_skb_meta = kfunc(
  'int bpf_dynptr_from_skb_meta(struct __sk_buff *skb_, u64 flags, struct bpf_dynptr *ptr__uninit)',
  {
    args: ['skb', 'u64', 'dynptr'],
    returns: 'integer',
    call(env, skb, flags, out) {
      writeDynptr(env.memory, out, flags === 0 ? memoryDynptr(skb.context, 0) : undefined);
      return flags === 0 ? 0 : -errno.EINVAL;
    },
  },
);

export const bpf_dynptr_from_xdp = kfunc(
  'int bpf_dynptr_from_xdp(struct xdp_md *x, u64 flags, struct bpf_dynptr *ptr__uninit)',
  {
    args: ['xdp', 'u64', 'dynptr'],
    returns: 'integer',
    call(env, xdp, flags, out) {
      const whole = { kind: 'xdp', address: xdp.context, size: xdp.length, offset: 0, readOnly: false } as const;
      writeDynptr(env.memory, out, flags === 0 ? whole : undefined);
      return flags === 0 ? 0 : -errno.EINVAL;
    },
  },
);

/** The address of bytes of a dynptr: where they are if they can be read there, else where they are copied to. 0 if it has no such bytes, or there is no room for a copy. */
export const bpf_dynptr_slice = kfunc(
  'void *bpf_dynptr_slice(const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk)',
  {
    args: ['dynptr', 'anything', 'buffer_or_null', 'mem_size'],
    returns: 'map_value_or_null',
    call: (env, p, offset, buffer, size) => slice(env, readDynptr(env.memory, p), offset >>> 0, buffer, size),
  },
);

/** Likewise, to be written; what is copied the program writes back itself. */
export const bpf_dynptr_slice_rdwr = kfunc(
  'void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk)',
  {
    args: ['dynptr', 'anything', 'buffer_or_null', 'mem_size'],
    returns: 'map_value_or_null',
    call(env, p, offset, buffer, size) {
      const dynptr = readDynptr(env.memory, p);
      return dynptr?.readOnly === true ? 0 : slice(env, dynptr, offset >>> 0, buffer, size);
    },
  },
);

function slice(env: HelperEnv, dynptr: Dynptr | undefined, offset: number, buffer: number, size: number): number {
  if (dynptr === undefined || checkRange(dynptr, offset, size) < 0) return 0;
  const at = bytesAt(env, dynptr, offset, size);
  if (at <= 0) return 0;
  const { subject } = env;
  const isShown = dynptr.kind !== 'skb' || subject?.kind !== 'skb' || dynptr.offset + offset + size <= subject.linear;
  if (isShown) return at;
  if (buffer !== 0) env.memory.u8.copyWithin(buffer, at, at + size);
  return buffer;
}

export const bpf_dynptr_adjust = kfunc('int bpf_dynptr_adjust(const struct bpf_dynptr *p, u32 start, u32 end)', {
  args: ['dynptr', 'anything', 'anything'],
  returns: 'integer',
  call({ memory }, p, start, end) {
    const dynptr = readDynptr(memory, p);
    const [from, to] = [start >>> 0, end >>> 0];
    if (dynptr === undefined || from > to) return -errno.EINVAL;
    if (to > dynptr.size) return -errno.ERANGE;
    writeDynptr(memory, p, { ...dynptr, size: to - from, offset: dynptr.offset + from });
    return 0;
  },
});

export const bpf_dynptr_is_null = kfunc('bool bpf_dynptr_is_null(const struct bpf_dynptr *p)', {
  args: ['dynptr'],
  returns: 'integer',
  call: ({ memory }, p) => (readDynptr(memory, p) === undefined ? 1 : 0),
});

export const bpf_dynptr_is_rdonly = kfunc('bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *p)', {
  args: ['dynptr'],
  returns: 'integer',
  call: ({ memory }, p) => (readDynptr(memory, p)?.readOnly === true ? 1 : 0),
});

/** For none -EINVAL, as an unsigned number. */
export const bpf_dynptr_size = kfunc('__u32 bpf_dynptr_size(const struct bpf_dynptr *p)', {
  args: ['dynptr'],
  returns: 'u32',
  call: ({ memory }, p) => readDynptr(memory, p)?.size ?? -errno.EINVAL,
});

export const bpf_dynptr_clone = kfunc(
  'int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *clone__uninit)',
  {
    args: ['dynptr', 'dynptr'],
    returns: 'integer',
    call({ memory }, p, clone) {
      const dynptr = readDynptr(memory, p);
      writeDynptr(memory, clone, dynptr);
      return dynptr === undefined ? -errno.EINVAL : 0;
    },
  },
);

export const bpf_dynptr_copy = kfunc(
  'int bpf_dynptr_copy(struct bpf_dynptr *dst_ptr, u32 dst_off, struct bpf_dynptr *src_ptr, u32 src_off, u32 size)',
  {
    args: ['dynptr', 'anything', 'dynptr', 'anything', 'anything'],
    returns: 'integer',
    call(env, to, toOffset, from, fromOffset, count) {
      const size = count >>> 0;
      const source = whole(env, from, fromOffset >>> 0, size);
      if (typeof source !== 'number') return writeBytes(env, to, toOffset >>> 0, source.at, size, 0);
      const target = whole(env, to, toOffset >>> 0, size);
      if (typeof target !== 'number') return source;
      // Neither has the bytes: no bytes at all can be copied all the same.
      const refused = checkRange(readDynptr(env.memory, to) ?? EMPTY, toOffset >>> 0, size);
      return refused < 0 ? refused : checkRange(readDynptr(env.memory, from) ?? EMPTY, fromOffset >>> 0, size);
    },
  },
);

const EMPTY: Dynptr = memoryDynptr(0, 0);

/** Where bytes of a dynptr are, or -errno. */
function whole(env: HelperEnv, p: number, offset: number, size: number): { readonly at: number } | number {
  const dynptr = readDynptr(env.memory, p);
  if (dynptr === undefined) return -errno.EINVAL;
  const refused = checkRange(dynptr, offset, size);
  if (refused < 0) return refused;
  const at = bytesAt(env, dynptr, offset, size);
  return at <= 0 ? at : { at };
}

export const bpf_dynptr_memset = kfunc('int bpf_dynptr_memset(struct bpf_dynptr *p, u32 offset, u32 size, u8 val)', {
  args: ['dynptr', 'anything', 'anything', 'anything'],
  returns: 'integer',
  call(env, p, offset, count, value) {
    const dynptr = readDynptr(env.memory, p);
    const [from, size] = [offset >>> 0, count >>> 0];
    if (dynptr?.readOnly === true) return -errno.EINVAL;
    if (dynptr === undefined) return checkRange(EMPTY, from, size);
    const refused = checkRange(dynptr, from, size);
    if (refused < 0) return refused;
    const at = bytesAt(env, dynptr, from, size);
    if (at > 0) env.memory.u8.fill(value & 0xff, at, at + size);
    return Math.min(at, 0);
  },
});
