import { SysError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { checkSent, type Direction, type PacketLab, type TestRunLab } from '../../sys/lab.ts';
import type { ObservedKernel } from '../../sys/watch.ts';
import { progTypeNumber } from '../../uapi/bpf.ts';
import { errno } from '../../uapi/errno.ts';
import type { Fd } from '../../uapi/fd.ts';
import { type LabCgroups, labCgroups } from './cgroups/lab-cgroups.ts';
import type { Clock } from './clock.ts';
import type { User } from './fs/permission.ts';
import { AF_INET, AF_INET6 } from './inet/address.ts';
import type { Fault } from './interp/fault.ts';
import { interpreterOf } from './interp/interpreter.ts';
import type { Machine } from './machine.ts';
import { Capture } from './net/capture.ts';
import type { Injected } from './net/injected.ts';
import { addAddress, addNeighbour, addRoute, deviceNamed, type LabRoute, setUp } from './net/lab-network.ts';
import type { Network } from './net/network.ts';
import { Process } from './process.ts';
import { type BatchOptions, createPacketBatch, type PacketBatch } from './progs/packet-batch.ts';
import type { BpfProg } from './progs/prog.ts';
import { createXdpRunner, type XdpRunner } from './progs/xdp-runner.ts';
import { type LabSocket, type LabSocketInput, openLabSocket } from './sockets/lab-socket.ts';
import { testRuns } from './syscall/test-runs.ts';
import { type LabTrace, labTrace } from './trace/lab-trace.ts';

export type { Injected } from './net/injected.ts';
export type { LabRoute } from './net/lab-network.ts';

/** One network namespace. Devices are named, addresses are text: `10.0.0.1`, `fd00::1`; with a prefix `10.0.0.1/24`. */
export interface LabNamespace extends PacketLab {
  /** As bpf_get_netns_cookie says. */
  readonly cookie: number;
  /** As `send`, and says what the hook there made of the frame. Throws SysError: ENODEV, ENETDOWN, EINVAL, EMSGSIZE, ENOMEM. */
  inject(device: string, direction: Direction, frame: Uint8Array): Injected;
  /** Keeps what is seen on a device from now on. Throws SysError ENODEV. */
  capture(device: string): Capture;
  /** The devices, by growing ifindex. */
  devices(): readonly LabDevice[];
  /** A new process in it, which ends with the kernel if nobody disposes of it before. */
  openProcess(): Kernel;
  /** Sets a device up or down. This and what follows is also done by rtnetlink, and throws SysError with the same errnos. */
  setUp(device: string, up?: boolean): void;
  addAddress(device: string, address: string): void;
  addRoute(route: LabRoute): void;
  addNeighbour(device: string, address: string, hardware: Uint8Array): void;
  /** Whether it sends on packets that are for others, as net.ipv4.ip_forward and net.ipv6.conf.all.forwarding say. */
  forwarding: boolean;
}

/** What one can do to the embedded kernel that no system call does. As a namespace it is the one that the machine starts with. */
export interface EmbeddedLab extends LabNamespace, TestRunLab, ObservedKernel {
  /** A new network namespace: /run/netns/NAME. Throws SysError: EEXIST, EINVAL for a name that no file can have, ENOSPC. */
  createNamespace(name: string): LabNamespace;
  /** Takes the name away, and with it the namespace, unless something else holds it. Throws SysError ENOENT. */
  deleteNamespace(name: string): void;
  /** The one of this name. Throws SysError ENOENT. */
  namespace(name: string): LabNamespace;
  /** A socket of a process. `process` is one of this kernel's. */
  socket(process: Kernel, input: LabSocketInput): LabSocket;
  /** Makes a process another user's for files: modes and owners count. What else it may do stays. `process` is one of this kernel's. */
  setUser(process: Kernel, user: User): void;
  /** What programs have sent to a process with bpf_send_signal: the last 64, oldest first. It goes on as if nothing were. `process` is one of this kernel's. */
  signals(process: Kernel): readonly number[];
  /** For an XDP program of a process, by its fd. `process` is one of this kernel's. Throws SysError: EBADF, EINVAL for a program of another type, ENOMEM. */
  xdp(process: Kernel, program: Fd): XdpRunner;
  /**
   * Frames for a program of a process that BPF_PROG_TEST_RUN runs on packets (XDP, tc, socket filters, cgroups), which one or several CPUs then run it on. `frames`: 14 to 3520 bytes each. Throws SysError: as
   * `xdp`, and EINVAL for frames and CPUs that cannot be.
   *
   * @example
   * using batch = lab.batch(kernel, program.fd, frames, { cpus: 2 });
   * const { verdicts, durationNs } = batch.run();
   */
  batch(process: Kernel, program: Fd, frames: readonly Uint8Array[], options?: BatchOptions): PacketBatch;
  readonly cgroups: LabCgroups;
  readonly trace: LabTrace;
  /** The names that TCP_CONGESTION takes: `cubic`, `reno`, and those of `tcp_congestion_ops` that are registered. */
  readonly congestionControls: readonly string[];
  /** Programs that did not end as they should: the last 1000, oldest first. */
  readonly faults: readonly Fault[];
  /** A manual clock moves only by `clock.advance(ns)`. What the kernel does later (timers of maps, retransmissions, lookups of neighbours that fail) is done on the way, each at its time. */
  readonly clock: Pick<Clock, 'now' | 'advance'>;
  /** Instructions after which a run is given up. */
  budget: number;
}

export interface LabDevice {
  readonly ifindex: number;
  readonly name: string;
  readonly kind: 'loopback' | 'veth' | 'dummy';
  readonly up: boolean;
}

/** `openProcess`: as a process of the kernel that the lab is of. */
export function createLab(machine: Machine, openProcess: (network: Network) => Kernel): EmbeddedLab {
  const interpreter = interpreterOf(machine);
  const { namespaces, timers, clock } = machine;
  const named = (name: string): Network => {
    const network = namespaces.names.get(name);
    if (network === undefined) throw new SysError(errno.ENOENT, 'netns', { what: name });
    return network;
  };
  const program = (process: Kernel, fd: Fd, call: string): BpfProg => {
    if (!(process instanceof Process && process.machine === machine))
      throw new SysError(errno.ESRCH, call, { detail: 'the process is none of this kernel' });
    const prog = process.prog(fd);
    if (typeof prog === 'number') throw new SysError(-prog, call);
    return prog;
  };
  const xdpProgram = (process: Kernel, fd: Fd): BpfProg => {
    const prog = program(process, fd, 'xdp');
    if (prog.attr.type !== progTypeNumber.xdp)
      throw new SysError(errno.EINVAL, 'xdp', { detail: 'the program is of another type' });
    return prog;
  };
  const lab = {
    createNamespace(name: string) {
      const what = String(name).slice(0, 64);
      if (!/^[^/\0]{1,255}$/.test(name) || name === '.' || name === '..')
        throw new SysError(errno.EINVAL, 'netns', { what });
      if (namespaces.names.has(name)) throw new SysError(errno.EEXIST, 'netns', { what });
      const network = namespaces.create(name);
      if (network === undefined) throw new SysError(errno.ENOSPC, 'netns', { what });
      return labNamespace(network, openProcess);
    },
    deleteNamespace: (name: string) => namespaces.remove(named(name) && name),
    namespace: (name: string) => labNamespace(named(name), openProcess),
    socket(process: Kernel, input: LabSocketInput) {
      if (process instanceof Process && process.machine === machine) return openLabSocket(process, input);
      throw new SysError(errno.ESRCH, 'socket', { detail: 'the process is none of this kernel' });
    },
    setUser(process: Kernel, { uid, gid }: User) {
      if (!(process instanceof Process && process.machine === machine))
        throw new SysError(errno.ESRCH, 'setuid', { detail: 'the process is none of this kernel' });
      if (uid >>> 0 !== uid || gid >>> 0 !== gid) throw new SysError(errno.EINVAL, 'setuid');
      process.user = { uid, gid };
    },
    signals(process: Kernel) {
      if (process instanceof Process && process.machine === machine) return [...process.signals];
      throw new SysError(errno.ESRCH, 'sigpending', { detail: 'the process is none of this kernel' });
    },
    xdp: (process: Kernel, fd: Fd) => createXdpRunner(xdpProgram(process, fd)),
    batch: (process: Kernel, fd: Fd, frames: readonly Uint8Array[], options: BatchOptions = {}) =>
      createPacketBatch(program(process, fd, 'batch'), frames, options),
    testRuns: (process: Kernel, fd: Fd, frames: readonly Uint8Array[], repeat: number) =>
      process instanceof Process && process.machine === machine ? testRuns(process, fd, frames, repeat) : undefined,
    cgroups: labCgroups(machine),
    trace: labTrace(machine),
    get congestionControls() {
      return machine.congestion.names;
    },
    observe: (observer: Parameters<ObservedKernel['observe']>[0]) => machine.observers.on(observer),
    get faults() {
      return interpreter.faults;
    },
    clock: {
      now: () => clock.now(),
      advance: (ns: bigint) => timers.advance(ns),
    },
    get budget() {
      return interpreter.budget;
    },
    set budget(instructions) {
      interpreter.budget = instructions;
    },
  };
  // Accessors stay what they are.
  return Object.defineProperties(
    labNamespace(namespaces.first, openProcess),
    Object.getOwnPropertyDescriptors(lab),
  ) as EmbeddedLab;
}

function labNamespace(network: Network, openProcess: (network: Network) => Kernel): LabNamespace {
  const { traffic } = network.machine;
  return {
    cookie: network.cookie,
    send(device, direction, frame) {
      traffic.inject(network, device, direction, frame);
    },
    sendAll(device, direction, frames) {
      checkSent(frames);
      traffic.injectAll(network, device, direction, frames);
    },
    inject: (device, direction, frame) => traffic.inject(network, device, direction, frame),
    capture: (device) => new Capture(deviceNamed(network, device)),
    devices: () => network.devices.map(({ ifindex, name, kind, up }) => ({ ifindex, name, kind, up })),
    openProcess: () => openProcess(network),
    setUp: (device, up = true) => setUp(network, device, up),
    addAddress: (device, address) => addAddress(network, device, address),
    addRoute: (route) => addRoute(network, route),
    addNeighbour: (device, address, hardware) => addNeighbour(network, device, address, hardware),
    get forwarding() {
      return network.inet.forwarding[AF_INET];
    },
    set forwarding(on) {
      network.inet.forwarding[AF_INET] = on;
      network.inet.forwarding[AF_INET6] = on;
    },
  };
}
