import type { Btf } from '../../btf/index.ts';
import { roundUp } from '../../bytes/round.ts';
import { SysError } from '../../errors.ts';
import type { FdMessage, Kernel, Mapping, MappingAccess, Stat, WaitOptions } from '../../sys/kernel.ts';
import { BPF_COMMANDS, type BpfAttr, type BpfCmd, type BpfResult } from '../../uapi/attr.ts';
import { errno } from '../../uapi/errno.ts';
import type { Fd } from '../../uapi/fd.ts';
import {
  IOCTLS,
  type Ioctl,
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_TYPE_SOFTWARE,
  type PerfEventAttr,
} from '../../uapi/perf.ts';
import { AddressSpace } from './address-space.ts';
import type { BtfObject } from './btf-object.ts';
import type { Cgroup } from './cgroups/cgroup.ts';
import { bindFds, receiveFds, sendFds } from './fd-socket.ts';
import { FileTable, type OpenFile } from './files.ts';
import { CgroupDirectory } from './fs/cgroup-fs.ts';
import { mount } from './fs/mount.ts';
import { open, read } from './fs/open.ts';
import * as paths from './fs/operations.ts';
import { ROOT, type User } from './fs/permission.ts';
import type { Link } from './links/link.ts';
import type { Machine } from './machine.ts';
import { mapMemory } from './mapping.ts';
import type { BpfMap, Descriptors } from './maps/map.ts';
import { endStorages } from './maps/owners.ts';
import type { Network } from './net/network.ts';
import { openPerfEvent, type PerfEvent } from './perf-event.ts';
import type { BpfProg } from './progs/prog.ts';
import type { Socket } from './sockets/socket.ts';
import { callBpf } from './syscall/bpf.ts';
import { openProbeEvent } from './trace/probe-event.ts';
import { waitForFds } from './wait.ts';

const MAX_SIGNALS = 64;
const ON_OUTPUT = 'no program runs on the output of programs in the embedded kernel';

/**
 * One process of the machine: its fds, and the system calls as it makes them. It is the superuser, unless it is made another {@link Process.user}. Disposing of it closes its fds.
 *
 * The border: within the kernel a call answers `-errno`, and here it becomes a SysError.
 */
export class Process implements Kernel, Descriptors {
  readonly name = 'embedded';
  readonly machine: Machine;
  readonly pid: number;
  /** The network namespace that it is in. */
  readonly network: Network;
  readonly files = new FileTable();
  readonly addresses = new AddressSpace();
  /** Who it is for files; what it may do beside that is not less for another user. */
  user: User = ROOT;
  /** The last signals that programs have sent to it, which do nothing else. */
  readonly signals: number[] = [];
  readonly #onEnd = new Set<() => void>();
  #cgroup: Cgroup;
  #task = 0;
  #detail: string | undefined;
  #ended = false;

  constructor(machine: Machine, pid: number, network: Network) {
    this.machine = machine;
    this.network = network.get();
    this.pid = pid;
    this.#cgroup = machine.cgroups.root.cgroup;
    this.#cgroup.processes.add(this);
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttr<C>): BpfResult<C> {
    if (!Object.hasOwn(BPF_COMMANDS, cmd))
      throw new SysError(errno.EINVAL, 'bpf', { detail: `there is no command ${String(cmd).slice(0, 64)}` });
    const result = this.#call(cmd, undefined, () => callBpf(this, cmd, attr), attr);
    return (BPF_COMMANDS[cmd].returns === 'void' ? undefined : result) as BpfResult<C>; // by the row of cmd
  }

  netlink(request: Uint8Array): Uint8Array {
    if (!(request instanceof Uint8Array))
      throw new SysError(errno.EFAULT, 'netlink', { detail: 'the request is no Uint8Array' });
    return this.#call('netlink', undefined, () => this.network.request(this, request));
  }

  perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, _groupFd: Fd | -1, _flags: number): Fd {
    const isOutput = attr.type === PERF_TYPE_SOFTWARE && attr.config === PERF_COUNT_SW_BPF_OUTPUT;
    const open = () => (isOutput ? openPerfEvent(this, attr, cpu) : openProbeEvent(this, attr, pid, cpu));
    return this.#call('perf_event_open', undefined, open) as Fd; // the brand's origin
  }
  ioctl(fd: Fd, request: Ioctl, argument: number): void {
    if (!Object.hasOwn(IOCTLS, request) || argument >>> 0 !== argument) throw new SysError(errno.EINVAL, 'ioctl');
    this.#call(request, `fd ${fd}`, () => this.#ioctl(fd, request, argument));
  }

  open(path: string, flags: number, _mode?: number): Fd {
    return this.#path('open', path, () => open(this, path, flags)) as Fd; // the brand's origin
  }
  read(fd: Fd, buffer: Uint8Array): number {
    if (!(buffer instanceof Uint8Array))
      throw new SysError(errno.EFAULT, 'read', { detail: 'the buffer is no Uint8Array' });
    return this.#call('read', `fd ${fd}`, () => read(this, fd, buffer));
  }
  close(fd: Fd): void {
    this.#call('close', `fd ${fd}`, () => this.files.close(fd));
  }

  mmap(fd: Fd, size: number, access: MappingAccess, offset = 0, address?: number): Mapping {
    return this.#call('mmap', `fd ${fd}`, () => mapMemory(this, fd, size, access, offset, address));
  }

  stat(path: string): Stat {
    return this.#path('stat', path, () => paths.stat(this, path, true));
  }
  lstat(path: string): Stat {
    return this.#path('lstat', path, () => paths.stat(this, path, false));
  }
  fsType(path: string): number {
    return this.#path('statfs', path, () => paths.fsType(this, path));
  }
  readdir(path: string): string[] {
    return this.#path('readdir', path, () => paths.readdir(this, path));
  }
  readlink(path: string): string {
    return this.#path('readlink', path, () => paths.readlink(this, path));
  }
  mkdir(path: string, mode: number): void {
    this.#path('mkdir', path, () => paths.mkdir(this, path, mode));
  }
  rmdir(path: string): void {
    this.#path('rmdir', path, () => paths.rmdir(this, path));
  }
  unlink(path: string): void {
    this.#path('unlink', path, () => paths.unlink(this, path));
  }
  chmod(path: string, mode: number): void {
    this.#path('chmod', path, () => paths.chmod(this, path, mode));
  }
  chown(path: string, uid: number, gid: number): void {
    this.#path('chown', path, () => paths.chown(this, path, uid, gid));
  }
  rename(from: string, to: string): void {
    checkText('rename', from, to);
    this.#call('rename', `${from} to ${to}`, () => paths.rename(this, from, to));
  }
  symlink(target: string, path: string): void {
    checkText('symlink', target);
    this.#path('symlink', path, () => paths.symlink(this, target, path));
  }
  mount(source: string, target: string, fstype: string, flags: number, data: string): void {
    checkText('mount', source, target, fstype, data);
    this.#call('mount', `${fstype} ${target}`, () => mount(this, source, target, fstype, flags, data));
  }

  bindFds(path: string): Fd {
    return this.#path('bind', path, () => bindFds(this, path)) as Fd; // the brand's origin
  }
  sendFds(path: string, data: Uint8Array, fds: readonly Fd[]): void {
    if (!(data instanceof Uint8Array))
      throw new SysError(errno.EFAULT, 'sendmsg', { detail: 'the data are no Uint8Array' });
    this.#path('sendmsg', path, () => sendFds(this, path, data, fds));
  }
  receiveFds(fd: Fd): FdMessage {
    return this.#call('recvmsg', `fd ${fd}`, () => receiveFds(this, fd));
  }

  wait(fds: readonly Fd[], options: WaitOptions = {}): Promise<Fd[]> {
    return waitForFds(this, fds, options);
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cgroup.processes.delete(this);
    for (const end of [...this.#onEnd]) end();
    this.files.closeAll();
    endStorages(this);
    this.machine.objects.end(this.#task);
    this.network.put();
  }

  /** Address of the process as a struct task_struct of the kernel's types; 0 if there is no memory for it. */
  get task(): number {
    if (this.#task !== 0) return this.#task;
    const { memory, clock, objects } = this.machine;
    const struct = this.machine.kernelStruct('task_struct');
    const cgroups = this.machine.kernelStruct('css_set');
    // What says in which cgroup it is lies behind it.
    const behind = roundUp(Math.max(struct.size, 8), 8);
    const task = objects.show('task', behind + cgroups.size, this);
    const { pid } = this;
    const start = clock.now();
    if (task !== 0)
      struct.write(memory, task, {
        ...{ pid, tgid: pid, start_time: start, start_boottime: start },
        ...{ real_parent: task, parent: task, group_leader: task, cgroups: cgroups.size === 0 ? 0 : task + behind },
      });
    this.#task = task;
    this.#showCgroup();
    return task;
  }

  #showCgroup(): void {
    const { machine } = this;
    const cgroups = machine.kernelStruct('css_set');
    const at = this.#task + roundUp(Math.max(machine.kernelStruct('task_struct').size, 8), 8);
    if (this.#task !== 0) cgroups.write(machine.memory, at, { dfl_cgrp: this.#cgroup.show(machine) });
  }

  get cgroup(): Cgroup {
    return this.#cgroup;
  }
  /** Writing its id to the cgroup's cgroup.procs: 0 or -errno. */
  moveTo(cgroup: Cgroup): number {
    if (cgroup.gone) return -errno.ENODEV;
    this.#cgroup.processes.delete(this);
    cgroup.processes.add(this);
    this.#cgroup = cgroup;
    this.#showCgroup();
    return 0;
  }

  /** Of a program, with a signal that there is. */
  signal(number: number): void {
    this.signals.push(number);
    if (this.signals.length > MAX_SIGNALS) this.signals.shift();
  }

  /** Calls `end` when the process is disposed of, until the returned function is called. */
  onEnd(end: () => void): () => void {
    this.#onEnd.add(end);
    return () => this.#onEnd.delete(end);
  }

  /** -errno, with a sentence for those whom the number alone does not help. */
  fail(code: number, detail: string): number {
    this.#detail = detail;
    return -code;
  }

  /** The map of an fd, whatever the fd may do with it. -EBADF if there is no such fd, -EINVAL if it is something else. */
  map(fd: number): BpfMap | number {
    const file = this.files.get(fd);
    if (file?.kind === 'map') return file.map;
    return file === undefined ? -errno.EBADF : -errno.EINVAL;
  }
  prog(fd: number): BpfProg | number {
    const file = this.files.get(fd);
    if (file?.kind === 'prog') return file.prog;
    return file === undefined ? -errno.EBADF : -errno.EINVAL;
  }
  get kernelBtf(): Btf {
    return this.machine.vmlinux.btf;
  }
  /** The address of a function or variable of the kernel; `undefined` if it has none. */
  symbolAddress(name: string): bigint | undefined {
    const { tracing, variables } = this.machine;
    return tracing.functions.get(name)?.address ?? (BigInt(variables.address(name)) || undefined);
  }
  btf(fd: number): BtfObject | number {
    const file = this.files.get(fd);
    if (file?.kind === 'btf') return file.btf;
    return file === undefined ? -errno.EBADF : -errno.EINVAL;
  }
  link(fd: number): Link | number {
    const file = this.files.get(fd);
    if (file?.kind === 'link') return file.link;
    return file === undefined ? -errno.EBADF : -errno.EINVAL;
  }

  file(fd: number): OpenFile | undefined {
    return this.files.get(fd);
  }

  perfEvent(fd: number): PerfEvent | number {
    const file = this.files.get(fd);
    return file?.kind === 'perf_event' ? file.event : -errno.EBADF;
  }

  /** The cgroup of a directory's fd. -EBADF if it is none, -ENOENT if it was removed. */
  cgroupOf(fd: number): Cgroup | number {
    const file = this.files.get(fd);
    const directory = file?.kind === 'directory' ? file.place.inode : undefined;
    if (!(directory instanceof CgroupDirectory)) return -errno.EBADF;
    return directory.cgroup.gone ? -errno.ENOENT : directory.cgroup;
  }

  socket(fd: number): Socket | number {
    const file = this.files.get(fd);
    if (file?.kind === 'inet_socket') return file.socket;
    return file === undefined ? -errno.EBADF : -errno.ENOTSOCK;
  }

  /** A new fd for a program, which takes over the caller's reference. -EMFILE if there are too many. */
  install(prog: BpfProg): number {
    return this.files.add({ kind: 'prog', prog });
  }
  /** A new fd for a link, which takes over the caller's reference. */
  installLink(link: Link): number {
    return this.files.add({ kind: 'link', link });
  }
  /** A new fd for a map. It has references of its own. */
  installMap(map: BpfMap, access: { readonly canRead: boolean; readonly canWrite: boolean }): number {
    const file: OpenFile = { kind: 'map', map: map.getUser(), ...access, fds: 1 };
    return this.files.add(file);
  }

  #ioctl(fd: Fd, request: Ioctl, argument: number): number {
    const file = this.files.get(fd);
    if (file?.kind !== 'perf_event' && file?.kind !== 'probe_event')
      return file === undefined ? -errno.EBADF : -errno.ENOTTY;
    switch (request) {
      case 'PERF_EVENT_IOC_ENABLE':
      case 'PERF_EVENT_IOC_DISABLE':
        file.event.enabled = request === 'PERF_EVENT_IOC_ENABLE';
        return 0;
      case 'PERF_EVENT_IOC_RESET':
        return 0;
      case 'PERF_EVENT_IOC_SET_BPF': {
        const prog = this.prog(argument);
        if (typeof prog === 'number') return prog;
        return file.kind === 'probe_event' ? file.event.attach(prog, 0n) : this.fail(errno.ENOTSUPP, ON_OUTPUT);
      }
      default:
        return -errno.EINVAL;
    }
  }

  #path<T>(syscall: string, path: string, call: () => T | number): T {
    checkText(syscall, path);
    return this.#call(syscall, path, call);
  }

  /** For calls that are not of the seam: the lab's. Numbers below 0 are errnos, thrown as SysError. */
  call<T>(syscall: string, what: string | undefined, call: () => T | number): T {
    return this.#call(syscall, what, call);
  }

  /** Runs a call as this process. Numbers below 0 are errnos. */
  #call<T>(
    syscall: string,
    what: string | undefined,
    call: () => T | number,
    attr?: Readonly<Record<string, unknown>>,
  ): T {
    if (this.#ended) throw new SysError(errno.EBADF, syscall, { detail: 'this kernel was disposed of' });
    const { machine } = this;
    const outer = machine.task;
    machine.task = this;
    machine.timers.runDue();
    this.#detail = undefined;
    let result: T | number;
    try {
      result = call();
    } finally {
      machine.task = outer;
      machine.scratch.reset();
    }
    if (typeof result === 'number' && result < 0) {
      const detail = this.#detail;
      throw new SysError(-result, syscall, {
        ...(what === undefined ? {} : { what }),
        ...(detail === undefined ? {} : { detail }),
        ...(attr === undefined ? {} : { attr }),
      });
    }
    return result as T; // a number that is no errno is a T: every call says numbers or something else, not both
  }
}

function checkText(syscall: string, ...texts: readonly unknown[]): void {
  for (const text of texts) {
    if (typeof text !== 'string')
      throw new SysError(errno.EFAULT, syscall, { detail: 'a path or option is no string' });
    if (text.includes('\0')) throw new SysError(errno.EINVAL, syscall, { detail: 'a path or option has a NUL in it' });
  }
}
