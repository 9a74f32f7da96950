import type { StructValue } from '../../../bytes/struct.ts';
import { linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { Network } from '../net/network.ts';
import type { BpfProg } from '../progs/prog.ts';
import { ProgLink } from './link.ts';

export interface NetfilterPlace {
  /** NFPROTO_*. */
  readonly pf: number;
  /** NF_INET_*. */
  readonly hook: number;
  /** Lower ones run first. */
  readonly priority: number;
  /** BPF_F_NETFILTER_IP_DEFRAG: there are no fragments here to be put together. */
  readonly flags: number;
}

/** A program that judges the IP packets of a network namespace, which it holds. */
export class NetfilterLink extends ProgLink implements NetfilterPlace {
  readonly type = linkTypeNumber.netfilter;
  readonly pf: number;
  readonly hook: number;
  readonly priority: number;
  readonly flags: number;
  #network: Network | undefined;

  constructor(prog: BpfProg, place: NetfilterPlace) {
    super(prog.machine, prog);
    this.pf = place.pf;
    this.hook = place.hook;
    this.priority = place.priority;
    this.flags = place.flags;
  }

  /** 0 or -errno. */
  attach(network: Network): number {
    const result = network.netfilter.add(this);
    if (result === 0) this.#network = network.get();
    return result;
  }

  override update(): number {
    return -errno.EOPNOTSUPP;
  }

  override detach(): void {
    const network = this.#network;
    this.#network = undefined;
    network?.netfilter.remove(this);
    network?.put();
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    const { pf, hook, priority, flags } = this;
    return {
      'netfilter.pf': pf,
      'netfilter.hooknum': hook,
      'netfilter.priority': priority,
      'netfilter.flags': flags,
    };
  }

  /** One line of three. */
  override fdinfo(): readonly (readonly [string, string])[] {
    return [['pf', `${this.pf}\thooknum:\t${this.hook}\tprio:\t${this.priority}`]];
  }
}
