import type { Device } from '../net/device.ts';
import { formatAddress } from './address.ts';

/** NUD_*. */
// biome-ignore format: aligned table
export const NUD = {
  none: 0, incomplete: 0x01, reachable: 0x02, stale: 0x04, delay: 0x08, probe: 0x10, failed: 0x20, noarp: 0x40, permanent: 0x80,
} as const;
/** States in which the hardware address is good for sending. */
export const NUD_VALID = NUD.permanent | NUD.noarp | NUD.reachable | NUD.probe | NUD.stale | NUD.delay;

/** Packets that wait for one address. */
const MAX_WAITING = 101;
/** Neighbours of one device: somebody who answers for many must not fill the memory. */
const MAX_NEIGHBOURS = 1024;

export interface Neighbour {
  readonly device: Device;
  readonly address: Uint8Array;
  /** 6 bytes, where it is known. */
  hardware: Uint8Array | undefined;
  /** NUD_*. */
  state: number;
  /** NTF_*. */
  flags: number;
  /** What goes out once the hardware address is known. */
  waiting: ((hardware: Uint8Array) => void)[];
  /** What is told those that wait, if it never is. */
  unreachable: (() => void)[];
}

/** Who has which hardware address, by device. */
export class NeighbourTable {
  readonly #byDevice = new Map<Device, Map<string, Neighbour>>();

  get all(): readonly Neighbour[] {
    return [...this.#byDevice.values()].flatMap((table) => [...table.values()]);
  }

  find(device: Device, address: Uint8Array): Neighbour | undefined {
    return this.#byDevice.get(device)?.get(formatAddress(address));
  }

  /** An entry that is there, or a new one of no state. `undefined`: there are too many. */
  obtain(device: Device, address: Uint8Array): Neighbour | undefined {
    const table = this.#byDevice.get(device) ?? new Map<string, Neighbour>();
    this.#byDevice.set(device, table);
    const found = table.get(formatAddress(address));
    if (found !== undefined || table.size >= MAX_NEIGHBOURS) return found;
    const created: Neighbour = {
      device,
      address: address.slice(),
      hardware: undefined,
      state: NUD.none,
      flags: 0,
      waiting: [],
      unreachable: [],
    };
    table.set(formatAddress(address), created);
    return created;
  }

  /** Sets what is known of a neighbour, and sends what waits for it. */
  update(neighbour: Neighbour, hardware: Uint8Array | undefined, state: number): void {
    neighbour.hardware = hardware?.slice() ?? neighbour.hardware;
    neighbour.state = state;
    const { waiting } = neighbour;
    const known = neighbour.hardware;
    if ((state & NUD_VALID) === 0 || known === undefined) return;
    neighbour.waiting = [];
    neighbour.unreachable = [];
    for (const send of waiting) send(known);
  }

  /** Nobody answered. */
  fail(neighbour: Neighbour): void {
    const told = neighbour.unreachable;
    neighbour.state = NUD.failed;
    neighbour.waiting = [];
    neighbour.unreachable = [];
    for (const tell of told) tell();
  }

  remove({ device, address }: Neighbour): void {
    this.#byDevice.get(device)?.delete(formatAddress(address));
  }

  /** The device is down or gone. */
  flush(device: Device): void {
    this.#byDevice.delete(device);
  }
}

export function wait(neighbour: Neighbour, send: (hardware: Uint8Array) => void, unreachable: () => void): void {
  if (neighbour.waiting.length >= MAX_WAITING) neighbour.waiting.shift();
  neighbour.waiting.push(send);
  neighbour.unreachable.push(unreachable);
}
