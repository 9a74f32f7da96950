import type { Device } from '../net/device.ts';
import { Showing, type Shown } from '../types/shown.ts';
import type { Skb } from './skb.ts';
import type { XdpBuff } from './xdp-buff.ts';

/** Address of a struct sk_buff that says what the packet is now, as long as the packet lasts; 0 if there is no memory. */
export function showSkBuff(skb: Skb): number {
  const { machine } = skb.netns;
  const values = {
    len: skb.length,
    mark: skb.get('mark'),
    priority: skb.get('priority'),
    queue_mapping: skb.get('queue_mapping'),
    tc_index: skb.get('tc_index'),
    hash: skb.hash,
    pkt_type: skb.pktType,
    skb_iif: skb.ingressIfindex,
    protocol: ((skb.protocol & 0xff) << 8) | (skb.protocol >> 8),
    truesize: skb.length,
  };
  if (skb.skBuff === 0) {
    skb.shown ??= new Showing(machine);
    skb.skBuff = skb.shown.put({ struct: 'sk_buff', values, to: deviceOf('dev', skb.netns.device(skb.ifindex)) });
  } else machine.kernelStruct('sk_buff').write(skb.memory, skb.skBuff, values);
  return skb.skBuff;
}

/** Likewise a struct xdp_buff. */
export function showXdpBuff(xdp: XdpBuff): number {
  const { machine } = xdp.netns;
  const values = { data: xdp.data, data_end: xdp.end, data_meta: xdp.meta, frame_sz: xdp.frameSize };
  if (xdp.xdpBuff === 0) {
    xdp.shown ??= new Showing(machine);
    const rxq = {
      struct: 'xdp_rxq_info',
      values: { queue_index: xdp.rxQueue },
      to: deviceOf('dev', xdp.netns.device(xdp.ifindex)),
    };
    xdp.xdpBuff = xdp.shown.put({ struct: 'xdp_buff', values, to: { rxq } });
  } else machine.kernelStruct('xdp_buff').write(xdp.memory, xdp.xdpBuff, values);
  return xdp.xdpBuff;
}

/** A pointer to a device, where there is one. */
export function deviceOf(member: string, device: Device | undefined): Readonly<Record<string, Shown>> {
  if (device === undefined) return {};
  const { name, ifindex, mtu, up } = device;
  return { [member]: { struct: 'net_device', values: { name, ifindex, mtu, flags: up ? 1 : 0 } } };
}
