import { attachTypeNumber } from '../../../uapi/bpf.ts';
import {
  XDP_FLAGS_HW_MODE,
  XDP_FLAGS_MODES,
  XDP_FLAGS_REPLACE,
  XDP_FLAGS_SKB_MODE,
  XDP_FLAGS_UPDATE_IF_NOEXIST,
} from '../../../uapi/netlink.ts';
import type { Link } from '../links/link.ts';
import type { BpfProg } from '../progs/prog.ts';

/** Who runs the program: the network stack, before all else that it does, or the driver. */
export type XdpMode = 'generic' | 'driver';

/** Why a program does not get onto a hook. */
export interface XdpRefusal {
  readonly code: 'EINVAL' | 'EBUSY' | 'EEXIST' | 'EOPNOTSUPP';
  readonly text: string;
}

export interface XdpAttach {
  readonly prog: BpfProg | undefined;
  readonly link?: Link | undefined;
  /** With XDP_FLAGS_REPLACE: the program that must be there; `undefined`: none. */
  readonly expected?: BpfProg | undefined;
  /** XDP_FLAGS_*. */
  readonly flags: number;
}

interface Attached {
  readonly prog: BpfProg;
  readonly link: Link | undefined;
}

/** The XDP program of a device, in one of two modes. Without a link the hook holds the program, else the link does. */
export class XdpHook {
  readonly #hasDriver: boolean;
  readonly #attached = new Map<XdpMode, Attached>();

  /** `hasDriver`: whether the device's driver runs programs itself. */
  constructor(hasDriver: boolean) {
    this.#hasDriver = hasDriver;
  }

  get(mode: XdpMode): BpfProg | undefined {
    const attached = this.#attached.get(mode);
    return attached?.link?.prog ?? attached?.prog;
  }

  /** The mode that the device has a program in. */
  get mode(): XdpMode | undefined {
    return this.#attached.size === 0 ? undefined : this.#attached.keys().next().value;
  }

  /** Puts a program there, or a link, or takes what is there away. Source: dev_xdp_attach of Linux 6.18, for the order of its refusals. */
  set({ prog, link, expected, flags }: XdpAttach): XdpRefusal | undefined {
    const modes = flags & XDP_FLAGS_MODES;
    if (link !== undefined && (flags & ~XDP_FLAGS_MODES) !== 0)
      return invalid('Invalid XDP flags for BPF link attachment');
    if ((modes & (modes - 1)) !== 0) return invalid('Only one XDP mode flag can be set');
    if (expected !== undefined && (flags & XDP_FLAGS_REPLACE) === 0)
      return invalid('XDP_FLAGS_REPLACE is not specified');
    if (modes === XDP_FLAGS_HW_MODE) return invalid('Using non-offloaded program in HW_MODE');
    const mode: XdpMode = modes === XDP_FLAGS_SKB_MODE || (modes === 0 && !this.#hasDriver) ? 'generic' : 'driver';
    const present = this.#attached.get(mode);
    if (present?.link !== undefined) return { code: 'EBUSY', text: "Can't replace active BPF XDP link" };
    if (link !== undefined && present !== undefined)
      return { code: 'EBUSY', text: "Can't replace active XDP program with BPF link" };
    if ((flags & XDP_FLAGS_REPLACE) !== 0 && present?.prog !== expected)
      return { code: 'EEXIST', text: 'Active program does not match expected' };
    const refused = prog === undefined ? undefined : this.#refuse(prog, mode, flags, present);
    if (refused !== undefined) return refused;
    if (prog !== present?.prog && mode === 'driver' && !this.#hasDriver)
      return { code: 'EOPNOTSUPP', text: 'Underlying driver does not support XDP in native mode' };
    if (link === undefined) prog?.get();
    this.#attached.delete(mode);
    present?.prog.put();
    if (prog !== undefined) this.#attached.set(mode, { prog, link });
    return undefined;
  }

  #refuse(prog: BpfProg, mode: XdpMode, flags: number, present: Attached | undefined): XdpRefusal | undefined {
    if ((flags & XDP_FLAGS_UPDATE_IF_NOEXIST) !== 0 && present !== undefined)
      return { code: 'EBUSY', text: 'XDP program already attached' };
    if (this.#attached.has(mode === 'driver' ? 'generic' : 'driver'))
      return { code: 'EEXIST', text: "Native and generic XDP can't be active at the same time" };
    switch (prog.attr.expectedAttachType) {
      case attachTypeNumber.xdp_devmap:
        return invalid('BPF_XDP_DEVMAP programs can not be attached to a device');
      case attachTypeNumber.xdp_cpumap:
        return invalid('BPF_XDP_CPUMAP programs can not be attached to a device');
      default:
        return undefined;
    }
  }

  /** The link leaves, if it is here. */
  remove(link: Link): void {
    for (const [mode, attached] of [...this.#attached]) if (attached.link === link) this.#attached.delete(mode);
  }

  /** The device goes: links stay, without a hook. */
  clear(): void {
    for (const { prog, link } of this.#attached.values()) {
      if (link === undefined) prog.put();
      else link.detach();
    }
    this.#attached.clear();
  }
}

function invalid(text: string): XdpRefusal {
  return { code: 'EINVAL', text };
}
