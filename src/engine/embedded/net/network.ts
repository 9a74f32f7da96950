import { createActionTables } from '../hooks/action-table.ts';
import { Netfilter } from '../hooks/netfilter.ts';
import { NetnsPrograms } from '../hooks/netns-programs.ts';
import { SharedBlocks } from '../hooks/shared-blocks.ts';
import { IpStack } from '../inet/ip-stack.ts';
import type { Machine } from '../machine.ts';
import { RedirectMap } from '../maps/redirect-map.ts';
import type { Process } from '../process.ts';
import { RefCounted } from '../refs.ts';
import { Device, type DeviceKind } from './device.ts';
import { answerRequest } from './rtnetlink.ts';

/** Inode number of the first network namespace, as on Linux; others count on from it. */
const FIRST_INO = 4026531840;

/** A network namespace: its devices, what is on them, and its IP stack. It lives as long as a name, an fd or a process holds it. */
export class Network extends RefCounted {
  readonly machine: Machine;
  /** A number that no other namespace of the machine ever has: bpf_get_netns_cookie. The first one's is 1. */
  readonly cookie: number;
  readonly actions = createActionTables();
  readonly blocks = new SharedBlocks();
  readonly inet: IpStack;
  readonly programs = new NetnsPrograms();
  readonly netfilter = new Netfilter(this);
  readonly #devices = new Map<number, Device>();
  readonly #numbers = new Map<Network, number>();
  #lastIfindex = 0;

  constructor(machine: Machine, cookie: number) {
    super();
    this.machine = machine;
    this.cookie = cookie;
    this.inet = new IpStack(this);
    this.addDevice('loopback', 'lo');
  }

  /** Of its file in nsfs. */
  get ino(): bigint {
    return BigInt(FIRST_INO - 1 + this.cookie);
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
    return [...this.#devices.values()].sort((a, b) => a.ifindex - b.ifindex);
  }
  get deviceCount(): number {
    return this.#devices.size;
  }

  device(ifindex: number): Device | undefined {
    return this.#devices.get(ifindex);
  }

  deviceByName(name: string): Device | undefined {
    for (const device of this.#devices.values()) if (device.name === name) return device;
    return undefined;
  }

  get loopback(): Device | undefined {
    return this.#devices.get(1);
  }

  /** `ifindex`: one that is free; else the next. */
  addDevice(kind: DeviceKind, name: string, address = this.#newAddress(kind), ifindex = 0): Device {
    const device = new Device(this, ifindex || this.#nextIfindex(), kind, name, address);
    this.#devices.set(device.ifindex, device);
    return device;
  }

  /** A veth takes its other end with it. */
  removeDevice(device: Device): void {
    for (const gone of device.peer === undefined ? [device] : [device, device.peer]) {
      gone.shutDown();
      gone.detachPrograms();
      gone.network.#devices.delete(gone.ifindex);
      this.#forget(gone);
    }
  }

  /** Maps have it no more. */
  #forget(device: Device): void {
    for (const map of this.machine.maps.values()) if (map instanceof RedirectMap) map.forget(device);
  }

  /**
   * Takes a device from its namespace to this one. It is down afterwards, without its qdisc; XDP and tcx stay. It keeps its number if that is free here, unless
   * another is wanted (`ifindex`, which has to be free).
   */
  adopt(device: Device, ifindex = 0): void {
    device.shutDown();
    device.network.#devices.delete(device.ifindex);
    this.#forget(device);
    device.ifindex = ifindex || (this.#devices.has(device.ifindex) ? this.#nextIfindex() : device.ifindex);
    device.network = this;
    this.#devices.set(device.ifindex, device);
  }

  /** The number by which this namespace calls another one: given when it is first asked for. */
  numberOf(other: Network): number {
    const known = this.#numbers.get(other);
    if (known !== undefined) return known;
    const taken = new Set(this.#numbers.values());
    let number = 0;
    while (taken.has(number)) number++;
    this.#numbers.set(other, number);
    return number;
  }

  /** The other one that this namespace calls so. */
  numbered(number: number): Network | undefined {
    for (const [network, its] of this.#numbers) if (its === number) return network;
    return undefined;
  }

  protected override destroy(): void {
    for (const device of this.devices) if (this.#devices.has(device.ifindex)) this.removeDevice(device);
    this.programs.clear();
    this.machine.namespaces.forget(this);
  }

  /** Forgets the number of a namespace that is gone. */
  dropNumberOf(other: Network): void {
    this.#numbers.delete(other);
  }

  #nextIfindex(): number {
    do this.#lastIfindex = (this.#lastIfindex % 0x7fffffff) + 1;
    while (this.#devices.has(this.#lastIfindex));
    return this.#lastIfindex;
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
