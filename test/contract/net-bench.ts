import { SysError } from '../../src/errors.ts';
import { request } from '../../src/net/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';

/** An IP address as text, and a port. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** A socket that does not wait. */
export interface BenchSocket {
  readonly fd: number;
  /** SO_COOKIE. */
  readonly cookie: number;
  readonly name: Address;
  readonly peer: Address | undefined;
  set(option: 'mark' | 'priority' | 'reuseAddress' | 'reusePort' | 'broadcast', value: number): void;
  setsockopt(level: number, name: number, value: Uint8Array): void;
  /** `buffer`: what the caller's has in it before. The bytes that come back. */
  getsockopt(level: number, name: number, buffer: Uint8Array): Uint8Array;
  bind(address: Address): void;
  connect(address: Address): void;
  listen(backlog?: number): void;
  accept(): BenchSocket | undefined;
  send(data: Uint8Array, to?: Address): number;
  receive(max?: number): { readonly data: Uint8Array; readonly from: Address } | undefined;
  /** SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_EBPF. */
  attach(what: 'filter' | 'reuseport', prog: number): void;
  shutdown(how: 'read' | 'write' | 'both'): void;
  close(): void;
}

export type Side = 'a' | 'b';

/** Two network namespaces of a kernel, `a` and `b`, that the test has for itself: only `lo` is in them. */
export interface NetBench {
  /** The system calls of a process in a namespace. */
  kernel(side: Side): Kernel;
  /** The namespace as an fd of the process in `of`. */
  netns(side: Side, of: Side): number;
  pid(side: Side): number;
  socket(side: Side, type: 'tcp' | 'udp', family?: 'inet' | 'inet6'): BenchSocket;
  setForwarding(side: Side, on: boolean): void;
  /** net.ipv4.tcp_syncookies: 0 never, 1 in need, 2 always. */
  setSynCookies(side: Side, when: 0 | 1 | 2): void;
  /** Puts a frame on a device, as if the host sent it past its IP stack. */
  send(side: Side, device: string, frame: Uint8Array): void;
  /** What comes in at a device from now on, until it is asked for. */
  capture(side: Side, device: string): () => readonly Uint8Array[];
}

export function ask(bench: NetBench, side: Side, type: number, flags: number, payload: Uint8Array): Uint8Array[] {
  return request(bench.kernel(side), 'the test', type, flags, payload);
}

/** What a call answers: `ok`, or the errno's name and the text of the extended ack. */
export function said(call: () => unknown): unknown {
  try {
    return call() ?? 'ok';
  } catch (error) {
    if (error instanceof SysError) return error.detail === undefined ? error.code : `${error.code} ${error.detail}`;
    throw error;
  }
}
