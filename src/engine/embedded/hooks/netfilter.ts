import { errno } from '../../../uapi/errno.ts';
import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import { AF_INET, type Family } from '../inet/address.ts';
import { etherFrame } from '../inet/packet.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { NetfilterLink } from '../links/netfilter-link.ts';
import type { Device } from '../net/device.ts';
import type { Network } from '../net/network.ts';
import { ETH_HLEN, PACKET_HOST } from '../progs/frame.ts';
import { deviceOf, showSkBuff } from '../progs/show-packet.ts';
import { Skb } from '../progs/skb.ts';
import { Showing } from '../types/shown.ts';

/** Where packets can be judged, by their numbers (NF_INET_*). */
export const NF_INET = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4, hooks: 5 } as const;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;
const NF_ACCEPT = 1;
const MAX_HOOKS = 1024;
const NO_ADDRESS = new Uint8Array(6);

/** A packet at a hook: from its IP header on. */
export interface HookedPacket {
  readonly family: Family;
  readonly bytes: Uint8Array;
  /** The device that it came in by, and the one that it goes out of. */
  readonly from?: Device | undefined;
  readonly to?: Device | undefined;
  readonly mark: number;
  readonly priority: number;
  /** PACKET_*. */
  readonly pktType?: number;
}

/** The netfilter programs of a network namespace. */
export class Netfilter {
  readonly #network: Network;
  /** By family and hook; each in the order in which they run. */
  readonly #links = new Map<string, NetfilterLink[]>();

  constructor(network: Network) {
    this.#network = network;
  }

  /** 0 or -errno: no two programs of a hook have the same priority. */
  add(link: NetfilterLink): number {
    const links = this.#at(link.pf, link.hook);
    if (links.length >= MAX_HOOKS) return -errno.E2BIG;
    if (links.some(({ priority }) => priority === link.priority)) return -errno.EBUSY;
    const after = links.findIndex(({ priority }) => priority > link.priority);
    links.splice(after < 0 ? links.length : after, 0, link);
    return 0;
  }

  remove(link: NetfilterLink): void {
    const links = this.#at(link.pf, link.hook);
    const at = links.indexOf(link);
    if (at >= 0) links.splice(at, 1);
  }

  /** Whether a packet goes on: the first program that drops it is the last that sees it. */
  accepts(hook: Exclude<keyof typeof NF_INET, 'hooks'>, packet: HookedPacket): boolean {
    const pf = packet.family === AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
    const links = this.#at(pf, NF_INET[hook]);
    if (links.length === 0) return true;
    const { machine } = this.#network;
    const skb = skbOf(this.#network, packet);
    if (skb === undefined) return false;
    using showing = new Showing(machine);
    try {
      const state = { hook: NF_INET[hook], pf, from: packet.from, to: packet.to };
      const context = showNetfilter(showing, state, skb);
      if (context === 0) return false;
      return [...links].every(({ prog }) => {
        const { value, fault } = interpreterOf(machine).runProgram(prog, context, skb);
        return fault === undefined && value === NF_ACCEPT;
      });
    } finally {
      skb.free();
    }
  }

  #at(pf: number, hook: number): NetfilterLink[] {
    const key = `${pf} ${hook}`;
    const links = this.#links.get(key) ?? [];
    this.#links.set(key, links);
    return links;
  }
}

/** Address of the struct bpf_nf_ctx of a packet at a hook; 0 if there is no memory. */
export function showNetfilter(
  showing: Showing,
  { hook, pf, from, to }: { hook: number; pf: number; from?: Device | undefined; to?: Device | undefined },
  skb: Skb,
): number {
  const packet = showSkBuff(skb);
  if (packet === 0) return 0;
  const state = {
    struct: 'nf_hook_state',
    values: { hook, pf },
    to: { ...deviceOf('in', from), ...deviceOf('out', to) },
  };
  return showing.put({ struct: 'bpf_nf_ctx', values: { skb: packet }, to: { state } });
}

function skbOf(netns: Network, packet: HookedPacket): Skb | undefined {
  const { family, bytes, from, to, mark, priority, pktType = PACKET_HOST } = packet;
  const skb = Skb.create(netns.machine.memory, {
    frame: etherFrame(NO_ADDRESS, NO_ADDRESS, family === AF_INET ? ETH_P_IP : ETH_P_IPV6, bytes),
    netns,
    ifindex: (to ?? from)?.ifindex ?? 0,
    ingressIfindex: from?.ifindex ?? 0,
    pktType,
  });
  if (skb === undefined) return undefined;
  skb.set('mark', mark);
  skb.set('priority', priority);
  skb.data += ETH_HLEN;
  return skb;
}
