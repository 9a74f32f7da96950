import type { BigIntStats } from 'node:fs';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { SysError } from '../../errors.ts';
import type { FdMessage, Kernel, Mapping, MappingAccess, Stat, WaitOptions } from '../../sys/kernel.ts';
import { O_CLOEXEC } from '../../sys/kernel.ts';
import { BPF_COMMANDS, type BpfAttr, type BpfCmd, type BpfResult } from '../../uapi/attr.ts';
import { errno } from '../../uapi/errno.ts';
import type { Fd } from '../../uapi/fd.ts';
import { IOCTLS, type Ioctl, PERF_FLAG_FD_CLOEXEC, type PerfEventAttr } from '../../uapi/perf.ts';
import { cStringBytes, type LaidOut, layOut } from './attr.ts';
import { ElementCall, isElementCmd } from './element.ts';
import { bindFds, receiveFds, sendFds } from './fd-message.ts';
import { type Ffi, loadFfi } from './ffi.ts';
import { planInfo } from './info.ts';
import { forgetFd, mapSizes } from './map-sizes.ts';
import { mapMemory } from './mapping.ts';
import { raiseMemlock } from './memlock.ts';
import { align8, Memory } from './memory.ts';
import { NetlinkSocket } from './netlink.ts';
import { layOutPerfEvent } from './perf.ts';
import { perfClosed, perfOpened } from './perf-watch.ts';
import { check, checkFs, type SyscallNumbers, syscallNumbers } from './syscall.ts';
import { waitForFds } from './wait.ts';

/** Bytes at most of one read(2): it may always give less than was asked for. */
const MAX_READ = 1 << 20;
/** libbpf's number: a signal interrupts the verifier with EAGAIN. */
const LOAD_TRIES = 5;

/** The running kernel. */
export type LinuxKernel = Kernel;

/**
 * The running Linux kernel, through bpf(2), netlink and files, as this process. Loads the package koffi on the first call. fds of earlier calls
 * stay open when the kernel object is disposed of: they are the process's.
 *
 * Throws NotSupportedError where this is not Linux on x86-64, arm64, riscv64 or loong64, or koffi is missing. Whether bpf(2) is permitted is not
 * asked: see {@link probeLinux}.
 *
 * @example
 * using kernel = createLinuxKernel();
 * const map = kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 8, max_entries: 16 });
 */
export function createLinuxKernel(): LinuxKernel {
  const nr = syscallNumbers();
  return new RunningKernel(loadFfi(), nr);
}

class RunningKernel implements Kernel {
  readonly name = 'linux';
  readonly #ffi: Ffi;
  readonly #nr: SyscallNumbers;
  readonly #memory: Memory;
  readonly #element: ElementCall;
  readonly #netlink: NetlinkSocket;
  readonly #sizesOf = (fd: number) => mapSizes(fd, (attr) => this.#getInfo(attr));

  constructor(ffi: Ffi, nr: SyscallNumbers) {
    this.#ffi = ffi;
    this.#nr = nr;
    this.#memory = new Memory(ffi);
    this.#element = new ElementCall(this.#memory);
    this.#netlink = new NetlinkSocket(ffi, this.#memory);
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttr<C>): BpfResult<C> {
    if (cmd === 'BPF_OBJ_GET_INFO_BY_FD') {
      this.#getInfo(attr as BpfAttr<'BPF_OBJ_GET_INFO_BY_FD'>); // by cmd
      return undefined as BpfResult<C>; // returns: 'void'
    }
    if (isElementCmd(cmd) && this.#tryElement(cmd, attr)) return undefined as BpfResult<C>; // returns: 'void'
    const laid = layOut(this.#memory, cmd, attr, this.#sizesOf);
    const result = this.#call(cmd, laid, attr);
    const { returns } = BPF_COMMANDS[cmd];
    if (returns === 'fd') forgetFd(result);
    return (returns === 'void' ? undefined : result) as BpfResult<C>; // by the row of cmd
  }

  netlink(request: Uint8Array): Uint8Array {
    return this.#netlink.request(request);
  }

  perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, groupFd: Fd | -1, flags: number): Fd {
    if ([pid, cpu, groupFd, flags].some((n) => n >> 0 !== n)) {
      throw new SysError(errno.EINVAL, 'perf_event_open', {
        detail: 'pid, cpu, group and flags are whole numbers of 32 bits',
      });
    }
    const at = layOutPerfEvent(this.#memory, attr) + this.#memory.address;
    const how = flags | PERF_FLAG_FD_CLOEXEC;
    const fd = this.#ffi.libc.perfEventOpen(this.#nr.perfEventOpen, at, pid, cpu, groupFd, how);
    perfOpened(check(this.#ffi, fd, 'perf_event_open'));
    return opened(fd);
  }

  ioctl(fd: Fd, request: Ioctl, argument: number): void {
    if (!Object.hasOwn(IOCTLS, request) || argument >>> 0 !== argument) {
      throw new SysError(errno.EINVAL, 'ioctl', {
        detail: `${String(request).slice(0, 64)} with ${argument} is not one of those known`,
      });
    }
    check(this.#ffi, this.#ffi.libc.ioctl(checkFd(fd), IOCTLS[request], argument), request, `fd ${fd}`);
  }

  open(path: string, flags: number, mode = 0): Fd {
    const [address] = this.#cStrings('open', [path]);
    const fd = check(this.#ffi, this.#ffi.libc.open(address, flags | O_CLOEXEC, mode), 'open', path);
    return opened(fd);
  }

  read(fd: Fd, buffer: Uint8Array): number {
    const size = Math.min(buffer.length, MAX_READ);
    this.#memory.reset(align8(size));
    const at = this.#memory.take(size);
    const n = check(this.#ffi, this.#ffi.libc.read(checkFd(fd), this.#memory.address + at, size), 'read', `fd ${fd}`);
    buffer.set(this.#memory.bytes.subarray(at, at + n));
    return n;
  }

  close(fd: Fd): void {
    forgetFd(fd);
    perfClosed(fd);
    check(this.#ffi, this.#ffi.libc.close(checkFd(fd)), 'close', `fd ${fd}`);
  }

  mmap(fd: Fd, size: number, access: MappingAccess, offset = 0, address = 0): Mapping {
    return mapMemory(this.#ffi, checkFd(fd), size, access, offset, address);
  }

  stat(path: string): Stat {
    return toStat(checkFs('stat', path, () => statSync(path, { bigint: true })));
  }
  lstat(path: string): Stat {
    return toStat(checkFs('lstat', path, () => lstatSync(path, { bigint: true })));
  }
  fsType(path: string): number {
    return Number(checkFs('statfs', path, () => statfsSync(path, { bigint: true })).type);
  }
  readdir(path: string): string[] {
    return checkFs('readdir', path, () => readdirSync(path)).sort();
  }
  readlink(path: string): string {
    return checkFs('readlink', path, () => readlinkSync(path));
  }
  mkdir(path: string, mode: number): void {
    checkFs('mkdir', path, () => mkdirSync(path, { mode }));
  }
  rmdir(path: string): void {
    checkFs('rmdir', path, () => rmdirSync(path));
  }
  unlink(path: string): void {
    checkFs('unlink', path, () => unlinkSync(path));
  }
  chmod(path: string, mode: number): void {
    checkFs('chmod', path, () => chmodSync(path, mode));
  }
  chown(path: string, uid: number, gid: number): void {
    checkFs('chown', path, () => chownSync(path, uid, gid));
  }
  rename(from: string, to: string): void {
    checkFs('rename', `${from} to ${to}`, () => renameSync(from, to));
  }
  symlink(target: string, path: string): void {
    checkFs('symlink', path, () => symlinkSync(target, path));
  }

  mount(source: string, target: string, fstype: string, flags: number, data: string): void {
    const [from, to, type, options] = this.#cStrings('mount', [source, target, fstype, data]);
    check(this.#ffi, this.#ffi.libc.mount(from, to, type, flags, options), 'mount', `${fstype} ${target}`);
  }

  bindFds(path: string): Fd {
    return opened(bindFds(this.#ffi, this.#memory, path));
  }
  sendFds(path: string, data: Uint8Array, fds: readonly Fd[]): void {
    sendFds(this.#ffi, this.#memory, path, data, fds.map(checkFd));
  }
  receiveFds(fd: Fd): FdMessage {
    const { fds, ...message } = receiveFds(this.#ffi, this.#memory, checkFd(fd));
    return { ...message, fds: fds.map(opened) };
  }

  wait(fds: readonly Fd[], options: WaitOptions = {}): Promise<Fd[]> {
    return waitForFds(this.#ffi, this.#memory, fds, options);
  }

  [Symbol.dispose](): void {
    this.#netlink[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }

  /** False if the arguments are out of the ordinary. */
  #tryElement(cmd: Parameters<ElementCall['layOut']>[0], attr: Readonly<Record<string, unknown>>): boolean {
    const sizes = typeof attr.map_fd === 'number' ? this.#sizesOf(attr.map_fd) : undefined;
    if (sizes === undefined || !this.#element.layOut(cmd, attr, sizes)) return false;
    const result = this.#ffi.libc.bpf(this.#nr.bpf, BPF_COMMANDS[cmd].cmd, this.#memory.address, this.#element.size);
    const reason = result === -1 ? this.#ffi.errno() : 0;
    this.#element.copyBack();
    if (reason !== 0) throw new SysError(reason, cmd, { attr });
    return true;
  }

  /** The answer of bpf(2), with the attributes copied back whether it succeeds or not. */
  #call(cmd: BpfCmd, laid: LaidOut, attr: Readonly<Record<string, unknown>>): number {
    let result = -1;
    let reason = 0;
    for (let tries = 0; tries < LOAD_TRIES; tries++) {
      result = this.#ffi.libc.bpf(this.#nr.bpf, BPF_COMMANDS[cmd].cmd, this.#memory.address + laid.at, laid.size);
      reason = result === -1 ? this.#ffi.errno() : 0;
      if (reason === errno.EAGAIN && cmd === 'BPF_PROG_LOAD') continue;
      if (reason === errno.EPERM && raiseMemlock(this.#ffi)) continue;
      break;
    }
    laid.copyBack();
    if (result === -1) throw new SysError(reason, cmd, { attr });
    return result;
  }

  #getInfo(attr: BpfAttr<'BPF_OBJ_GET_INFO_BY_FD'>): void {
    const plan = planInfo(attr, (info) => this.#getInfo({ bpf_fd: attr.bpf_fd, info_len: info.length, info }));
    const inner = { bpf_fd: attr.bpf_fd, info_len: attr.info_len, info: plan.info };
    const laid = layOut(this.#memory, 'BPF_OBJ_GET_INFO_BY_FD', inner, this.#sizesOf, plan.arrays);
    try {
      this.#call('BPF_OBJ_GET_INFO_BY_FD', laid, attr);
    } finally {
      plan.clean(plan.info);
      attr.info?.set(plan.info);
      // As layOut does: a frozen attribute object keeps what it has.
      Reflect.set(attr, 'info_len', inner.info_len);
    }
  }

  /** Addresses of NUL-terminated copies, until the next call. */
  #cStrings<const T extends readonly string[]>(syscall: string, texts: T): { readonly [I in keyof T]: number } {
    const copies = texts.map((text) => cStringBytes(syscall, 'a path or option', text));
    this.#memory.reset(copies.reduce((sum, copy) => sum + align8(copy.length), 0));
    const addresses = copies.map((copy) => this.#memory.put(copy));
    // As many as there are texts; map() on a tuple loses its length.
    return addresses.map((at) => this.#memory.address + at) as { readonly [I in keyof T]: number };
  }
}

/** A number that begins to be an fd. */
function opened(fd: number): Fd {
  forgetFd(fd);
  return fd as Fd; // the brand's origin
}

function checkFd(fd: Fd): number {
  if (Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31) return fd;
  throw new SysError(errno.EBADF, 'fd', { detail: `${fd} is no file descriptor` });
}

function toStat(stats: BigIntStats): Stat {
  return {
    mode: Number(stats.mode),
    ino: stats.ino,
    dev: stats.dev,
    nlink: Number(stats.nlink),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
  };
}
