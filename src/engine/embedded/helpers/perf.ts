import { errno } from '../../../uapi/errno.ts';
import type { BpfMap } from '../maps/map.ts';
import { PerfEventArray } from '../maps/perf-event-array.ts';
import { type Helper, type HelperEnv, helper, packetOf, type Wide } from './helper.ts';

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
  call: (env, _context, map, flags, data, size) =>
    output(env, map, flags, [data, size], (length) => packetBytes(env, length)),
});

/** The same with bytes of a packet that the program is handed as the kernel has it, not as its context: `lengthOf` says how many it has there, whose first is at an address. */
function packetOutput(
  id: number,
  name: string,
  struct: 'sk_buff' | 'xdp_buff',
  lengthOf: (word: (member: string) => number, at: number) => number,
): Helper {
  return helper({
    id,
    name,
    gplOnly: true,
    args: ['wide', 'const_map_ptr', 'u64', 'mem', 'mem_size'],
    returns: 'integer',
    call: (env, packet, map, flags, data, size) =>
      output(env, map, flags, [data, size], (length) => {
        const word = (member: string) => wordOf(env, packet, struct, member);
        const at = word('data');
        return lengthOf(word, at) < length ? -1 : at;
      }),
  });
}
export const skb_output = packetOutput(111, 'skb_output', 'sk_buff', (word) => word('len'));
export const xdp_output = packetOutput(121, 'xdp_output', 'xdp_buff', (word, at) => word('data_end') - at);

/** `bytesOf`: the address of the packet's first bytes; negative if there are not as many; `undefined` without a packet. */
function output(
  env: HelperEnv,
  map: BpfMap,
  flags: number,
  data: readonly [address: number, size: number],
  bytesOf: (length: number) => number | undefined,
): number {
  if (!(map instanceof PerfEventArray)) return env.fail('R2 of the call is no perf event array');
  const length = Math.floor(flags / WORD);
  if (length > BPF_F_CTXLEN) return -errno.EINVAL;
  const packet = length === 0 ? 0 : bytesOf(length);
  if (packet === undefined) return -errno.EINVAL;
  if (packet < 0 || (length > 0 && !env.memory.check(packet, length))) return -errno.EFAULT;
  const { cpu } = env.machine;
  const index = flags % WORD === BPF_F_CURRENT_CPU ? cpu : flags % WORD;
  if (index >= map.attr.maxEntries) return -errno.E2BIG;
  const event = map.event(index);
  if (event === undefined) return -errno.ENOENT;
  if (!event.enabled || event.cpu !== cpu) return -errno.EOPNOTSUPP;
  return event.output(length === 0 ? [data] : [data, [packet, length]]);
}

/** A member of a struct of the kernel that a program is handed: an address, or a number of 32 bits. 0 if there is none. */
function wordOf({ machine, memory }: HelperEnv, { low, high }: Wide, struct: string, member: string): number {
  const place = machine.kernelStruct(struct).place(member);
  if (place === undefined || high !== 0 || !memory.check(low, place + 4)) return 0;
  return memory.dv.getUint32(low + place, true);
}

/** No CPU here keeps where it branched. */
export const get_branch_snapshot = helper({
  id: 176,
  name: 'get_branch_snapshot',
  gplOnly: true,
  args: ['mem', 'mem_size', 'wide'],
  returns: 'integer',
  call: (_env, _out, _size, flags) => (flags.low === 0 && flags.high === 0 ? -errno.ENOENT : -errno.EINVAL),
});

function packetBytes(env: HelperEnv, length: number): number | undefined {
  return packetOf(env)?.at(0, length);
}
