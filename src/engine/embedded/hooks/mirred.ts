import { TC_ACT_SHOT } from '../../../uapi/bpf.ts';
import { TCA_EGRESS_REDIR, TCA_INGRESS_MIRROR, TCA_INGRESS_REDIR } from '../../../uapi/netlink.ts';
import type { Machine } from '../machine.ts';
import type { Device } from '../net/device.ts';
import type { Skb } from '../progs/skb.ts';

/** What an action of kind `mirred` does: a copy of each packet goes to a device. */
export interface Mirred {
  /** TCA_EGRESS_REDIR and its like. */
  readonly eaction: number;
  readonly device: Device;
}

/** The device, as long as it is where it was when the action was made. */
export function targetOf({ device }: Mirred, skb: Pick<Skb, 'netns'>): Device | undefined {
  return device.registered && device.network === skb.netns ? device : undefined;
}

/**
 * Sends the packet to the device. `sent` is false if the device did not take it; a packet that was to be redirected is dropped then, one that was to be
 * mirrored goes its way.
 */
export function runMirred(
  machine: Machine,
  mirred: Mirred,
  control: number,
  skb: Skb,
): { readonly action: number; readonly sent: boolean } {
  const { eaction } = mirred;
  const device = targetOf(mirred, skb);
  const direction = eaction === TCA_INGRESS_REDIR || eaction === TCA_INGRESS_MIRROR ? 'ingress' : 'egress';
  const frame = {
    bytes: skb.frame(),
    mark: skb.get('mark'),
    priority: skb.get('priority'),
    ingressIfindex: skb.ifindex,
    sender: skb.sender,
  };
  const sent = device?.carrier === true && machine.traffic.mirror(device, direction, frame);
  const redirects = eaction === TCA_EGRESS_REDIR || eaction === TCA_INGRESS_REDIR;
  return { action: redirects && !sent ? TC_ACT_SHOT : control, sent };
}
