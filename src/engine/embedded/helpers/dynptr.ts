import { errno } from '../../../uapi/errno.ts';
import { bytesAt, checkRange, DYNPTR_MAX_SIZE, memoryDynptr, readDynptr, writeDynptr } from '../dynptr.ts';
import { RingBuffer, UserRingBuffer, WAKEUP_FLAGS } from '../maps/ringbuf.ts';
import { type HelperEnv, helper } from './helper.ts';
import { BPF_F_INVALIDATE_HASH, BPF_F_RECOMPUTE_CSUM } from './skb.ts';

export const dynptr_from_mem = helper({
  id: 197,
  name: 'dynptr_from_mem',
  args: ['mem', 'mem_size', 'u64', 'dynptr'],
  returns: 'integer',
  call(env, data, size, flags, out) {
    const refused = size > DYNPTR_MAX_SIZE ? -errno.E2BIG : flags !== 0 ? -errno.EINVAL : 0;
    writeDynptr(env.memory, out, refused === 0 ? memoryDynptr(data, size) : undefined);
    return refused;
  },
});

export const dynptr_read = helper({
  id: 201,
  name: 'dynptr_read',
  args: ['mem', 'mem_size', 'dynptr', 'u64', 'u64'],
  returns: 'integer',
  call: (env, to, size, from, offset, flags) => (flags === 0 ? readBytes(env, to, size, from, offset) : -errno.EINVAL),
});

export const dynptr_write = helper({
  id: 202,
  name: 'dynptr_write',
  args: ['dynptr', 'u64', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call: writeBytes,
});

/** Bytes of a dynptr to an address: 0 or -errno. */
export function readBytes(env: HelperEnv, to: number, size: number, from: number, offset: number): number {
  const dynptr = readDynptr(env.memory, from);
  const refused = dynptr === undefined ? -errno.EINVAL : checkRange(dynptr, offset, size);
  if (dynptr === undefined || refused < 0) return refused;
  const at = bytesAt(env, dynptr, offset, size);
  if (at <= 0) return at;
  env.memory.copy(to, at, size);
  return 0;
}

/** Bytes at an address to a dynptr: 0 or -errno. `flags`: of bpf_skb_store_bytes, for packets. */
export function writeBytes(
  env: HelperEnv,
  to: number,
  offset: number,
  from: number,
  size: number,
  flags: number,
): number {
  const dynptr = readDynptr(env.memory, to);
  if (dynptr === undefined || dynptr.readOnly) return -errno.EINVAL;
  const refused = checkRange(dynptr, offset, size);
  if (refused < 0) return refused;
  if (flags > (dynptr.kind === 'skb' ? BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH : 0)) return -errno.EINVAL;
  const at = bytesAt(env, dynptr, offset, size);
  if (at <= 0) return at;
  env.memory.copy(at, from, size);
  if (flags & BPF_F_INVALIDATE_HASH && env.subject?.kind === 'skb') env.subject.hash = 0;
  return 0;
}

export const dynptr_data = helper({
  id: 203,
  name: 'dynptr_data',
  args: ['dynptr', 'u64', 'mem_size'],
  returns: 'map_value_or_null',
  call(env, from, offset, size) {
    const dynptr = readDynptr(env.memory, from);
    if (dynptr === undefined || dynptr.readOnly || dynptr.kind !== 'memory') return 0;
    return checkRange(dynptr, offset, size) < 0 ? 0 : bytesAt(env, dynptr, offset, size);
  },
});

export const ringbuf_reserve_dynptr = helper({
  id: 198,
  name: 'ringbuf_reserve_dynptr',
  args: ['const_map_ptr', 'anything', 'u64', 'dynptr'],
  returns: 'integer',
  call(env, map, length, flags, out) {
    if (!(map instanceof RingBuffer)) return env.fail('R1 of the call is no ring buffer');
    const size = length >>> 0;
    const refused = flags !== 0 ? -errno.EINVAL : size > DYNPTR_MAX_SIZE ? -errno.E2BIG : 0;
    const at = refused === 0 ? map.reserve(size) : 0;
    writeDynptr(env.memory, out, at === 0 ? undefined : memoryDynptr(at, size));
    return refused !== 0 ? refused : at === 0 ? -errno.EINVAL : 0;
  },
});

export const ringbuf_submit_dynptr = helper({
  id: 199,
  name: 'ringbuf_submit_dynptr',
  args: ['dynptr', 'u64'],
  returns: 'void',
  call: (env, record, flags) => commit(env, record, flags, false),
});

export const ringbuf_discard_dynptr = helper({
  id: 200,
  name: 'ringbuf_discard_dynptr',
  args: ['dynptr', 'u64'],
  returns: 'void',
  call: (env, record, flags) => commit(env, record, flags, true),
});

/** One whose making has failed is let go of all the same. */
function commit(env: HelperEnv, record: number, flags: number, discard: boolean): number {
  const dynptr = readDynptr(env.memory, record);
  if (dynptr === undefined) return 0;
  const ring = env.machine.records.get(dynptr.address);
  if (ring === undefined) return env.fail('R1 of the call is no record that the program has reserved');
  ring.commit(dynptr.address, flags, discard);
  writeDynptr(env.memory, record, undefined);
  return 0;
}

/** Records that one call takes at most. */
const MAX_RECORDS = 128 * 1024;

/** Hands the records that user space has written to `func`, which ends it by returning 1. The result is how many, or -errno for a record that is not well made. */
export const user_ringbuf_drain = helper({
  id: 209,
  name: 'user_ringbuf_drain',
  args: ['const_map_ptr', 'func', 'callback_ctx', 'u64'],
  returns: 'integer',
  call(env, map, func, context, flags) {
    if (!(map instanceof UserRingBuffer)) return env.fail('R1 of the call is no user ring buffer');
    if (flags > WAKEUP_FLAGS) return -errno.EINVAL;
    let count = 0;
    for (let samples = 0; samples < MAX_RECORDS; samples++) {
      const record = map.oldest();
      if (record === 'none') break;
      if (record === 'discarded') continue;
      if (typeof record === 'number') return record;
      writeDynptr(env.memory, env.scratch, memoryDynptr(record.at, record.size, true));
      count++;
      const stop = env.callback(func, context, env.scratch) !== 0;
      if (env.fault !== undefined) return 0;
      map.release(record);
      if (stop) break;
    }
    map.notify(flags, count > 0);
    return count;
  },
});
