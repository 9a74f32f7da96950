import { readFileSync } from 'node:fs';
import { NotSupportedError, SysError } from '../../errors.ts';
import { decodeLink, encodeLink, type Link } from '../../net/link.ts';
import { request } from '../../net/request.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { checkSent, type Direction, type PacketLab } from '../../sys/lab.ts';
import { errno } from '../../uapi/errno.ts';
import { IFF_LOOPBACK, IFF_UP, IFNAMSIZ, RTM_GETLINK } from '../../uapi/netlink.ts';
import { type Ffi, loadFfi } from './ffi.ts';
import { createLinuxKernel } from './kernel.ts';
import { Memory } from './memory.ts';
import { check } from './syscall.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;
/** struct sockaddr_ll: family u16, protocol be16, ifindex i32, hatype u16, pkttype u8, halen u8, address u8[8]. */
const SOCKADDR_LL = { size: 20, ifindex: 4 };
const ETH_HLEN = 14;

/** Milliseconds to wait at most for a frame to get through, and between two looks. */
const WAIT_MS = 1000;
const LOOK_MS = 1;

/**
 * Packets on devices of the running kernel, in the network namespace of this process. `egress` sends on the device; `ingress` sends on the other
 * end of a veth, past its egress hooks, so that the frame arrives at the device. Needs CAP_NET_RAW.
 *
 * @param kernel finds the devices: the running kernel, traced or not
 */
export function createLinuxPacketLab(kernel: Kernel = createLinuxKernel()): PacketLab {
  const send = (device: string, direction: Direction, frame: Uint8Array): void => {
    checkLength(frame);
    const link = linkThatIsUp(kernel, device);
    const from = direction === 'egress' ? link : otherEnd(kernel, link, device);
    const before = received(kernel, link);
    sendFrame(from, direction, frame);
    if (direction === 'ingress') waitUntil(() => received(kernel, link) > before);
    waitUntil(backlogIsEmpty);
  };
  return {
    send,
    sendAll(device, direction, frames) {
      checkSent(frames);
      for (const frame of frames) checkLength(frame);
      linkThatIsUp(kernel, device);
      for (const frame of frames) send(device, direction, frame);
    },
  };
}

function checkLength({ length }: Uint8Array): void {
  if (length < ETH_HLEN)
    throw new SysError(errno.EINVAL, 'send', { detail: `a frame has at least ${ETH_HLEN} bytes, not ${length}` });
}

function linkThatIsUp(kernel: Kernel, device: string): Link {
  const link = findLink(kernel, { name: device });
  if (((link.flags ?? 0) & IFF_UP) === 0) throw new SysError(errno.ENETDOWN, 'send', { what: `on ${device}` });
  return link;
}

/** The device that a frame has to be sent on to arrive at `link`. */
function otherEnd(kernel: Kernel, link: Link, device: string): Link {
  if (((link.flags ?? 0) & IFF_LOOPBACK) !== 0) return link;
  if (link.kind === 'veth' && link.link !== undefined && link.linkNetnsId === undefined) {
    return findLink(kernel, { ifindex: link.link });
  }
  throw new NotSupportedError(`sending a frame to the ingress of ${device} on the running kernel`, {
    instead: 'use a veth whose other end is in this network namespace, or the embedded kernel',
  });
}

function findLink(kernel: Kernel, by: { readonly name: string } | { readonly ifindex: number }): Link {
  const what = `device ${'name' in by ? by.name : by.ifindex}`;
  if ('name' in by && (by.name === '' || by.name.length >= IFNAMSIZ))
    throw new SysError(errno.ENODEV, 'RTM_GETLINK', { what });
  const [answer] = request(kernel, what, RTM_GETLINK, 0, encodeLink({ ifindex: 0, ...by }));
  if (answer === undefined) throw new SysError(errno.ENODEV, 'RTM_GETLINK', { what });
  return decodeLink(answer);
}

function received(kernel: Kernel, { ifindex }: Link): bigint {
  return findLink(kernel, { ifindex }).stats?.rxPackets ?? 0n;
}

/**
 * Packet sockets by direction, open as long as the code that sends runs on: closing one makes the kernel wait for all CPUs, which takes ten times
 * as long as sending.
 */
const burst = new Map<Direction, number>();

function packetSocket(ffi: Ffi, direction: Direction): number {
  const open = burst.get(direction);
  if (open !== undefined) return open;
  const { libc } = ffi;
  // Protocol 0: the socket only sends.
  const fd = check(ffi, libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), 'socket', 'AF_PACKET');
  burst.set(direction, fd);
  queueMicrotask(() => {
    burst.delete(direction);
    libc.close(fd);
  });
  if (direction === 'ingress') {
    using memory = new Memory(ffi);
    memory.reset(64);
    const one = memory.address + memory.put(Uint8Array.of(1, 0, 0, 0));
    check(ffi, libc.setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, one, 4), 'setsockopt', 'PACKET_QDISC_BYPASS');
  }
  return fd;
}

function sendFrame(on: Link, direction: Direction, frame: Uint8Array): void {
  const ffi = loadFfi();
  const fd = packetSocket(ffi, direction);
  using memory = new Memory(ffi);
  memory.reset(frame.length + 64);
  const address = memory.put(new Uint8Array(SOCKADDR_LL.size));
  memory.view.setUint16(address, AF_PACKET, true);
  memory.view.setInt32(address + SOCKADDR_LL.ifindex, on.ifindex, true);
  // The Ethernet type of the frame itself, in network order on both sides.
  memory.bytes.set(frame.subarray(12, 14), address + 2);
  const data = memory.put(frame);
  const sent = ffi.libc.sendto(fd, memory.address + data, frame.length, 0, memory.address + address, SOCKADDR_LL.size);
  // A program that drops the frame makes the send fail with ENOBUFS; the frame has had its way through the hooks.
  if (sent === -1 && ffi.errno() === errno.ENOBUFS) return;
  check(ffi, sent, 'send', `on ${on.name ?? on.ifindex}`);
}

/** Whether no CPU has frames left to receive: column 12 of /proc/net/softnet_stat, in hex. Kernels without it are taken at their word. */
function backlogIsEmpty(): boolean {
  try {
    const lines = readFileSync('/proc/net/softnet_stat', 'latin1').trim().split('\n');
    return lines.every((line) => Number.parseInt(line.split(/\s+/)[11] ?? '0', 16) === 0);
  } catch {
    return true; // no procfs
  }
}

/** Looks again and again until it is so, for a second at most: a frame that was dropped on its way never arrives. */
function waitUntil(isSo: () => boolean): void {
  const end = performance.now() + WAIT_MS;
  while (!isSo() && performance.now() < end) Atomics.wait(pause, 0, 0, LOOK_MS);
}
const pause = new Int32Array(new SharedArrayBuffer(4));
