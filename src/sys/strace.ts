import { SysError } from '../errors.ts';
import { decodeAck } from '../net/ack.ts';
import { splitMessages } from '../net/message.ts';
import type { BpfAttr, BpfCmd, BpfResult } from '../uapi/attr.ts';
import { errnoCode, strerror } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import type { Ioctl, PerfEventAttr } from '../uapi/perf.ts';
import {
  type FdMessage,
  type Kernel,
  type Mapping,
  type MappingAccess,
  MS_BIND,
  MS_PRIVATE,
  MS_REC,
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NONBLOCK,
  O_RDWR,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  type Stat,
  type WaitOptions,
} from './kernel.ts';
import {
  attrText,
  bytesText,
  flagsText,
  hex,
  listText,
  messagesText,
  numbersBefore,
  perfEventText,
  quote,
} from './strace-text.ts';

/**
 * The same kernel, which writes one line for each call after it has ended, in the manner of strace(1):
 *
 *     bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_HASH, key_size=4, value_size=8, max_entries=16}) = 3
 *     bpf(BPF_OBJ_GET, {pathname="/sys/fs/bpf/x"}) = -1 ENOENT (No such file or directory)
 *
 * Fields that are zero are left out. Buffers are printed in hex with their length, as the call has left them. Numbers that the kernel has
 * overwritten are printed as `before => after`.
 */
export function strace(kernel: Kernel, write: (line: string) => void): Kernel {
  return new Traced(kernel, write);
}

class Traced implements Kernel {
  readonly name: string;
  readonly #kernel: Kernel;
  readonly #write: (line: string) => void;

  constructor(kernel: Kernel, write: (line: string) => void) {
    this.name = kernel.name;
    this.#kernel = kernel;
    this.#write = write;
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttr<C>): BpfResult<C> {
    const before = numbersBefore(cmd, attr);
    return this.#trace(
      () => this.#kernel.bpf(cmd, attr),
      () => `bpf(${cmd}, ${attrText(cmd, attr, before)})`,
      (fd) => String(fd ?? 0),
    );
  }
  netlink(request: Uint8Array): Uint8Array {
    return this.#trace(
      () => this.#kernel.netlink(request),
      () => `netlink(${messagesText(request)})`,
      answerText,
    );
  }
  perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, groupFd: Fd | -1, flags: number): Fd {
    return this.#trace(
      () => this.#kernel.perfEventOpen(attr, pid, cpu, groupFd, flags),
      () => `perf_event_open(${perfEventText(attr)}, ${pid}, ${cpu}, ${groupFd}, ${hex(flags)})`,
      String,
    );
  }
  ioctl(fd: Fd, request: Ioctl, argument: number): void {
    this.#plain(
      () => this.#kernel.ioctl(fd, request, argument),
      () => `ioctl(${fd}, ${request}, ${argument})`,
    );
  }
  open(path: string, flags: number, mode?: number): Fd {
    const how = openFlags(flags) + (mode === undefined ? '' : `, ${octal(mode)}`);
    return this.#trace(
      () => this.#kernel.open(path, flags, mode),
      () => `open(${quote(path)}, ${how})`,
      String,
    );
  }
  read(fd: Fd, buffer: Uint8Array): number {
    return this.#trace(
      () => this.#kernel.read(fd, buffer),
      (n = 0) => `read(${fd}, ${bytesText(buffer.subarray(0, n))}, ${buffer.length})`,
      String,
    );
  }
  close(fd: Fd): void {
    this.#plain(
      () => this.#kernel.close(fd),
      () => `close(${fd})`,
    );
  }
  mmap(fd: Fd, size: number, access: MappingAccess, offset = 0, address?: number): Mapping {
    return this.#trace(
      () => this.#kernel.mmap(fd, size, access, offset, address),
      () =>
        `mmap(${fd}, ${size}, ${access === 'read' ? 'PROT_READ' : 'PROT_READ|PROT_WRITE'}, ${offset}${address === undefined ? '' : `, 0x${address.toString(16)}`})`,
      (mapping) => `${mapping?.bytes.length ?? 0} bytes`,
    );
  }
  stat(path: string): Stat {
    return this.#trace(
      () => this.#kernel.stat(path),
      (stat) => `stat(${quote(path)}${statText(stat)})`,
      () => '0',
    );
  }
  lstat(path: string): Stat {
    return this.#trace(
      () => this.#kernel.lstat(path),
      (stat) => `lstat(${quote(path)}${statText(stat)})`,
      () => '0',
    );
  }
  fsType(path: string): number {
    return this.#trace(
      () => this.#kernel.fsType(path),
      (type) => `statfs(${quote(path)}${type === undefined ? '' : `, {f_type=${hex(type)}}`})`,
      () => '0',
    );
  }
  readdir(path: string): string[] {
    return this.#trace(
      () => this.#kernel.readdir(path),
      () => `readdir(${quote(path)})`,
      (names) => listText(names.map(quote)),
    );
  }
  readlink(path: string): string {
    return this.#trace(
      () => this.#kernel.readlink(path),
      () => `readlink(${quote(path)})`,
      quote,
    );
  }
  mkdir(path: string, mode: number): void {
    this.#plain(
      () => this.#kernel.mkdir(path, mode),
      () => `mkdir(${quote(path)}, ${octal(mode)})`,
    );
  }
  rmdir(path: string): void {
    this.#plain(
      () => this.#kernel.rmdir(path),
      () => `rmdir(${quote(path)})`,
    );
  }
  unlink(path: string): void {
    this.#plain(
      () => this.#kernel.unlink(path),
      () => `unlink(${quote(path)})`,
    );
  }
  chmod(path: string, mode: number): void {
    this.#plain(
      () => this.#kernel.chmod(path, mode),
      () => `chmod(${quote(path)}, ${octal(mode)})`,
    );
  }
  chown(path: string, uid: number, gid: number): void {
    this.#plain(
      () => this.#kernel.chown(path, uid, gid),
      () => `chown(${quote(path)}, ${uid}, ${gid})`,
    );
  }
  rename(from: string, to: string): void {
    this.#plain(
      () => this.#kernel.rename(from, to),
      () => `rename(${quote(from)}, ${quote(to)})`,
    );
  }
  symlink(target: string, path: string): void {
    this.#plain(
      () => this.#kernel.symlink(target, path),
      () => `symlink(${quote(target)}, ${quote(path)})`,
    );
  }
  mount(source: string, target: string, fstype: string, flags: number, data: string): void {
    const how = flags === 0 ? '0' : flagsText(flags, { MS_BIND, MS_REC, MS_PRIVATE });
    this.#plain(
      () => this.#kernel.mount(source, target, fstype, flags, data),
      () => `mount(${quote(source)}, ${quote(target)}, ${quote(fstype)}, ${how}, ${quote(data)})`,
    );
  }
  bindFds(path: string): Fd {
    return this.#trace(
      () => this.#kernel.bindFds(path),
      () => `bind({sun_path=${quote(path)}})`,
      String,
    );
  }
  sendFds(path: string, data: Uint8Array, fds: readonly Fd[]): void {
    this.#plain(
      () => this.#kernel.sendFds(path, data, fds),
      () => `sendmsg({sun_path=${quote(path)}}, ${bytesText(data)}, SCM_RIGHTS ${listText(fds.map(String))})`,
    );
  }
  receiveFds(fd: Fd): FdMessage {
    return this.#trace(
      () => this.#kernel.receiveFds(fd),
      (message) => `recvmsg(${fd}${message === undefined ? '' : `, ${fdMessageText(message)}`})`,
      ({ data }) => String(data.length),
    );
  }

  async wait(fds: readonly Fd[], options: WaitOptions = {}): Promise<Fd[]> {
    const call = `poll(${listText(fds.map(String))}, ${options.timeoutMs ?? -1})`;
    try {
      const ready = await this.#kernel.wait(fds, options);
      this.#write(`${call} = ${ready.length} ${listText(ready.map(String))}`);
      return ready;
    } catch (error) {
      this.#write(`${call} = ${errorText(error)}`);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#kernel[Symbol.dispose]();
  }

  /** `call` is given the result, or nothing after a failure. */
  #trace<T>(run: () => T, call: (result?: T) => string, answer: (result: T) => string): T {
    let result: T;
    try {
      result = run();
    } catch (error) {
      this.#write(`${call()} = ${errorText(error)}`);
      throw error;
    }
    this.#write(`${call(result)} = ${answer(result)}`);
    return result;
  }

  #plain(run: () => void, call: () => string): void {
    this.#trace(run, call, () => '0');
  }
}

function errorText(error: unknown): string {
  if (!(error instanceof SysError)) return `? ${error instanceof Error ? `${error.name}: ${error.message}` : error}`;
  return failureText(error.errno, error.detail);
}

function failureText(errno: number, detail: string | undefined): string {
  return `-1 ${errnoCode(errno)} (${detail === undefined ? strerror(errno) : `${strerror(errno)}: ${detail}`})`;
}

/** How a netlink request went: the error, or the messages of the answer without the acknowledgement. */
function answerText(answer: Uint8Array): string {
  try {
    const messages = splitMessages(answer);
    const acks = messages.map(decodeAck);
    const failed = acks.find((ack) => ack !== undefined && ack.errno !== 0);
    if (failed !== undefined) return failureText(failed.errno, failed.text);
    return `${acks.filter((ack) => ack === undefined).length} messages (${answer.length} bytes)`;
  } catch {
    return bytesText(answer);
  }
}

function openFlags(flags: number): string {
  const access = flags & O_ACCMODE;
  const word = access === O_RDWR ? 'O_RDWR' : access === O_WRONLY ? 'O_WRONLY' : 'O_RDONLY';
  const rest = flags & ~O_ACCMODE;
  return rest === 0 ? word : `${word}|${flagsText(rest, { O_CREAT, O_NONBLOCK, O_DIRECTORY, O_CLOEXEC })}`;
}

function fdMessageText({ data, fds, truncated, sender }: FdMessage): string {
  const from =
    sender === undefined ? '' : `, SCM_CREDENTIALS {pid=${sender.pid}, uid=${sender.uid}, gid=${sender.gid}}`;
  return `${bytesText(data)}, SCM_RIGHTS ${listText(fds.map(String))}${from}${truncated ? ', MSG_CTRUNC' : ''}`;
}

function statText(stat: Stat | undefined): string {
  if (stat === undefined) return '';
  const types = new Map([
    [S_IFDIR, 'S_IFDIR'],
    [S_IFREG, 'S_IFREG'],
    [S_IFSOCK, 'S_IFSOCK'],
    [S_IFLNK, 'S_IFLNK'],
  ]);
  const type = types.get(stat.mode & S_IFMT) ?? octal(stat.mode & S_IFMT);
  return `, {st_mode=${type}|${octal(stat.mode & ~S_IFMT)}, st_ino=${stat.ino}, st_nlink=${stat.nlink}}`;
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}
