import { BpfError, SysError } from '../errors.ts';
import type { FdMessage, Kernel, Mapping, MappingAccess, Stat, WaitOptions } from '../sys/kernel.ts';
import { checkSent, type Direction, type PacketLab, type TestRunLab, type TestRuns } from '../sys/lab.ts';
import type { KernelEvent, WatchedKernel, WatchOptions } from '../sys/watch.ts';
import type { BpfAttr, BpfCmd, BpfResult } from '../uapi/attr.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import type { Ioctl, PerfEventAttr } from '../uapi/perf.ts';
import { type LineKind, SyncSocket } from './sync-socket.ts';
import { watch } from './watch.ts';
import { fromWire } from './wire-error.ts';

/** Bytes of an arena that are sent at once. */
const MAX_WRITE = 1 << 20;

/** A kernel in another process, as if it were here, and its lab. */
export class RemoteKernel implements Kernel, PacketLab, TestRunLab, WatchedKernel {
  readonly name: string;
  readonly #socket: SyncSocket;

  /** Connects to the kernel that serves on the socket at `path`. Throws BpfError CONNECTION if there is none. `line`: how; for tests. */
  constructor(path: string, line?: LineKind) {
    this.name = path;
    this.#socket = new SyncSocket(path, line);
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttr<C>): BpfResult<C> {
    return this.#call<BpfResult<C>>('bpf', [cmd, attr], (changed) => copyBack(attr, changed), attr);
  }
  netlink(request: Uint8Array): Uint8Array {
    return this.#call('netlink', [request]);
  }
  perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, groupFd: Fd | -1, flags: number): Fd {
    return this.#call('perfEventOpen', [attr, pid, cpu, groupFd, flags]);
  }
  ioctl(fd: Fd, request: Ioctl, argument: number): void {
    this.#call('ioctl', [fd, request, argument]);
  }
  open(path: string, flags: number, mode = 0): Fd {
    return this.#call('open', [path, flags, mode]);
  }
  read(fd: Fd, buffer: Uint8Array): number {
    return this.#call('read', [fd, buffer], (changed) => copyBytes(buffer, changed));
  }
  /** On a connection that is gone there is nothing to close: the kernel has closed all fds of this process. */
  close(fd: Fd): void {
    this.#unlessGone('close', fd);
  }

  #unlessGone(method: string, number: number): void {
    try {
      this.#call(method, [number]);
    } catch (error) {
      if (!(error instanceof BpfError && error.code === 'CONNECTION')) throw error;
    }
  }
  /** No memory is shared between processes. But an arena has an address by that it is mapped, and can be written to. */
  mmap(fd: Fd, size: number, access: MappingAccess, offset = 0, address = 0): Mapping {
    try {
      if (access !== 'read' && offset === 0) return this.#mapArena(this.#call('mapArena', [fd, size, address]));
    } catch (error) {
      if (!(error instanceof SysError && error.code === 'ENODEV')) throw error;
    }
    throw elsewhere(`fd ${fd}`);
  }

  #mapArena(held: number): Mapping {
    let isMapped = true;
    return {
      get bytes() {
        if (isMapped) throw elsewhere('of an arena');
        return new Uint8Array(0);
      },
      write: (start, data) => {
        for (let at = 0; at < data.length; at += MAX_WRITE)
          this.#call('writeArena', [held, start + at, data.subarray(at, at + MAX_WRITE)]);
      },
      [Symbol.dispose]: () => {
        if (isMapped) this.#unlessGone('unmapArena', held);
        isMapped = false;
      },
    };
  }
  stat(path: string): Stat {
    return this.#call('stat', [path]);
  }
  lstat(path: string): Stat {
    return this.#call('lstat', [path]);
  }
  fsType(path: string): number {
    return this.#call('fsType', [path]);
  }
  readdir(path: string): string[] {
    return this.#call('readdir', [path]);
  }
  readlink(path: string): string {
    return this.#call('readlink', [path]);
  }
  mkdir(path: string, mode: number): void {
    this.#call('mkdir', [path, mode]);
  }
  rmdir(path: string): void {
    this.#call('rmdir', [path]);
  }
  unlink(path: string): void {
    this.#call('unlink', [path]);
  }
  chmod(path: string, mode: number): void {
    this.#call('chmod', [path, mode]);
  }
  chown(path: string, uid: number, gid: number): void {
    this.#call('chown', [path, uid, gid]);
  }
  rename(from: string, to: string): void {
    this.#call('rename', [from, to]);
  }
  symlink(target: string, path: string): void {
    this.#call('symlink', [target, path]);
  }
  mount(source: string, target: string, fstype: string, flags: number, data: string): void {
    this.#call('mount', [source, target, fstype, flags, data]);
  }
  bindFds(path: string): Fd {
    return this.#call('bindFds', [path]);
  }
  sendFds(path: string, data: Uint8Array, fds: readonly Fd[]): void {
    this.#call('sendFds', [path, data, fds]);
  }
  receiveFds(fd: Fd): FdMessage {
    return this.#call('receiveFds', [fd]);
  }
  send(device: string, direction: Direction, frame: Uint8Array): void {
    this.#call('send', [device, direction, frame]);
  }
  sendAll(device: string, direction: Direction, frames: readonly Uint8Array[]): void {
    checkSent(frames);
    this.#call('sendAll', [device, direction, frames]);
  }
  testRuns(process: Kernel, program: Fd, frames: readonly Uint8Array[], repeat: number): TestRuns | undefined {
    return process === this ? this.#call('testRuns', [program, frames, repeat]) : undefined;
  }

  async wait(fds: readonly Fd[], { until, timeoutMs, signal }: WaitOptions = {}): Promise<Fd[]> {
    signal?.throwIfAborted();
    const { id, reply } = this.#socket.request('wait', fds, timeoutMs, until);
    const cancel = () => this.#socket.post('cancel', id);
    signal?.addEventListener('abort', cancel, { once: true });
    const [, ok, result] = await reply.finally(() => signal?.removeEventListener('abort', cancel));
    signal?.throwIfAborted();
    if (ok !== true) throw fromWire(result);
    return result as Fd[];
  }

  watch(options: WatchOptions): AsyncGenerator<KernelEvent, void> {
    return watch(this.#socket, options);
  }

  /** Asks the process at the other end to stop serving; its kernel, with all that is in it, ends. */
  shutdown(): void {
    this.#call('shutdown', []);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  /** `T` is what the method's row of the seam returns: the other end runs the very same interface. */
  #call<T>(
    method: string,
    args: readonly unknown[],
    onChanged?: (changed: unknown) => void,
    attr?: Readonly<Record<string, unknown>>,
  ): T {
    const [, ok, result, changed] = this.#socket.call(method, ...args);
    onChanged?.(changed);
    if (ok !== true) throw fromWire(result, attr);
    return (result ?? undefined) as T;
  }
}

function elsewhere(what: string): SysError {
  return new SysError(errno.ENODEV, 'mmap', { what, detail: 'the kernel is in another process' });
}

/** Puts what the kernel has changed into the caller's attributes: buffers in place, numbers as fields. */
function copyBack(attr: Record<string, unknown>, changed: unknown): void {
  for (const [name, value] of Object.entries(changed ?? {})) {
    const target = attr[name];
    if (ArrayBuffer.isView(target)) copyBytes(target, value);
    else if (typeof target === 'object' && target !== null)
      copyBack(target as Record<string, unknown>, value); // `arrays`: buffers by name
    else attr[name] = value;
  }
}

function copyBytes(target: ArrayBufferView, value: unknown): void {
  if (!ArrayBuffer.isView(value)) return;
  const from = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(from.subarray(0, target.byteLength));
}
