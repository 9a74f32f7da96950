import { bpfFlowKeys } from '../../../uapi/contexts.ts';
import { interpreterOf, type Verdict } from '../interp/interpreter.ts';
import { ETH_HLEN, PACKET_HOST } from '../progs/frame.ts';
import type { BpfProg } from '../progs/prog.ts';
import { SK_BUFF, Skb } from '../progs/skb.ts';

/** What a flow dissector said: BPF_OK 0, BPF_DROP 2 or BPF_FLOW_DISSECTOR_CONTINUE 129, and a struct bpf_flow_keys; without keys there was no memory. */
export interface Dissection extends Verdict {
  readonly keys: Uint8Array | undefined;
}

/** Lets a program find out a frame's flow. `flags`: BPF_FLOW_DISSECTOR_F_*. */
export function dissectFlow(prog: BpfProg, frame: Uint8Array, flags: number): Dissection {
  const { memory } = prog.machine;
  const skb = Skb.create(memory, {
    frame,
    netns: prog.machine.netns,
    ifindex: 1,
    ingressIfindex: 0,
    pktType: PACKET_HOST,
  });
  const keys = memory.alloc(bpfFlowKeys.size);
  try {
    if (skb === undefined || keys === 0) return { value: 0, high: 0, fault: undefined, keys: undefined };
    const initial = { nhoff: ETH_HLEN, thoff: ETH_HLEN, n_proto: 0, flags };
    memory.u8.set(bpfFlowKeys.encode(initial), keys);
    // As it lies in the frame.
    memory.u8.set(frame.subarray(ETH_HLEN - 2, ETH_HLEN), keys + bpfFlowKeys.fields.n_proto[1]);
    skb.publish();
    memory.dv.setUint32(skb.context + SK_BUFF.flow_keys, keys, true);
    const verdict = interpreterOf(prog.machine).runProgram(prog, skb.context, skb);
    const found = memory.u8.slice(keys, keys + bpfFlowKeys.size);
    const { nhoff, thoff } = bpfFlowKeys.decode(found);
    const network = Math.min(Math.max(nhoff, ETH_HLEN), frame.length);
    const transport = Math.min(Math.max(thoff, network), frame.length);
    return { ...verdict, keys: bpfFlowKeys.encode({ nhoff: network, thoff: transport }, found) };
  } finally {
    skb?.free();
    if (keys !== 0) memory.free(keys);
  }
}
