import { errno } from '../../../uapi/errno.ts';
import { RingBuffer, UserRingBuffer, WAKEUP_FLAGS } from '../maps/ringbuf.ts';
import type { LinearMemory } from '../memory.ts';
import { type HelperEnv, helper } from './helper.ts';

/*
 * struct bpf_dynptr as it lies in a program's memory:
 *
 *      0         4     8                       12
 *     ┌─────────┬─────┬───────────────────────┬──────────┐
 *     │ address │ 0   │ size (24 bits), flags │ offset   │       all 0: no dynptr, or one whose making has failed
 *     └─────────┴─────┴───────────────────────┴──────────┘
 */
const MAX_SIZE = (1 << 24) - 1;
const READ_ONLY = 1 << 31;

interface Dynptr {
  readonly address: number;
  readonly size: number;
  readonly readOnly: boolean;
}

function read({ dv }: LinearMemory, at: number): Dynptr | undefined {
  const address = dv.getUint32(at, true);
  const word = dv.getUint32(at + 8, true);
  if (address === 0) return undefined;
  return {
    address: address + dv.getUint32(at + 12, true),
    size: word & MAX_SIZE,
    readOnly: (word & READ_ONLY) !== 0,
  };
}

function write({ dv }: LinearMemory, at: number, address: number, size: number, flags = 0): void {
  dv.setUint32(at, address, true);
  dv.setUint32(at + 4, 0, true);
  dv.setUint32(at + 8, (size | flags) >>> 0, true);
  dv.setUint32(at + 12, 0, true);
}

/** Address of `length` bytes from `offset` on, or -errno. */
function within({ address, size }: Dynptr, offset: number, length: number): number {
  return length > size || offset > size - length ? -errno.E2BIG : address + offset;
}

/**
 * Address of `length` bytes at `offset` that are to be copied, -errno, or a fault. A program can write over its dynptrs: what they lead to is looked at like any
 * other memory.
 */
function reach(env: HelperEnv, dynptr: Dynptr | undefined, offset: number, length: number, flags: number): number {
  if (dynptr === undefined || flags !== 0) return -errno.EINVAL;
  const at = within(dynptr, offset, length);
  return at < 0 || env.memory.check(at, length) ? at : env.fail('the dynptr does not lead to memory');
}

export const dynptr_from_mem = helper({
  id: 197,
  name: 'dynptr_from_mem',
  args: ['mem', 'mem_size', 'u64', 'dynptr'],
  returns: 'integer',
  call(env, data, size, flags, out) {
    const refused = size > MAX_SIZE ? -errno.E2BIG : flags !== 0 ? -errno.EINVAL : 0;
    if (refused === 0) write(env.memory, out, data, size);
    else write(env.memory, out, 0, 0);
    return refused;
  },
});

export const dynptr_read = helper({
  id: 201,
  name: 'dynptr_read',
  args: ['mem', 'mem_size', 'dynptr', 'u64', 'u64'],
  returns: 'integer',
  call(env, to, size, from, offset, flags) {
    const at = reach(env, read(env.memory, from), offset, size, flags);
    if (at <= 0) return at;
    env.memory.copy(to, at, size);
    return 0;
  },
});

export const dynptr_write = helper({
  id: 202,
  name: 'dynptr_write',
  args: ['dynptr', 'u64', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, to, offset, from, size, flags) {
    const dynptr = read(env.memory, to);
    const at = reach(env, dynptr?.readOnly ? undefined : dynptr, offset, size, flags);
    if (at <= 0) return at;
    env.memory.copy(at, from, size);
    return 0;
  },
});

export const dynptr_data = helper({
  id: 203,
  name: 'dynptr_data',
  args: ['dynptr', 'u64', 'mem_size'],
  returns: 'map_value_or_null',
  call(env, from, offset, size) {
    const dynptr = read(env.memory, from);
    if (dynptr === undefined || dynptr.readOnly) return 0;
    return Math.max(0, within(dynptr, offset, size));
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
    const refused = flags !== 0 ? -errno.EINVAL : size > MAX_SIZE ? -errno.E2BIG : 0;
    const at = refused === 0 ? map.reserve(size) : 0;
    write(env.memory, out, at, at === 0 ? 0 : size);
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
  const dynptr = read(env.memory, record);
  if (dynptr === undefined) return 0;
  const ring = env.machine.records.get(dynptr.address);
  if (ring === undefined) return env.fail('R1 of the call is no record that the program has reserved');
  ring.commit(dynptr.address, flags, discard);
  write(env.memory, record, 0, 0);
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
      write(env.memory, env.scratch, record.at, record.size, READ_ONLY);
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
