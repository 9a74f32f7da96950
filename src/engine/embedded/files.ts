import { errno } from '../../uapi/errno.ts';
import type { BtfObject } from './btf-object.ts';
import type { FdSocket } from './fd-socket.ts';
import type { Directory } from './fs/inode.ts';
import type { Place } from './fs/walk.ts';
import type { BpfIterator } from './iter/iterator.ts';
import type { Link } from './links/link.ts';
import type { Machine } from './machine.ts';
import type { BpfMap } from './maps/map.ts';
import type { Network } from './net/network.ts';
import type { PerfEvent } from './perf-event.ts';
import type { BpfProg } from './progs/prog.ts';
import type { Socket } from './sockets/socket.ts';
import type { ProbeEvent } from './trace/probe-event.ts';

/** Standard input, output and error have the numbers below. */
const FIRST_FD = 3;
/** As `ulimit -n` of a generous system. */
const MAX_FILES = 65536;

/** What an fd leads to. Objects are referenced once for each fd. */
export type OpenFile =
  /** `canRead` and `canWrite` are what the system call may do through this file; `fds` is how many lead to it. */
  | { readonly kind: 'map'; readonly map: BpfMap; readonly canRead: boolean; readonly canWrite: boolean; fds: number }
  | { readonly kind: 'prog'; readonly prog: BpfProg }
  | { readonly kind: 'btf'; readonly btf: BtfObject }
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'iter'; readonly iterator: BpfIterator }
  | { readonly kind: 'perf_event'; readonly event: PerfEvent }
  /** Of a tracepoint, a probe or a sample: a program runs there. */
  | { readonly kind: 'probe_event'; readonly event: ProbeEvent }
  /** A file of nsfs. */
  | { readonly kind: 'netns'; readonly path: string; readonly network: Network }
  /** A socket of the IP stack. */
  | { readonly kind: 'inet_socket'; readonly socket: Socket }
  /** What BPF_ENABLE_STATS returns. */
  | { readonly kind: 'stats'; readonly machine: Machine }
  | { readonly kind: 'directory'; readonly path: string; readonly place: Place<Directory> }
  /** `bytes` undefined: it cannot be read. */
  | { readonly kind: 'text'; readonly path: string; readonly bytes: Uint8Array | undefined; offset: number }
  | { readonly kind: 'socket'; readonly path: string; readonly socket: FdSocket }
  /** `rest`: of a line of which a reader's buffer had no room for the end. */
  | { readonly kind: 'trace_pipe'; readonly path: string; rest: Uint8Array };

/** The fds of a process. */
export class FileTable {
  readonly #files = new Map<number, OpenFile>();
  /** No number below this one is free. */
  #lowest = FIRST_FD;

  /**
   * The lowest number that is free, or -EMFILE. The file's reference on its object, which the caller has taken, belongs to the table from here
   * on, also if it fails.
   */
  add(file: OpenFile): number {
    if (this.#files.size >= MAX_FILES) {
      release(file);
      return -errno.EMFILE;
    }
    let fd = this.#lowest;
    while (this.#files.has(fd)) fd++;
    this.#lowest = fd + 1;
    this.#files.set(fd, file);
    return fd;
  }

  get(fd: number): OpenFile | undefined {
    return this.#files.get(fd);
  }

  entries(): IterableIterator<[number, OpenFile]> {
    return this.#files.entries();
  }

  close(fd: number): number {
    const file = this.#files.get(fd);
    if (file === undefined) return -errno.EBADF;
    this.#files.delete(fd);
    this.#lowest = Math.min(this.#lowest, fd);
    release(file);
    return 0;
  }

  closeAll(): void {
    for (const fd of [...this.#files.keys()]) this.close(fd);
  }
}

/** Takes another reference on what a file leads to, for another fd. */
export function hold(file: OpenFile): void {
  switch (file.kind) {
    case 'map':
      file.fds++;
      file.map.getUser();
      return;
    case 'perf_event':
    case 'probe_event':
      file.event.get();
      return;
    case 'prog':
      file.prog.get();
      return;
    case 'btf':
      file.btf.get();
      return;
    case 'link':
      file.link.get();
      return;
    case 'iter':
      file.iterator.get();
      return;
    case 'inet_socket':
      file.socket.fds++;
      return;
    case 'netns':
      file.network.get();
      return;
    case 'stats':
      file.machine.statsUsers++;
      return;
    default:
      return;
  }
}

/** Gives back the reference of one fd. */
export function release(file: OpenFile): void {
  switch (file.kind) {
    case 'map':
      file.fds--;
      if (file.fds === 0) file.map.closedThrough(file);
      file.map.putUser();
      return;
    case 'perf_event':
    case 'probe_event':
      file.event.put();
      return;
    case 'prog':
      file.prog.put();
      return;
    case 'btf':
      file.btf.put();
      return;
    case 'link':
      file.link.put();
      return;
    case 'iter':
      file.iterator.put();
      return;
    case 'inet_socket':
      file.socket.fds--;
      if (file.socket.fds === 0) file.socket.close();
      return;
    case 'netns':
      file.network.put();
      return;
    case 'stats':
      file.machine.statsUsers--;
      return;
    case 'socket':
      file.socket.end();
      return;
    default:
      return;
  }
}
