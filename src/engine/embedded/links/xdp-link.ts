import type { StructValue } from '../../../bytes/struct.ts';
import { linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { XdpRefusal } from '../hooks/xdp.ts';
import type { Device } from '../net/device.ts';
import type { BpfProg } from '../progs/prog.ts';
import { ProgLink } from './link.ts';

/** The XDP program of a device. */
export class XdpLink extends ProgLink {
  readonly type = linkTypeNumber.xdp;
  #device: Device | undefined;

  constructor(device: Device, prog: BpfProg) {
    super(prog.machine, prog);
    this.#device = device;
  }

  attach(flags: number): XdpRefusal | undefined {
    const refused = this.#device?.xdp.set({ prog: this.prog, link: this, flags });
    if (refused !== undefined) this.#device = undefined;
    return refused;
  }

  override update(prog: BpfProg, old: BpfProg | undefined): number {
    if (this.#device === undefined) return -errno.ENOLINK;
    if (old !== undefined && old !== this.prog) return -errno.EPERM;
    const { type, expectedAttachType } = this.prog.attr;
    if (prog.attr.type !== type || prog.attr.expectedAttachType !== expectedAttachType) return -errno.EINVAL;
    if (prog !== this.prog) this.exchange(prog);
    return 0;
  }

  override detach(): void {
    this.#device?.xdp.remove(this);
    this.#device = undefined;
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    return { 'xdp.ifindex': this.#device?.ifindex ?? 0 };
  }

  override fdinfo(): readonly (readonly [string, string | number])[] {
    return [['ifindex', this.#device?.ifindex ?? 0]];
  }
}
