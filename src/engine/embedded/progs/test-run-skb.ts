import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { runNowhere } from '../maps/cgroup-storage.ts';
import { ETH_HLEN } from './frame.ts';
import { hasItsHeader, LOOPBACK, SKB_MAX_FRAME, skbInput } from './packet-kind.ts';
import type { BpfProg } from './prog.ts';
import type { ProgType } from './prog-type.ts';
import { SK_BUFF, SK_BUFF_SIZE, Skb } from './skb.ts';
import { finishContext, finishData, readContext, repeatRun, type TestRunAttr } from './test-run-output.ts';

const MAX_SEGMENTS = 0xffff;
const MAX_WIRE_LENGTH = 65536;
const BPF_F_TEST_SKB_CHECKSUM_COMPLETE = 4;

/** What the caller may set in the context, as byte ranges. */
// biome-ignore format: aligned table
const SETTABLE: readonly (readonly [start: number, end: number])[] = [
  [SK_BUFF.mark, SK_BUFF.mark + 4], [SK_BUFF.priority, SK_BUFF.priority + 4], [SK_BUFF.ingress_ifindex, SK_BUFF.ifindex + 4],
  [SK_BUFF.cb, SK_BUFF.cb + 20], [SK_BUFF.tstamp, SK_BUFF.tstamp + 8], [SK_BUFF.wire_len, SK_BUFF.gso_segs + 4],
  [SK_BUFF.gso_size, SK_BUFF.gso_size + 4], [SK_BUFF.hwtstamp, SK_BUFF.hwtstamp + 8],
];
/** Those of the fields above that the context keeps by itself. */
const COPIED = SETTABLE.filter(([start]) => start !== SK_BUFF.ingress_ifindex);

/** BPF_PROG_TEST_RUN of a program on a socket buffer. 0 or -errno. */
export function testRunSkb(prog: BpfProg, type: ProgType, attr: TestRunAttr): number {
  const { machine } = prog;
  const size = attr.data_size_in ?? 0;
  if ((attr.flags ?? 0) & ~BPF_F_TEST_SKB_CHECKSUM_COMPLETE || attr.cpu || attr.batch_size) return -errno.EINVAL;
  if (size < ETH_HLEN || size > SKB_MAX_FRAME) return -errno.EINVAL;
  const data = attr.data_in;
  if (data === undefined || data.length < size) return -errno.EFAULT;
  const context = readContext(attr, SK_BUFF_SIZE);
  if (typeof context === 'number') return context;
  const given = context && new DataView(context.buffer);
  const ifindex = given?.getUint32(SK_BUFF.ifindex, true) ?? 0;
  if (ifindex > LOOPBACK && machine.netns.device(ifindex) === undefined) return -errno.ENODEV;

  const frame = data.slice(0, size);
  const ingressIfindex = given?.getUint32(SK_BUFF.ingress_ifindex, true) ?? 0;
  const skb = Skb.create(machine.memory, skbInput(machine, frame, Math.max(ifindex, LOOPBACK), ingressIfindex));
  if (skb === undefined) return -errno.ENOMEM;
  try {
    if (!hasItsHeader(frame)) return -errno.EINVAL;
    if (!type.linkHeader) skb.pullLinkHeader();
    skb.set('wire_len', skb.length);
    const refused = given === undefined ? 0 : applyContext(skb, given);
    if (refused !== 0) return refused;
    skb.socketCookie = machine.nextSocketCookie();
    const interpreter = interpreterOf(machine);
    const run = (times: number) => {
      skb.publish();
      return interpreter.runRepeatedly(prog, skb.context, times, skb);
    };
    const ran = runNowhere(prog, () => repeatRun(attr.repeat, run));
    if (typeof ran === 'number') return ran;
    if (!type.linkHeader) {
      // The kernel does not restore the header that it took off for these types.
      skb.pushLinkHeader();
      machine.memory.u8.fill(0, skb.data, skb.network);
    }
    const result = finishData(attr, skb.bytes(), ran.verdict.value, ran.duration);
    if (result !== 0 || context === undefined) return result;
    return finishContext(attr, resultingContext(skb, context));
  } finally {
    skb.free();
  }
}

function applyContext(skb: Skb, given: DataView): number {
  for (let at = 0; at < SK_BUFF_SIZE; at++) {
    const settable = SETTABLE.some(([start, end]) => at >= start && at < end);
    if (!settable && given.getUint8(at) !== 0) return -errno.EINVAL;
  }
  const wireLength = given.getUint32(SK_BUFF.wire_len, true);
  if (wireLength !== 0 && (wireLength < skb.length || wireLength > MAX_WIRE_LENGTH)) return -errno.EINVAL;
  if (given.getUint32(SK_BUFF.gso_segs, true) > MAX_SEGMENTS) return -errno.EINVAL;
  const { u8 } = skb.memory;
  for (const [start, end] of COPIED) {
    for (let at = start; at < end; at++) u8[skb.context + at] = given.getUint8(at);
  }
  if (wireLength === 0) skb.set('wire_len', skb.length);
  return 0;
}

/** What was given, with what the program may have changed. */
function resultingContext(skb: Skb, given: Uint8Array): Uint8Array {
  const context = given.slice();
  const { u8 } = skb.memory;
  for (const [start, end] of COPIED) context.set(u8.subarray(skb.context + start, skb.context + end), start);
  const view = new DataView(context.buffer);
  view.setUint32(SK_BUFF.ifindex, skb.ifindex, true);
  view.setUint32(SK_BUFF.ingress_ifindex, skb.ingressIfindex, true);
  return context;
}
