import { concatBytes } from '../../../bytes/plain.ts';
import type { Device } from '../net/device.ts';
import { AF_INET, isUnspecified } from './address.ts';
import type { IpStack } from './ip-stack.ts';
import { type Neighbour, NUD } from './neighbours.ts';
import { etherFrame } from './packet.ts';

export const ETH_P_ARP = 0x0806;
/** Ethernet, IPv4, and the lengths of their addresses. */
const KIND = Uint8Array.of(0, 1, 8, 0, 6, 4);
const SIZE = 28;
const REQUEST = 1;
const REPLY = 2;
const BROADCAST = new Uint8Array(6).fill(0xff);

/** Asks who has a neighbour's address. `packet`: what is to be sent there; the question comes from where it comes from. */
export function sendArpRequest(stack: IpStack, { device, address }: Neighbour, packet: Uint8Array): void {
  const wanted = packet.subarray(12, 16);
  const source = stack.addresses.has(wanted) ? wanted : stack.addresses.on(device, AF_INET)[0]?.address;
  if (source === undefined) return;
  send(
    stack,
    device,
    BROADCAST,
    REQUEST,
    { hardware: device.address, address: source },
    { hardware: new Uint8Array(6), address },
  );
}

export function receiveArp(stack: IpStack, device: Device, bytes: Uint8Array): void {
  if (bytes.length < SIZE || KIND.some((byte, i) => byte !== bytes[i]) || device.kind !== 'veth') return;
  const operation = ((bytes[6] ?? 0) << 8) | (bytes[7] ?? 0);
  const sender = { hardware: bytes.slice(8, 14), address: bytes.slice(14, 18) };
  const target = bytes.slice(24, 28);
  const known = stack.neighbours.find(device, sender.address);
  const isOurs = stack.routes.lookup(target)?.type === 'local';
  if (operation === REQUEST && isOurs) {
    // Who asks is about to speak, unless it only looks whether an address is free.
    const asker = isUnspecified(sender.address) ? undefined : stack.neighbours.obtain(device, sender.address);
    if (asker !== undefined && (asker.state & NUD.permanent) === 0)
      stack.neighbours.update(asker, sender.hardware, asker.state === NUD.reachable ? NUD.reachable : NUD.stale);
    send(stack, device, sender.hardware, REPLY, { hardware: device.address, address: target }, sender);
    return;
  }
  if (known === undefined || (known.state & NUD.permanent) !== 0) return;
  if (operation === REPLY) stack.neighbours.update(known, sender.hardware, isOurs ? NUD.reachable : NUD.stale);
  else if (operation === REQUEST) stack.neighbours.update(known, sender.hardware, NUD.stale);
}

interface Party {
  readonly hardware: Uint8Array;
  readonly address: Uint8Array;
}

function send(stack: IpStack, device: Device, to: Uint8Array, operation: number, from: Party, target: Party): void {
  const message = concatBytes([
    KIND,
    Uint8Array.of(0, operation),
    from.hardware,
    from.address,
    target.hardware,
    target.address,
  ]);
  const bytes = etherFrame(to, device.address, ETH_P_ARP, message);
  stack.transmitFrame(device, { bytes, mark: 0, priority: 0, ingressIfindex: 0 });
}
