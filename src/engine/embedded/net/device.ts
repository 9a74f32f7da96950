import type { LinkStats } from '../../../net/index.ts';
import type { Direction } from '../../../sys/lab.ts';
import type { Clsact } from '../hooks/clsact.ts';
import { Mprog } from '../hooks/mprog.ts';
import { XdpHook } from '../hooks/xdp.ts';
import type { Link } from '../links/link.ts';
import type { Capture } from './capture.ts';
import type { Network } from './network.ts';

export type DeviceKind = 'loopback' | 'veth' | 'dummy';

/** A network device. */
export class Device {
  /** The namespace that it is in. */
  network: Network;
  ifindex: number;
  readonly kind: DeviceKind;
  name: string;
  mtu: number;
  /** 6 bytes. */
  address: Uint8Array;
  up = false;
  /** False once it was deleted. */
  registered = true;
  /** It was up at some time, and has had its default queue since. */
  activated = false;
  /** Of a veth: the other end. */
  peer: Device | undefined;
  /** The qdisc that holds filters; null: there was one, and it was deleted. */
  qdisc: Clsact | null | undefined;
  /** Programs that run before the filters of the qdisc, and the links among them. */
  readonly tcx: Readonly<Record<Direction, Mprog>> = { ingress: new Mprog(), egress: new Mprog() };
  readonly tcxLinks = new Set<Link>();
  readonly captures = new Set<Capture>();
  /** The program that frames which come in meet first. */
  readonly xdp: XdpHook;
  readonly stats: { -readonly [C in keyof LinkStats]: bigint } = {
    rxPackets: 0n,
    txPackets: 0n,
    rxBytes: 0n,
    txBytes: 0n,
    rxErrors: 0n,
    txErrors: 0n,
    rxDropped: 0n,
    txDropped: 0n,
  };

  constructor(network: Network, ifindex: number, kind: DeviceKind, name: string, address: Uint8Array) {
    this.network = network;
    this.ifindex = ifindex;
    this.kind = kind;
    this.name = name;
    this.address = address;
    this.mtu = kind === 'loopback' ? 65536 : 1500;
    this.xdp = new XdpHook(kind === 'veth');
  }

  countReceived(bytes: number): void {
    this.stats.rxPackets++;
    this.stats.rxBytes += BigInt(bytes);
  }

  countSent(bytes: number): void {
    this.stats.txPackets++;
    this.stats.txBytes += BigInt(bytes);
  }

  setUp(up: boolean): void {
    if (up === this.up) return;
    this.up = up;
    this.activated ||= up;
    if (up) this.network.inet.deviceUp(this);
    else this.network.inet.deviceDown(this);
  }

  /** It is down, as if it had never been up, and has no qdisc. */
  shutDown(): void {
    this.setUp(false);
    this.network.inet.deviceGone(this);
    this.activated = false;
    this.qdisc?.destroy();
    this.qdisc = undefined;
  }

  /** It goes, and takes its programs along; links stay, without a hook. */
  detachPrograms(): void {
    this.registered = false;
    this.xdp.clear();
    for (const link of [...this.tcxLinks]) link.detach();
    this.tcx.ingress.clear();
    this.tcx.egress.clear();
  }

  /** The medium is there: a veth needs its other end to be up too. */
  get carrier(): boolean {
    return this.up && (this.kind !== 'veth' || this.peer?.up === true);
  }
}
