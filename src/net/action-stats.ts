import { gnetStatsBasic, gnetStatsQueue, TCA_STATS } from '../uapi/netlink.ts';
import { decodeAttributes, encodeAttributes } from './attributes.ts';

/** TCA_ACT_STATS: what an action has seen. */
export interface ActionStats {
  readonly bytes: bigint;
  readonly packets: bigint;
  readonly drops: number;
  readonly overlimits: number;
  readonly requeues: number;
  readonly qlen: number;
  readonly backlog: number;
}

export function encodeActionStats({ bytes, packets, ...queue }: ActionStats): Uint8Array {
  const low = Number(packets & 0xffffffffn);
  return encodeAttributes(TCA_STATS, {
    TCA_STATS_BASIC: gnetStatsBasic.encode({ bytes, packets: low }),
    TCA_STATS_QUEUE: gnetStatsQueue.encode(queue),
    TCA_STATS_PKT64: BigInt(low) === packets ? undefined : new Uint8Array(BigUint64Array.of(packets).buffer),
  });
}

/** Throws SysError EINVAL. What is left out is 0. */
export function decodeActionStats(nest: Uint8Array): ActionStats {
  const { TCA_STATS_BASIC, TCA_STATS_QUEUE, TCA_STATS_PKT64 } = decodeAttributes(TCA_STATS, nest);
  const none = new Uint8Array(0);
  const { bytes, packets } = gnetStatsBasic.decode(TCA_STATS_BASIC ?? none);
  return {
    bytes,
    packets: TCA_STATS_PKT64 === undefined ? BigInt(packets) : u64(TCA_STATS_PKT64),
    ...gnetStatsQueue.decode(TCA_STATS_QUEUE ?? none),
  };
}

function u64(bytes: Uint8Array): bigint {
  const whole = new Uint8Array(8);
  whole.set(bytes.subarray(0, 8));
  return new DataView(whole.buffer).getBigUint64(0, true);
}
