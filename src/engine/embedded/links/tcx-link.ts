import type { StructValue } from '../../../bytes/struct.ts';
import type { Direction } from '../../../sys/lab.ts';
import { attachTypeNumber, linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { Relative } from '../hooks/mprog.ts';
import type { Device } from '../net/device.ts';
import type { BpfProg } from '../progs/prog.ts';
import { ProgLink } from './link.ts';

const DETACHED = -errno.ENOLINK;

/** A program at a device's ingress or egress, before the filters of clsact. */
export class TcxLink extends ProgLink {
  readonly type = linkTypeNumber.tcx;
  readonly direction: Direction;
  #device: Device | undefined;

  constructor(device: Device, direction: Direction, prog: BpfProg) {
    super(prog.machine, prog);
    this.direction = direction;
    this.#device = device;
  }

  /** Takes its place among the programs there. 0 or -errno. */
  attach(flags: number, relative: Relative, revision: bigint): number {
    const device = this.#device;
    if (device === undefined) return DETACHED;
    const result = device.tcx[this.direction].attach({ prog: this.prog, link: this }, flags, relative, revision);
    if (result < 0) this.#device = undefined;
    else device.tcxLinks.add(this);
    return result;
  }

  override update(prog: BpfProg, old: BpfProg | undefined): number {
    const device = this.#device;
    if (device === undefined) return DETACHED;
    if (old !== undefined && old !== this.prog) return -errno.EPERM;
    if (prog === this.prog) return 0;
    if (prog.attr.type !== this.prog.attr.type) return -errno.EINVAL;
    const result = device.tcx[this.direction].replace({ prog: this.prog, link: this }, prog);
    if (result === 0) this.exchange(prog);
    return result;
  }

  override detach(): void {
    this.#device?.tcx[this.direction].remove(this);
    this.#device?.tcxLinks.delete(this);
    this.#device = undefined;
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    return { 'tcx.ifindex': this.#ifindex, 'tcx.attach_type': this.#attachType };
  }

  override fdinfo(): readonly (readonly [string, string | number])[] {
    return [
      ['ifindex', this.#ifindex],
      ['attach_type', `${this.#attachType} (${this.direction})`],
    ];
  }

  get #ifindex(): number {
    return this.#device?.ifindex ?? 0;
  }
  get #attachType(): number {
    return attachTypeNumber[this.direction === 'ingress' ? 'tcx_ingress' : 'tcx_egress'];
  }
}
