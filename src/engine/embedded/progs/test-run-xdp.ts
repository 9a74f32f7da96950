import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { ETH_HLEN } from './frame.ts';
import type { BpfProg } from './prog.ts';
import { finishContext, finishData, readContext, repeatRun, type TestRunAttr } from './test-run-output.ts';
import {
  PAGE_SIZE,
  XDP_FRAME_SIZE,
  XDP_MAX_FRAME,
  XDP_MD,
  XDP_MD_SIZE,
  XDP_PACKET_HEADROOM,
  XdpBuff,
} from './xdp-buff.ts';

/** Bytes of metadata that a frame can have, a multiple of 4: the headroom without what the kernel keeps of it for itself. */
const MAX_METADATA = XDP_PACKET_HEADROOM - XDP_FRAME_SIZE;
/** Pages beside the first one that a frame can lie in. */
const MAX_FRAGMENTS = 17;
const NOTHING = new Uint8Array(0);

/** BPF_PROG_TEST_RUN of an XDP program. 0 or -errno. Frames that go round in live mode (BPF_F_TEST_XDP_LIVE_FRAMES) are not there. */
export function testRunXdp(prog: BpfProg, attr: TestRunAttr): number {
  const { machine } = prog;
  const size = attr.data_size_in ?? 0;
  if (attr.flags || attr.cpu || attr.batch_size) return -errno.EINVAL;
  const context = readContext(attr, XDP_MD_SIZE);
  if (typeof context === 'number') return context;
  const given = context && new DataView(context.buffer);
  const metadata = given?.getUint32(XDP_MD.data, true) ?? 0;
  const end = given?.getUint32(XDP_MD.data_end, true) ?? size;
  if (given !== undefined) {
    if (given.getUint32(XDP_MD.data_meta, true) !== 0 || end > size || metadata > end) return -errno.EINVAL;
    if (metadata % 4 !== 0 || metadata > MAX_METADATA) return -errno.EINVAL;
  }
  if (size < ETH_HLEN) return -errno.EINVAL;
  const data = attr.data_in;
  if (data === undefined || data.length < size) return -errno.EFAULT;
  const device = given === undefined ? 0 : ingressDevice(prog, given);
  if (device < 0) return device;

  const linear = Math.min(end, XDP_MAX_FRAME + metadata);
  const fragments = size > XDP_MAX_FRAME + metadata ? data.slice(linear, size) : NOTHING;
  if (fragments.length > MAX_FRAGMENTS * PAGE_SIZE) return -errno.ENOMEM;
  const buff = XdpBuff.create(machine.memory, machine.netns, data.subarray(0, linear), metadata);
  if (buff === undefined) return -errno.ENOMEM;
  try {
    buff.ifindex = device || 1;
    buff.fragments = fragments;
    const interpreter = interpreterOf(machine);
    const ran = repeatRun(attr.repeat, (times) => {
      buff.publish();
      return interpreter.runRepeatedly(prog, buff.context, times, buff);
    });
    if (typeof ran === 'number') return ran;
    if (given !== undefined) {
      given.setUint32(XDP_MD.data, buff.data - buff.meta, true);
      given.setUint32(XDP_MD.data_end, buff.end - buff.meta, true);
    }
    const result = finishData(attr, wholeFrame(buff), ran.verdict.value, ran.duration);
    return result !== 0 || context === undefined ? result : finishContext(attr, context);
  } finally {
    buff.free();
  }
}

/** With its metadata, and what is in fragments. */
function wholeFrame({ memory, meta, end, fragments }: XdpBuff): Uint8Array {
  const linear = memory.u8.subarray(meta, end);
  if (fragments.length === 0) return linear;
  const whole = new Uint8Array(linear.length + fragments.length);
  whole.set(linear);
  whole.set(fragments, linear.length);
  return whole;
}

/** The device that the frame shall have come in by, 0 for the default, or -errno. Devices here have one queue. */
function ingressDevice(prog: BpfProg, given: DataView): number {
  const ifindex = given.getUint32(XDP_MD.ingress_ifindex, true);
  const queue = given.getUint32(XDP_MD.rx_queue_index, true);
  if (given.getUint32(XDP_MD.egress_ifindex, true) !== 0) return -errno.EINVAL;
  if (ifindex === 0) return queue === 0 ? 0 : -errno.EINVAL;
  if (prog.machine.netns.device(ifindex) === undefined) return -errno.ENODEV;
  return queue === 0 ? ifindex : -errno.EINVAL;
}
