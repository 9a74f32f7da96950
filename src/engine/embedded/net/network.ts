import { SysError } from '../../../errors.ts';
import type { Direction } from '../../../sys/lab.ts';
import {
  TC_ACT_QUEUED,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_UNSPEC,
} from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { XDP_PASS } from '../../../uapi/xdp.ts';
import { createActionTables } from '../hooks/action-table.ts';
import type { Classification } from '../hooks/cls-bpf.ts';
import { SharedBlocks } from '../hooks/shared-blocks.ts';
import { runTcx } from '../hooks/tcx.ts';
import type { Machine } from '../machine.ts';
import type { Process } from '../process.ts';
import { BPF_F_INGRESS, ETH_HLEN, MAX_FRAME, PACKET_HOST, packetType, type Redirect } from '../progs/frame.ts';
import { Skb } from '../progs/skb.ts';
import { Device, type DeviceKind } from './device.ts';
import { receiveXdp } from './receive-xdp.ts';
import { answerRequest } from './rtnetlink.ts';

/** Frames sent within the sending of a frame: a redirect to a device whose filter redirects again, and so on. */
const MAX_DEPTH = 8;
/** Frames that one frame may cause before the rest is dropped: two devices that send to each other would never end. */
const MAX_CAUSED = 1024;

/** What a hook made of a frame. */
export interface Injected {
  /** TC_ACT_* after all filters; TC_ACT_UNSPEC (-1) where no filter had an opinion, which lets the frame pass. */
  readonly verdict: number;
  /** XDP_*, where the device has an XDP program; if that is not XDP_PASS, no filter has seen the frame, and the verdict is TC_ACT_SHOT. */
  readonly xdp?: number | undefined;
  /** The class that the filters gave it; 0 for none. */
  readonly classid: number;
  /** The frame as the filters left it, from its Ethernet header on. */
  readonly frame: Uint8Array;
  /** The first program that did not end as it should. */
  readonly fault: Classification['fault'];
}

/** What travels with a frame from device to device in one network namespace. */
interface Frame {
  readonly bytes: Uint8Array;
  readonly mark: number;
  /** `ifindex` of the device that it last came in by; 0: it was made here. */
  readonly ingressIfindex: number;
}

/** The devices of a machine, the hooks on them, and the ways of frames between them. There is no IP stack behind it. */
export class Network {
  readonly machine: Machine;
  readonly actions = createActionTables();
  readonly blocks = new SharedBlocks();
  readonly #devices = new Map<number, Device>();
  #lastIfindex = 0;
  #depth = 0;
  /** Frames that arrived while another was on its way, and their devices. */
  readonly #arrived: (readonly [Device, Frame])[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
    this.addDevice('loopback', 'lo');
  }

  /**
   * One rtnetlink request of a process, and the whole answer. Throws SysError EINVAL only if the bytes are no netlink message; every other
   * failure is in the answer.
   */
  request(process: Process, message: Uint8Array): Uint8Array {
    return answerRequest(this, process, message);
  }

  /** By growing ifindex. */
  get devices(): readonly Device[] {
    return [...this.#devices.values()];
  }

  device(ifindex: number): Device | undefined {
    return this.#devices.get(ifindex);
  }

  deviceByName(name: string): Device | undefined {
    return this.devices.find((device) => device.name === name);
  }

  addDevice(kind: DeviceKind, name: string, address: Uint8Array = this.#newAddress(kind)): Device {
    const device = new Device(++this.#lastIfindex, kind, name, address);
    this.#devices.set(device.ifindex, device);
    return device;
  }

  /** A veth takes its other end with it. */
  removeDevice(device: Device): void {
    for (const gone of device.peer === undefined ? [device] : [device, device.peer]) {
      gone.up = false;
      gone.qdisc?.destroy();
      gone.qdisc = undefined;
      gone.detachPrograms();
      this.#devices.delete(gone.ifindex);
    }
  }

  /** Sends a frame out of a device, or lets it arrive there as if from the wire. Throws SysError ENODEV, ENETDOWN, EINVAL, EMSGSIZE, ENOMEM. */
  inject(name: string, direction: Direction, bytes: Uint8Array): Injected {
    const device = this.deviceByName(name);
    const what = `to ${name}`;
    if (device === undefined) throw new SysError(errno.ENODEV, 'send', { what });
    if (!device.up) throw new SysError(errno.ENETDOWN, 'send', { what });
    if (bytes.length < ETH_HLEN)
      throw new SysError(errno.EINVAL, 'send', {
        what,
        detail: `a frame has at least ${ETH_HLEN} bytes, not ${bytes.length}`,
      });
    if (bytes.length > Math.min(MAX_FRAME, device.mtu + ETH_HLEN + 4))
      throw new SysError(errno.EMSGSIZE, 'send', {
        what,
        detail: `${bytes.length} bytes are more than its MTU allows`,
      });
    const frame: Frame = { bytes, mark: 0, ingressIfindex: 0 };
    const injected = direction === 'egress' ? this.#transmit(device, frame) : this.#receive(device, frame);
    this.#deliverArrived();
    if (injected === undefined) throw new SysError(errno.ENOMEM, 'send', { what });
    return injected;
  }

  /** bpf_clone_redirect: 0, or -EINVAL where there is no such device. */
  forward(frame: Uint8Array, ifindex: number, direction: Direction): number {
    const device = this.device(ifindex);
    if (device === undefined) return -errno.EINVAL;
    this.#send(device, direction, { bytes: frame, mark: 0, ingressIfindex: 0 });
    return 0;
  }

  #send(device: Device, direction: Direction, frame: Frame): void {
    if (!device.up) device.stats.txDropped++;
    else if (direction === 'egress') this.#transmit(device, frame);
    else this.#arrive(device, frame);
  }

  /** The way out of a device: its egress filters, then the medium. */
  #transmit(device: Device, frame: Frame): Injected | undefined {
    if (this.#depth >= MAX_DEPTH) {
      device.stats.txDropped++;
      return undefined;
    }
    this.#depth++;
    try {
      return this.#throughHook(device, 'egress', frame, (left) => this.#emit(device, left));
    } finally {
      this.#depth--;
    }
  }

  /** Puts a frame on the medium, past the filters. */
  #emit(device: Device, frame: Frame): void {
    const { peer, kind, stats } = device;
    if (kind === 'veth' && !peer?.up) {
      stats.txDropped++;
      return;
    }
    device.countSent(frame.bytes.length);
    if (kind === 'loopback') this.#arrive(device, frame);
    else if (peer !== undefined) this.#arrive(peer, frame);
  }

  /** The way in: the XDP program, the ingress filters, and then there is nobody who would want the frame. */
  #receive(device: Device, frame: Frame): Injected | undefined {
    device.countReceived(frame.bytes.length);
    const met = receiveXdp(this.machine, device, frame.bytes, {
      device: (ifindex) => this.device(ifindex),
      emit: (to, bytes) => this.#emit(to, { bytes, mark: 0, ingressIfindex: 0 }),
    });
    if (met !== undefined && met.action !== XDP_PASS)
      return { verdict: TC_ACT_SHOT, xdp: met.action, classid: 0, frame: met.bytes, fault: met.fault };
    const passed = { ...frame, bytes: met?.bytes ?? frame.bytes, ingressIfindex: device.ifindex };
    const injected = this.#throughHook(device, 'ingress', passed, () => undefined);
    return injected && met ? { ...injected, xdp: met.action, fault: met.fault ?? injected.fault } : injected;
  }

  #arrive(device: Device, frame: Frame): void {
    if (this.#arrived.length < MAX_CAUSED) this.#arrived.push([device, frame]);
    else device.stats.rxDropped++;
  }

  #deliverArrived(): void {
    for (let caused = 0; ; caused++) {
      const next = this.#arrived.shift();
      if (next === undefined) return;
      const [device, frame] = next;
      if (device.up && caused < MAX_CAUSED) this.#receive(device, frame);
      else device.stats.rxDropped++;
    }
  }

  #throughHook(device: Device, direction: Direction, frame: Frame, pass: (left: Frame) => void): Injected | undefined {
    const skb = Skb.create(this.machine.memory, {
      frame: frame.bytes,
      ifindex: device.ifindex,
      ingressIfindex: frame.ingressIfindex,
      pktType: direction === 'egress' ? PACKET_HOST : packetType(frame.bytes, device.address),
    });
    if (skb === undefined) return undefined;
    skb.set('mark', frame.mark);
    skb.pktLen = frame.bytes.length - (direction === 'ingress' ? ETH_HLEN : 0);
    if (direction === 'ingress') skb.untag();
    let result: Classification;
    let left: Frame;
    let redirect: Redirect | undefined;
    try {
      result = runHook(this.machine, device, direction, skb);
      left = { bytes: skb.frame(), mark: skb.get('mark'), ingressIfindex: frame.ingressIfindex };
      redirect = skb.redirect;
    } finally {
      skb.free();
    }
    switch (result.action) {
      case TC_ACT_SHOT: // dropped
      case TC_ACT_STOLEN: // or consumed
      case TC_ACT_QUEUED:
      case TC_ACT_TRAP:
        break;
      case TC_ACT_REDIRECT: {
        const target = redirect && this.device(redirect.ifindex);
        if (target !== undefined) this.#send(target, redirect?.flags === BPF_F_INGRESS ? 'ingress' : 'egress', left);
        break;
      }
      default:
        pass(left);
    }
    return { verdict: result.action, classid: result.classid, frame: left.bytes, fault: result.fault };
  }

  #newAddress(kind: DeviceKind): Uint8Array {
    const address = new Uint8Array(6);
    if (kind === 'loopback') return address;
    for (let i = 0; i < 6; i++) address[i] = this.machine.random() & 0xff;
    // A unicast address that no manufacturer gave out.
    address[0] = ((address[0] ?? 0) & 0xfc) | 2;
    return address;
  }
}

/** The programs of tcx, then, unless they have decided, the filters of clsact. */
function runHook(machine: Machine, device: Device, direction: Direction, skb: Skb): Classification {
  const tcx = runTcx(machine, device.tcx[direction], skb);
  if (tcx.action !== TC_ACT_UNSPEC) return tcx;
  const filters = device.qdisc?.block(direction).classify(machine, skb) ?? tcx;
  return { ...filters, fault: tcx.fault ?? filters.fault };
}
