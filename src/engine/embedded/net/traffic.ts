import { SysError } from '../../../errors.ts';
import type { Direction } from '../../../sys/lab.ts';
import { TC_ACT_QUEUED, TC_ACT_REDIRECT, TC_ACT_SHOT, TC_ACT_STOLEN, TC_ACT_TRAP } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { XDP_PASS } from '../../../uapi/xdp.ts';
import type { Classification } from '../hooks/cls-bpf.ts';
import type { Machine } from '../machine.ts';
import { ETH_HLEN, PACKET_HOST, packetType, type Redirect } from '../progs/frame.ts';
import { Skb } from '../progs/skb.ts';
import type { Socket } from '../sockets/socket.ts';
import { Arrivals } from './arrivals.ts';
import { classify } from './classify.ts';
import type { Device } from './device.ts';
import type { Injected } from './injected.ts';
import type { Network } from './network.ts';
import { BatchReceiver, MAX_BATCH } from './receive-batch.ts';
import { receiveXdp } from './receive-xdp.ts';
import type { XdpOutcome } from './run-xdp.ts';
import { checkFrame, deviceToSendTo } from './to-send.ts';

/** Frames sent within the sending of a frame: a redirect to a device whose filter redirects again, and so on. */
const MAX_DEPTH = 8;
/** Copies made by actions while a copy is sent. */
const MAX_MIRRORS = 4;

/** What travels with a frame from device to device. */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly mark: number;
  readonly priority: number;
  /** `ifindex` of the device that it last came in by; 0: it was made here. */
  readonly ingressIfindex: number;
  /** The socket that sent it; also behind a veth, until the IP stack there takes it. */
  readonly sender?: Socket | undefined;
}

/** A frame as a hook left it. */
interface Left extends Frame {
  /** PACKET_*. */
  readonly pktType: number;
  /** The socket that a program chose for it. */
  readonly assigned: Socket | undefined;
}

/** A frame that nothing is known of but its bytes. */
const bare = (bytes: Uint8Array): Frame => ({ bytes, mark: 0, priority: 0, ingressIfindex: 0 });

/** The ways of frames between the devices of a machine, in all of its network namespaces. */
export class Traffic {
  readonly #machine: Machine;
  #depth = 0;
  #mirrors = 0;
  #draining = false;
  readonly #arrivals = new Arrivals();
  readonly #batches: BatchReceiver;
  readonly #emitBytes = (to: Device, bytes: Uint8Array): void => this.#emit(to, bare(bytes));

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#batches = new BatchReceiver(machine, this.#emitBytes);
  }

  /** Sends a frame out of a device, or lets it arrive there as if from the wire. Throws SysError ENODEV, ENETDOWN, EINVAL, EMSGSIZE, ENOMEM. */
  inject(network: Network, name: string, direction: Direction, bytes: Uint8Array): Injected {
    const device = deviceToSendTo(network, name);
    checkFrame(device, bytes);
    const frame = bare(bytes);
    const injected = direction === 'egress' ? this.#transmit(device, frame) : this.#receive(device, frame);
    this.drain();
    if (injected === undefined) throw new SysError(errno.ENOMEM, 'send', { what: `to ${name}` });
    return injected;
  }

  /**
   * The same for one frame after the other; those that come in where an XDP program is, many at once. Throws SysError ENODEV, ENETDOWN, EINVAL, EMSGSIZE before any of them is sent. A frame whose turn comes when the device
   * is down, or that there is no memory for, is dropped.
   */
  injectAll(network: Network, name: string, direction: Direction, frames: readonly Uint8Array[]): void {
    const device = deviceToSendTo(network, name);
    for (const bytes of frames) checkFrame(device, bytes);
    for (let at = 0; at < frames.length; ) {
      const isBatch = direction === 'ingress' && device.xdp.mode !== undefined;
      const some = frames.slice(at, at + (isBatch ? MAX_BATCH : 1)).map(bare);
      at += some.length;
      this.#arrivals.causedBy(some.length, () => {
        if (direction === 'ingress') this.#receiveAll(device, some);
        else for (const frame of some) this.#send(device, direction, frame);
        this.drain();
      });
    }
  }

  /** A copy of a packet, made by bpf_clone_redirect: it arrives once the packet has gone its way. */
  forward(device: Device, direction: Direction, bytes: Uint8Array): void {
    this.#send(device, direction, bare(bytes));
  }

  /** Whether a copy would be one of too many that cause each other. */
  get mirrorsTooDeep(): boolean {
    return this.#mirrors >= MAX_MIRRORS;
  }

  /** Sends a copy of a packet, made by an action, and says whether it is on its way. */
  mirror(device: Device, direction: Direction, frame: Frame): boolean {
    if (direction === 'ingress') {
      this.#arrivals.add(device, frame);
      return true;
    }
    this.#mirrors++;
    try {
      const sent = this.#transmit(device, frame);
      return sent !== undefined && sent.verdict !== TC_ACT_SHOT;
    } finally {
      this.#mirrors--;
    }
  }

  /** Sends a frame of the IP stack out of a device that is up. */
  transmit(device: Device, frame: Frame): void {
    this.#transmit(device, frame);
  }

  /** Lets all frames arrive that are on their way, and those that they cause. Within that, nothing: whoever began it goes on. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let left = this.#arrivals.limit; ; ) {
        const next = this.#arrivals.take(left);
        if (next === undefined) return;
        const [device, frames] = next;
        left -= frames.length;
        if (left >= 0) this.#receiveAll(device, frames);
        else device.stats.rxDropped++;
      }
    } finally {
      this.#draining = false;
    }
  }

  #send(device: Device, direction: Direction, frame: Frame): void {
    if (!device.up) device.stats.txDropped++;
    else if (direction === 'egress') this.#transmit(device, frame);
    else this.#arrivals.add(device, frame);
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
    for (const capture of device.captures) capture.see('egress', frame.bytes);
    if (kind === 'loopback') this.#arrivals.add(device, { ...frame, sender: undefined });
    // Marks do not leave a namespace.
    else if (peer !== undefined)
      this.#arrivals.add(peer, { ...frame, priority: 0, mark: peer.network === device.network ? frame.mark : 0 });
  }

  /** The way in: the XDP program, the ingress filters, and then the IP stack. */
  #receive(device: Device, frame: Frame): Injected | undefined {
    device.countReceived(frame.bytes.length);
    return this.#received(device, frame, receiveXdp(this.#machine, device, frame.bytes, this.#emitBytes));
  }

  /** Of frames one after the other: what the XDP program has to say of several it says before the first goes on. */
  #receiveAll(device: Device, frames: readonly Frame[]): void {
    const [first] = frames;
    if (first !== undefined && frames.length === 1 && device.up) this.#receive(device, first);
    else this.#batches.receive(device, frames, (frame, met) => this.#received(device, frame, met));
  }

  /** What follows the XDP program. */
  #received(device: Device, frame: Frame, met: XdpOutcome | undefined): Injected | undefined {
    if (met !== undefined && met.action !== XDP_PASS) {
      this.#tell(device, 'ingress', frame.bytes.length, TC_ACT_SHOT, met.action);
      return { verdict: TC_ACT_SHOT, xdp: met.action, classid: 0, frame: met.bytes, fault: met.fault };
    }
    const passed = { ...frame, bytes: met?.bytes ?? frame.bytes, ingressIfindex: device.ifindex };
    for (const capture of device.captures) capture.see('ingress', passed.bytes);
    const injected = this.#throughHook(
      device,
      'ingress',
      passed,
      (left) => device.network.inet.receive(device, left),
      met?.action,
    );
    return injected && met ? { ...injected, xdp: met.action, fault: met.fault ?? injected.fault } : injected;
  }

  #throughHook(
    device: Device,
    direction: Direction,
    frame: Frame,
    pass: (left: Left) => void,
    xdp?: number,
  ): Injected | undefined {
    const skb = Skb.create(this.#machine.memory, {
      frame: frame.bytes,
      netns: device.network,
      ifindex: device.ifindex,
      ingressIfindex: frame.ingressIfindex,
      pktType: direction === 'egress' ? PACKET_HOST : packetType(frame.bytes, device.address),
    });
    if (skb === undefined) return undefined;
    skb.set('mark', frame.mark);
    skb.set('priority', frame.priority);
    skb.sender = frame.sender;
    skb.atIngress = direction === 'ingress';
    skb.pktLen = frame.bytes.length - (direction === 'ingress' ? ETH_HLEN : 0);
    if (direction === 'ingress') skb.untag();
    let result: Classification;
    let left: Left;
    let redirect: Redirect | undefined;
    try {
      result = classify(this.#machine, device, direction, skb);
      left = {
        bytes: skb.frame(),
        mark: skb.get('mark'),
        priority: skb.get('priority'),
        ingressIfindex: frame.ingressIfindex,
        sender: frame.sender,
        pktType: skb.pktType,
        assigned: skb.assigned,
      };
      redirect = skb.redirect;
    } finally {
      skb.free();
    }
    this.#tell(device, direction, frame.bytes.length, result.action, xdp);
    switch (result.action) {
      case TC_ACT_SHOT: // dropped
      case TC_ACT_STOLEN: // or consumed
      case TC_ACT_QUEUED:
      case TC_ACT_TRAP:
        break;
      case TC_ACT_REDIRECT:
        this.#redirect(device, direction, redirect, left);
        break;
      default:
        pass(left);
    }
    return { verdict: result.action, classid: result.classid, frame: left.bytes, fault: result.fault };
  }

  #tell(device: Device, direction: Direction, length: number, verdict: number, xdp: number | undefined): void {
    const { name, ifindex, network } = device;
    const { observers } = this.#machine;
    if (observers.none) return;
    const netns = network.cookie;
    observers.tell({ kind: 'packet', device: name, ifindex, netns, direction, length, verdict, xdp });
  }

  #redirect(from: Device, direction: Direction, redirect: Redirect | undefined, frame: Frame): void {
    const target = redirect && from.network.device(redirect.ifindex);
    if (redirect === undefined || target === undefined) return;
    switch (redirect.to) {
      case 'egress':
      case 'ingress':
        this.#send(target, redirect.to, frame);
        return;
      case 'peer': {
        // Only on the way in, and only to another namespace: the frame goes on there as if it had come in by that device.
        const { peer } = target;
        if (direction !== 'ingress' || !peer?.up || peer.network === from.network) return;
        this.#arrivals.add(peer, { ...frame, ingressIfindex: 0 });
        return;
      }
      case 'neighbour':
        if (target.up) from.network.inet.redirectToNeighbour(target, redirect.nextHop, frame);
        return;
    }
  }
}
