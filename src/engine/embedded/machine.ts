import { parseBtf } from '../../btf/index.ts';
import { UsageError } from '../../errors.ts';
import { BtfObject, type BtfTypes } from './btf-object.ts';
import type { Cgroup } from './cgroups/cgroup.ts';
import { CGROUP_SOCKET_HOOKS } from './cgroups/socket-programs.ts';
import { Clock } from './clock.ts';
import { CgroupFileSystem } from './fs/cgroup-fs.ts';
import { createTmpfs } from './fs/memory-fs.ts';
import { type FileSystemTypes, fileSystemTypes, mountStandard } from './fs/mount.ts';
import { MountTable } from './fs/mounts.ts';
import { IdTable } from './ids.ts';
import { CallRegisters } from './jit/call-registers.ts';
import type { Link } from './links/link.ts';
import type { StoragePlace } from './maps/cgroup-storage.ts';
import type { BpfMap } from './maps/map.ts';
import { MapTimers } from './maps/map-timers.ts';
import type { RingBuffer } from './maps/ringbuf.ts';
import type { FieldKind } from './maps/value-fields.ts';
import { LinearMemory } from './memory.ts';
import { Namespaces } from './net/namespaces.ts';
import type { Network } from './net/network.ts';
import { Traffic } from './net/traffic.ts';
import { KernelObjects } from './objects/objects.ts';
import { Observers } from './observers.ts';
import { Process } from './process.ts';
import type { BpfProg } from './progs/prog.ts';
import { createRandom, RANDOM_SIZE } from './random.ts';
import { Scratch } from './scratch.ts';
import type { SocketHooks } from './sockets/socket-hooks.ts';
import { SocketViews } from './sockets/socket-views.ts';
import { CongestionControls } from './struct-ops/congestion-controls.ts';
import { Sysctls } from './sysctls.ts';
import { Timers } from './timers.ts';
import { Tracing } from './trace/tracing.ts';
import { TraceLog } from './trace-log.ts';
import { declaredFunctions } from './types/declared.ts';
import { embeddedKernelBtf } from './types/kernel-btf.ts';
import { KernelStruct } from './types/kernel-object.ts';
import { KernelVariables } from './types/kernel-variables.ts';
import { Wakeups } from './wakeups.ts';

export interface MachineOptions {
  /** Possible CPUs, 1 to 64; 2 if not said, so that a wrong stride with per-CPU maps shows. */
  readonly cpus?: number | undefined;
  /** For bpf_get_prandom_u32 and the hash of maps. The same seed gives the same machine. */
  readonly seed?: number | undefined;
  /** `manual`: time stands still until the lab moves it. */
  readonly clock?: 'monotonic' | 'manual' | undefined;
  /**
   * `off`: programs are loaded without being shown safe, if their instructions are ones. What they do wrong ends their run with a fault, which the trace log has.
   * Default: `on`.
   */
  readonly verifier?: 'on' | 'off' | undefined;
  /** `off`: programs are interpreted, not compiled to WebAssembly. Default: `on`. Without a verifier they are always interpreted. */
  readonly jit?: 'on' | 'off' | undefined;
  /** The types that the kernel says it has, in the place of its own: a `.BTF` section, as of another kernel's /sys/kernel/btf/vmlinux. Creating throws ObjectError if it is none. */
  readonly btf?: Uint8Array | undefined;
  /**
   * What the kernel has beside its own types, in C: `struct NAME { MEMBERS }`; functions by their prototypes, which programs can be on; tracepoints with types as
   * `typedef void (*btf_trace_NAME)(void *, ARGUMENTS)`; `ALLOW_ERROR_INJECTION(FUNCTION, ERRNO)` for those whose results programs may change. Not together with `btf`.
   * Creating throws UsageError for one that cannot be read.
   */
  readonly declarations?: readonly string[] | undefined;
}

const MAX_CPUS = 64;
const DEFAULT_SEED = 0x5ceb;
const ROOT_DEV = 1n;
const CGROUP_DEV = 2n;
const MAX_CHARGED = 512 * 1024 * 1024;

/** Everything of one embedded kernel that its processes share. */
export class Machine {
  readonly memory = new LinearMemory();
  /** For calls between compiled programs and helpers. */
  readonly callRegisters = new CallRegisters(this.memory);
  /** Possible CPUs: the stride of per-CPU maps. */
  readonly cpus: number;
  /** Whether programs have to be shown safe. */
  readonly verifies: boolean;
  /** Whether programs are compiled. */
  readonly compiles: boolean;
  /** The CPU that programs run on. */
  cpu = 0;
  /** Whether several CPUs have run programs: maps are spread for that, see `BpfMap.spread`. */
  spread = false;
  /** Whether other CPUs run programs meanwhile: threads that change maps by themselves. */
  sharing = false;
  /** The process whose system call is running. */
  task: Process | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  /** What programs see of sockets. */
  readonly socketViews: SocketViews;
  /** What the programs of cgroups have to say about sockets. */
  socketHooks: SocketHooks = CGROUP_SOCKET_HOOKS;
  /** Unsigned 32-bit, from a seeded generator: bpf_get_prandom_u32. */
  readonly random: () => number;
  /** Address of its state, or 0 where no memory was left for it. */
  readonly randomState: number;
  /** Called when a file that somebody waits for may have become readable. */
  readonly wake = new Wakeups();
  readonly observers = new Observers();
  readonly trace: TraceLog;
  /** Places where programs for tracing can be. */
  readonly tracing: Tracing;
  readonly maps = new IdTable<BpfMap>();
  readonly progs = new IdTable<BpfProg>();
  readonly btfs = new IdTable<BtfObject>();
  /** The kernel's own types: /sys/kernel/btf/vmlinux. They have the first id. */
  readonly vmlinux: BtfObject;
  readonly links = new IdTable<Link>();
  /** How many iterators there were: the session_id of the last. */
  iterators = 0;
  /** How many perf events there were: the id of the next. */
  perfEvents = 1;
  /** Records of ring buffers that programs are writing, by the address of their bytes. */
  readonly records = new Map<number, RingBuffer>();
  /** Where the program of a cgroup that runs is attached. */
  storagePlace: StoragePlace | undefined;
  readonly sysctls = new Sysctls();
  /** Of TCP, by name. */
  readonly congestion = new CongestionControls();
  readonly cgroups = new CgroupFileSystem(CGROUP_DEV);
  readonly fileSystems: FileSystemTypes;
  readonly mounts: MountTable;
  /** For system calls: keys and values on their way between a caller and a map. */
  readonly scratch: Scratch;
  /** Open fds of BPF_ENABLE_STATS: while there are any, run times and counts of programs are kept. */
  statsUsers = 0;
  readonly namespaces: Namespaces;
  readonly traffic: Traffic;
  #charged = 0;
  /** The timers in the values of maps. */
  readonly mapTimers = new MapTimers(this);
  /** What programs hold of the kernel's. */
  readonly objects = new KernelObjects(this);
  readonly variables = new KernelVariables(this);
  readonly #mapsByAddress = new Map<number, BpfMap>();
  readonly #processes = new Map<number, Process>();
  readonly #mapsWithFields = new Set<BpfMap>();
  readonly #kernelStructs = new Map<string, KernelStruct>();
  #lastPid = 0;
  #lastSocketCookie = 0;

  constructor(options: MachineOptions = {}) {
    const { cpus = 2, seed = DEFAULT_SEED, clock, verifier = 'on', jit = 'on', btf, declarations = [] } = options;
    this.verifies = verifier === 'on';
    this.compiles = this.verifies && jit === 'on';
    if (btf !== undefined && declarations.length > 0)
      throw new UsageError('declarations go with the types of the embedded kernel itself, not with another btf');
    const { functions, injected } = declaredFunctions(declarations);
    this.tracing = new Tracing(functions, injected);
    const read = (): BtfTypes => {
      const bytes = btf?.slice() ?? embeddedKernelBtf(declarations);
      return { bytes, btf: parseBtf(bytes) };
    };
    // What the user brings along is looked at now; the kernel's own takes as long as all else, and few programs ask for it.
    const brought = btf === undefined && declarations.length === 0 ? undefined : read();
    this.vmlinux = new BtfObject(this, () => brought ?? read(), 'vmlinux');
    this.cpus = Math.min(Math.max(Math.trunc(cpus) || 1, 1), MAX_CPUS);
    this.clock = new Clock(clock);
    this.socketViews = new SocketViews(this.memory);
    this.timers = new Timers(this.clock);
    this.randomState = this.memory.alloc(RANDOM_SIZE);
    const { buffer } = this.memory.memory;
    this.random = createRandom(
      seed,
      this.randomState === 0 ? undefined : new Int32Array(buffer, this.randomState, RANDOM_SIZE / 4),
    );
    this.trace = new TraceLog(this);
    this.scratch = new Scratch(this.memory);
    this.fileSystems = fileSystemTypes(this);
    this.mounts = new MountTable(createTmpfs(ROOT_DEV));
    this.traffic = new Traffic(this);
    this.namespaces = new Namespaces(this);
    using init = this.openProcess();
    mountStandard(init);
  }

  /** Of {@link Machine.task}; 0 where no process is running. */
  get pid(): number {
    return this.task?.pid ?? 0;
  }
  /** The cgroup of {@link Machine.task}; the first one where no process is running. */
  get cgroup(): Cgroup {
    return this.task?.cgroup ?? this.cgroups.root.cgroup;
  }

  /** The network namespace of {@link Machine.task}; the first one where no process is running. */
  get netns(): Network {
    return this.task?.network ?? this.namespaces.first;
  }

  /** A new process: its own fds, the same maps, programs and files. */
  openProcess(network: Network = this.namespaces.first): Process {
    const process = new Process(this, ++this.#lastPid, network);
    this.#processes.set(process.pid, process);
    process.onEnd(() => this.#processes.delete(process.pid));
    return process;
  }

  /** The one with the smallest id above `pid`. */
  processAfter(pid: number): Process | undefined {
    // They are kept in the order of their ids.
    for (const [id, process] of this.#processes) if (id > pid) return process;
    return undefined;
  }

  process(pid: number): Process | undefined {
    return this.#processes.get(pid);
  }

  /** For the packet of a test run, which on Linux a socket of its own has sent. */
  nextSocketCookie(): number {
    return ++this.#lastSocketCookie;
  }

  /**
   * Counts bytes that an object holds outside of the linear memory; false if all together would be more than 512 MiB, which callers answer with
   * ENOMEM. {@link Machine.uncharge} takes them back.
   */
  charge(bytes: number): boolean {
    if (this.#charged + bytes > MAX_CHARGED) return false;
    this.#charged += bytes;
    return true;
  }
  uncharge(bytes: number): void {
    this.#charged -= bytes;
  }
  get charged(): number {
    return this.#charged;
  }

  /** The map's id. `map.address` has to be known already. */
  adoptMap(map: BpfMap): number {
    this.#mapsByAddress.set(map.address, map);
    if (map.copier.fields.length > 0) this.#mapsWithFields.add(map);
    return this.maps.add(map);
  }

  dropMap(map: BpfMap): void {
    this.#mapsByAddress.delete(map.address);
    this.#mapsWithFields.delete(map);
    this.maps.remove(map.id);
  }

  /** Where the members of a struct of the kernel are, by its own types. */
  kernelStruct(name: string): KernelStruct {
    let struct = this.#kernelStructs.get(name);
    if (struct === undefined) {
      struct = new KernelStruct(this.vmlinux.btf, name);
      this.#kernelStructs.set(name, struct);
    }
    return struct;
  }

  /** Whether maps may hold timers and work queues, whose callbacks run between system calls. */
  get hasMapTimers(): boolean {
    for (const { copier } of this.#mapsWithFields) if (copier.has('timer') || copier.has('wq')) return true;
    return false;
  }

  /** The map with this kind of field at this address, and the value that it is in. */
  fieldAt(address: number, kind: FieldKind): { readonly map: BpfMap; readonly value: number } | undefined {
    for (const map of this.#mapsWithFields) {
      const value = map.valueAround(address);
      if (value !== 0 && map.copier.at(address - value)?.kind === kind) return { map, value };
    }
    return undefined;
  }

  /** The map whose header is at this address, for helpers that a program hands a map. */
  mapAt(address: number): BpfMap | undefined {
    return this.#mapsByAddress.get(address);
  }
}
