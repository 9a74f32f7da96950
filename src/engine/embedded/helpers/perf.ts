import { errno } from '../../../uapi/errno.ts';
import { PerfEventArray } from '../maps/perf-event-array.ts';
import { type HelperEnv, helper, packetOf } from './helper.ts';

/** The low half of the flags: a slot, or that of the running CPU. Above it, how many bytes of the packet go behind the data. */
const BPF_F_CURRENT_CPU = 0xffffffff;
const WORD = 2 ** 32;
const BPF_F_CTXLEN = 0xfffff;

export const perf_event_output = helper({
  id: 25,
  name: 'perf_event_output',
  gplOnly: true,
  args: ['ctx', 'const_map_ptr', 'u64', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, _context, map, flags, data, size) {
    if (!(map instanceof PerfEventArray)) return env.fail('R2 of the call is no perf event array');
    const length = Math.floor(flags / WORD);
    if (length > BPF_F_CTXLEN) return -errno.EINVAL;
    const packet = length === 0 ? 0 : packetBytes(env, length);
    if (packet < 0) return packet;
    const { cpu } = env.machine;
    const index = flags % WORD === BPF_F_CURRENT_CPU ? cpu : flags % WORD;
    if (index >= map.attr.maxEntries) return -errno.E2BIG;
    const event = map.event(index);
    if (event === undefined) return -errno.ENOENT;
    if (!event.enabled || event.cpu !== cpu) return -errno.EOPNOTSUPP;
    return event.output(
      length === 0
        ? [[data, size]]
        : [
            [data, size],
            [packet, length],
          ],
    );
  },
});

/** No CPU here keeps where it branched. */
export const get_branch_snapshot = helper({
  id: 176,
  name: 'get_branch_snapshot',
  gplOnly: true,
  args: ['mem', 'mem_size', 'wide'],
  returns: 'integer',
  call: (_env, _out, _size, flags) => (flags.low === 0 && flags.high === 0 ? -errno.ENOENT : -errno.EINVAL),
});

/** Address of the packet's first `length` bytes; -errno where there is no packet, or not as much. */
function packetBytes(env: HelperEnv, length: number): number {
  const packet = packetOf(env);
  if (packet === undefined) return -errno.EINVAL;
  const at = packet.at(0, length);
  return at < 0 ? -errno.EFAULT : at;
}
