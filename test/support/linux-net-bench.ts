import { closeSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { AF_INET, AF_INET6, formatAddress, parseAddress } from '../../src/engine/embedded/inet/address.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { findDevice } from '../../src/loader/devices.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { Address, BenchSocket, NetBench, Side } from '../contract/net-bench.ts';
import { CLONE_NEWNET, LinuxSocket, setns, unshare } from './linux-sockets.ts';

const SOL_SOCKET = 1;
const OPTIONS = { mark: 36, priority: 12, reuseAddress: 2, reusePort: 15, broadcast: 6 } as const;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 3;
const PACKET_OUTGOING = 4;

/** Namespaces without IPv6 addresses that nobody made, and without looking whether somebody has an address. */
// biome-ignore format: aligned table
const SYSCTLS = {
  'ipv6/conf/all/disable_ipv6': 0, 'ipv6/conf/default/disable_ipv6': 0, 'ipv6/conf/default/addr_gen_mode': 1,
  'ipv6/conf/default/accept_dad': 0, 'ipv6/conf/default/router_solicitations': 0, 'ipv4/conf/all/rp_filter': 0, 'ipv4/conf/default/rp_filter': 0,
};

/**
 * For each device: one request for a neighbour, and none for one that is known. Linux repeats requests, and looks after a while whether neighbours are still
 * there: when, says a clock, and on a slow machine that is in the middle of another test.
 */
const NEIGHBOUR_SYSCTLS = { retrans_time_ms: 3_600_000, delay_first_probe_time: 3600 };

function askNeighboursOnce(): void {
  for (const family of ['ipv4', 'ipv6'])
    for (const device of readdirSync(`/proc/sys/net/${family}/neigh`).filter((name) => name !== 'default'))
      for (const [name, value] of Object.entries(NEIGHBOUR_SYSCTLS)) sysctl(`${family}/neigh/${device}/${name}`, value);
}

function sysctl(name: string, value: number): void {
  writeFileSync(`/proc/sys/net/${name}`, String(value));
}

/** Two namespaces of this thread's own, which goes back to where it was after each call. */
export function createLinuxNetBench(): NetBench & Disposable {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const made = { a: makeNamespace(home), b: makeNamespace(home) };
  const within = <T>(side: Side, call: () => T): T => {
    setns(made[side]);
    try {
      return call();
    } finally {
      setns(home);
    }
  };
  const raw = { a: createLinuxKernel(), b: createLinuxKernel() };
  const kernels = { a: inside(raw.a, (call) => within('a', call)), b: inside(raw.b, (call) => within('b', call)) };
  const packetSocket = (side: Side, device: string): LinuxSocket =>
    within(side, () => {
      const socket = LinuxSocket.open(AF_PACKET, SOCK_RAW, ETH_P_ALL << 8);
      socket.bind(linkAddress(side, device));
      return socket;
    });
  const linkAddress = (side: Side, device: string): Uint8Array => {
    const address = new Uint8Array(20);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, ETH_P_ALL);
    view.setInt32(
      4,
      within(side, () => indexOf(raw[side], device)),
      true,
    );
    return address;
  };
  return {
    kernel: (side) => kernels[side],
    netns: (side) => made[side],
    pid: () => process.pid,
    socket: (side, type, family = 'inet') =>
      within(side, () =>
        wrap(LinuxSocket.open(family === 'inet' ? AF_INET : AF_INET6, type === 'tcp' ? 1 : 2), (call) =>
          within(side, call),
        ),
      ),
    setForwarding: (side, on) =>
      within(side, () => {
        sysctl('ipv4/ip_forward', Number(on));
        sysctl('ipv6/conf/all/forwarding', Number(on));
      }),
    setSynCookies: (side, when) => within(side, () => sysctl('ipv4/tcp_syncookies', when)),
    send(side, device, frame) {
      for (const each of ['a', 'b'] as const) within(each, askNeighboursOnce);
      const socket = packetSocket(side, device);
      socket.send(frame);
      socket.close();
    },
    capture(side, device) {
      const socket = packetSocket(side, device);
      return () => {
        const frames: Uint8Array[] = [];
        for (;;) {
          const next = socket.receive(65536, 60);
          if (next === undefined) break;
          if (next.from[10] !== PACKET_OUTGOING) frames.push(next.data);
        }
        socket.close();
        return frames;
      };
    },
    [Symbol.dispose]() {
      for (const side of ['a', 'b'] as const) {
        raw[side][Symbol.dispose]();
        closeSync(made[side]);
      }
      closeSync(home);
    },
  };
}

function makeNamespace(home: number): number {
  unshare(CLONE_NEWNET);
  const fd = openSync('/proc/thread-self/ns/net', 'r');
  for (const [name, value] of Object.entries(SYSCTLS)) sysctl(name, value);
  setns(home);
  return fd;
}

/** A kernel whose calls are made in a namespace. */
function inside(kernel: Kernel, within: <T>(call: () => T) => T): Kernel {
  return new Proxy(kernel, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]) => within(() => Reflect.apply(value, target, args));
    },
  });
}

function indexOf(kernel: Kernel, device: string): number {
  return findDevice(kernel, device).ifindex;
}

function wrap(socket: LinuxSocket, within: <T>(call: () => T) => T): BenchSocket {
  return {
    fd: socket.fd,
    get cookie() {
      return socket.cookie();
    },
    get name() {
      return decode(socket.name());
    },
    get peer() {
      return decode(socket.peer());
    },
    set(option, value) {
      socket.setOption(SOL_SOCKET, OPTIONS[option], Uint8Array.of(value & 0xff, (value >> 8) & 0xff, 0, 0));
    },
    setsockopt: (level, name, value) => socket.setOption(level, name, value),
    getsockopt: (level, name, buffer) => socket.getOption(level, name, buffer),
    bind: (address) => within(() => socket.bind(encode(address))),
    connect: (address) => within(() => socket.connect(encode(address))),
    listen: (backlog = 128) => socket.listen(backlog),
    accept() {
      const child = socket.accept();
      return child && wrap(child, within);
    },
    send: (data, to) => socket.send(data, to && encode(to)),
    receive(max) {
      const received = socket.receive(max);
      return (
        received && {
          data: received.data,
          from: received.from.length === 0 ? decode(socket.peer()) : decode(received.from),
        }
      );
    },
    attach: (what, prog) =>
      socket.setOption(SOL_SOCKET, what === 'filter' ? 50 : 52, new Uint8Array(Uint32Array.of(prog).buffer)),
    shutdown: (how) => socket.shutdown(how),
    close: () => socket.close(),
  };
}

/** struct sockaddr_in, sockaddr_in6. */
function encode({ address, port }: Address): Uint8Array {
  const bytes = parseAddress(address) ?? new Uint8Array(4);
  const encoded = new Uint8Array(bytes.length === 4 ? 16 : 28);
  const view = new DataView(encoded.buffer);
  view.setUint16(0, bytes.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  encoded.set(bytes, bytes.length === 4 ? 4 : 8);
  return encoded;
}

function decode(bytes: Uint8Array): Address {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = view.getUint16(0, true) === AF_INET ? bytes.subarray(4, 8) : bytes.subarray(8, 24);
  return { address: formatAddress(at), port: view.getUint16(2) };
}
