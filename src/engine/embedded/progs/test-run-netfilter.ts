import { errno } from '../../../uapi/errno.ts';
import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import { NF_INET, NFPROTO_IPV4, NFPROTO_IPV6, showNetfilter } from '../hooks/netfilter.ts';
import { etherFrame } from '../inet/packet.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { Showing } from '../types/shown.ts';
import { ETH_HLEN, frameProtocol, packetType } from './frame.ts';
import type { BpfProg } from './prog.ts';
import { Skb } from './skb.ts';
import { finishData, readContext, repeatRun, type TestRunAttr } from './test-run-output.ts';

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** A page without the room that the kernel keeps before and behind it. */
const MAX_DATA = 4096 - 64 - 320;
/** Bytes of a struct nf_hook_state. What it holds besides `hook` and `pf`, which come first, must be zero. */
const STATE_SIZE = 48;
const NO_ADDRESS = new Uint8Array(6);

/** BPF_PROG_TEST_RUN of a netfilter program: at NF_INET_LOCAL_OUT of IPv4, unless a struct nf_hook_state says otherwise. 0 or -errno. */
export function testRunNetfilter(prog: BpfProg, attr: TestRunAttr): number {
  const { machine } = prog;
  const size = attr.data_size_in ?? 0;
  if (attr.flags || attr.cpu || attr.batch_size || size < IPV4_HEADER || size > MAX_DATA) return -errno.EINVAL;
  const data = attr.data_in;
  if (data === undefined || data.length < size) return -errno.EFAULT;
  const given = readContext(attr, STATE_SIZE);
  if (typeof given === 'number') return given;
  const [hook = 0, pf = 0, ...rest] = given ?? [NF_INET.output, NFPROTO_IPV4];
  if (rest.some((byte) => byte !== 0)) return -errno.EINVAL;
  if (pf !== NFPROTO_IPV4 && pf !== NFPROTO_IPV6) return -errno.EINVAL;
  const frame = frameOf(hook, pf, data.slice(0, size));
  if (typeof frame === 'number') return frame;
  const loopback = machine.netns.loopback;
  const skb = Skb.create(machine.memory, {
    frame,
    netns: machine.netns,
    ifindex: loopback?.ifindex ?? 0,
    ingressIfindex: 0,
    pktType: packetType(frame, NO_ADDRESS),
  });
  if (skb === undefined) return -errno.ENOMEM;
  using showing = new Showing(machine);
  try {
    skb.data += ETH_HLEN;
    const from = hook <= NF_INET.forward ? loopback : undefined;
    const to = hook >= NF_INET.forward && given !== undefined ? loopback : undefined;
    const context = showNetfilter(showing, { hook, pf, from, to }, skb);
    if (context === 0) return -errno.ENOMEM;
    const run = (times: number) => interpreterOf(machine).runRepeatedly(prog, context, times, skb);
    const ran = repeatRun(attr.repeat, run);
    return typeof ran === 'number' ? ran : finishData(attr, new Uint8Array(0), ran.verdict.value, ran.duration);
  } finally {
    skb.free();
  }
}

/** What is sent has no link header yet; elsewhere the data begins with one. -errno if it does not. */
function frameOf(hook: number, pf: number, data: Uint8Array): Uint8Array | number {
  const protocol = pf === NFPROTO_IPV4 ? ETH_P_IP : ETH_P_IPV6;
  if (hook === NF_INET.output) return etherFrame(NO_ADDRESS, NO_ADDRESS, protocol, data);
  if (data.length < ETH_HLEN + IPV4_HEADER) return -errno.EINVAL;
  const said = frameProtocol(data, 0);
  if (said !== ETH_P_IP && said !== ETH_P_IPV6) return -errno.EPROTO;
  if (said === ETH_P_IPV6 && data.length < ETH_HLEN + IPV6_HEADER) return -errno.EINVAL;
  return said === protocol ? data : -errno.EINVAL;
}
