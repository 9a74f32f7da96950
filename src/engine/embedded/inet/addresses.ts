import type { Device } from '../net/device.ts';
import { type Family, familyOf, masked, sameAddress } from './address.ts';

/** IFA_F_*. */
export const IFA_F_SECONDARY = 0x01;
export const IFA_F_NODAD = 0x02;
export const IFA_F_PERMANENT = 0x80;
export const IFA_F_NOPREFIXROUTE = 0x200;

/** An address of a device. */
export interface InterfaceAddress {
  readonly family: Family;
  readonly device: Device;
  readonly address: Uint8Array;
  /** Where the other end of a point-to-point link is; else the address itself. */
  readonly peer: Uint8Array;
  readonly prefix: number;
  readonly broadcast: Uint8Array | undefined;
  /** RT_SCOPE_*. */
  readonly scope: number;
  /** IPv4: as it was given; the device's name if it was not. */
  readonly label: string;
  /** IFA_F_*. */
  flags: number;
}

/** The addresses of a namespace. */
export class AddressTable {
  #addresses: InterfaceAddress[] = [];

  get all(): readonly InterfaceAddress[] {
    return this.#addresses;
  }

  on(device: Device, family: Family): readonly InterfaceAddress[] {
    return this.#addresses.filter((entry) => entry.device === device && entry.family === family);
  }

  /** Whether some device has it. */
  has(address: Uint8Array): boolean {
    return this.#addresses.some((entry) => sameAddress(entry.address, address));
  }

  /** Secondary ones stand behind the others. */
  add(entry: InterfaceAddress): void {
    const isSecondary = (entry.flags & IFA_F_SECONDARY) !== 0;
    const at = isSecondary ? -1 : this.#addresses.findIndex(({ flags }) => (flags & IFA_F_SECONDARY) !== 0);
    this.#addresses.splice(at < 0 ? this.#addresses.length : at, 0, entry);
  }
  remove(entry: InterfaceAddress): void {
    this.#addresses = this.#addresses.filter((other) => other !== entry);
  }

  /** Another address of the same network on the same device, which was there first: a new one is secondary to it. */
  primaryOf(device: Device, address: Uint8Array, prefix: number): InterfaceAddress | undefined {
    const network = masked(address, prefix);
    return this.on(device, familyOf(address)).find(
      (entry) =>
        entry.prefix === prefix &&
        (entry.flags & IFA_F_SECONDARY) === 0 &&
        sameAddress(masked(entry.peer, prefix), network),
    );
  }
}
