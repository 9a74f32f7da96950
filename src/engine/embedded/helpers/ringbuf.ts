import { errno } from '../../../uapi/errno.ts';
import type { BpfMap } from '../maps/map.ts';
import { RingBuffer, WAKEUP_FLAGS } from '../maps/ringbuf.ts';
import { answer64, type HelperEnv, helper } from './helper.ts';

// What bpf_ringbuf_query is asked for.
const BPF_RB_AVAIL_DATA = 0;
const BPF_RB_RING_SIZE = 1;
const BPF_RB_CONS_POS = 2;
const BPF_RB_PROD_POS = 3;

export const ringbuf_output = helper({
  id: 130,
  name: 'ringbuf_output',
  args: ['const_map_ptr', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, map, data, size, flags) {
    const ring = ringOf(env, map);
    if (ring === undefined) return 0;
    if (flags > WAKEUP_FLAGS) return -errno.EINVAL;
    const at = ring.reserve(size);
    if (at === 0) return -errno.EAGAIN;
    env.memory.copy(at, data, size);
    ring.commit(at, flags, false);
    return 0;
  },
});

export const ringbuf_reserve = helper({
  id: 131,
  name: 'ringbuf_reserve',
  args: ['const_map_ptr', 'mem_size', 'u64'],
  returns: 'map_value_or_null',
  call(env, map, size, flags) {
    const ring = ringOf(env, map);
    return ring === undefined || flags !== 0 ? 0 : ring.reserve(size);
  },
});

export const ringbuf_submit = helper({
  id: 132,
  name: 'ringbuf_submit',
  args: ['u64', 'u64'],
  returns: 'void',
  call: (env, record, flags) => commit(env, record, flags, false),
});

export const ringbuf_discard = helper({
  id: 133,
  name: 'ringbuf_discard',
  args: ['u64', 'u64'],
  returns: 'void',
  call: (env, record, flags) => commit(env, record, flags, true),
});

export const ringbuf_query = helper({
  id: 134,
  name: 'ringbuf_query',
  args: ['const_map_ptr', 'u64'],
  returns: 'u64',
  call(env, map, flags) {
    const ring = ringOf(env, map);
    return answer64(env, ring === undefined ? 0n : query(ring, flags));
  },
});

function query(ring: RingBuffer, what: number): bigint {
  switch (what) {
    case BPF_RB_AVAIL_DATA:
      return ring.unread;
    case BPF_RB_RING_SIZE:
      return BigInt(ring.attr.maxEntries);
    case BPF_RB_CONS_POS:
      return ring.consumed;
    case BPF_RB_PROD_POS:
      return ring.produced;
    default:
      return 0n;
  }
}

function commit(env: HelperEnv, record: number, flags: number, discard: boolean): number {
  const ring = env.machine.records.get(record);
  if (ring === undefined) return env.fail('R1 of the call is no record that the program has reserved');
  ring.commit(record, flags, discard);
  return 0;
}

function ringOf(env: HelperEnv, map: BpfMap): RingBuffer | undefined {
  if (map instanceof RingBuffer) return map;
  env.fail('R1 of the call is no ring buffer');
  return undefined;
}
