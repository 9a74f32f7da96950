import type { StructValue } from '../../../bytes/struct.ts';
import { attachTypeNumber, linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { NetnsHook } from '../hooks/netns-programs.ts';
import type { Network } from '../net/network.ts';
import type { BpfProg } from '../progs/prog.ts';
import { ProgLink } from './link.ts';

/** A program of a network namespace: its flow dissector, or one that has a word in the lookup of sockets. */
export class NetnsLink extends ProgLink {
  readonly type = linkTypeNumber.netns;
  readonly hook: NetnsHook;
  #network: Network | undefined;

  constructor(network: Network, hook: NetnsHook, prog: BpfProg) {
    super(prog.machine, prog);
    this.hook = hook;
    this.#network = network;
  }

  /** 0 or -errno. */
  attach(): number {
    const result = this.#network?.programs.add(this) ?? -errno.ENOLINK;
    if (result < 0) this.#network = undefined;
    return result;
  }

  override update(prog: BpfProg, old: BpfProg | undefined): number {
    if (old !== undefined && old !== this.prog) return -errno.EPERM;
    if (prog.attr.type !== this.prog.attr.type) return -errno.EINVAL;
    if (this.#network === undefined) return -errno.ENOLINK;
    this.exchange(prog);
    return 0;
  }

  override detach(): void {
    this.#network?.programs.remove(this);
    this.#network = undefined;
  }

  /** The namespace is gone. */
  leave(): void {
    this.#network = undefined;
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    return { 'netns.netns_ino': this.#ino, 'netns.attach_type': attachTypeNumber[this.hook] };
  }

  override fdinfo(): readonly (readonly [string, string | number])[] {
    return [
      ['netns_ino', this.#ino],
      ['attach_type', attachTypeNumber[this.hook]],
    ];
  }

  get #ino(): number {
    return Number(this.#network?.ino ?? 0n);
  }
}
