import { progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import {
  PERF_ATTR_DISABLED,
  PERF_TYPE_HARDWARE,
  PERF_TYPE_SOFTWARE,
  PERF_TYPE_TRACEPOINT,
  type PerfEventAttr,
} from '../../../uapi/perf.ts';
import type { Machine } from '../machine.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import { RefCounted } from '../refs.ts';
import type { Attached, TracePoint } from './trace-point.ts';

/** The number of the PMU for kprobes, in /sys/bus/event_source/devices/kprobe/type. */
export const KPROBE_PMU = 8;
const RETURN_PROBE = 1n;
const LAST_SOFTWARE_EVENT = 11n;
const LAST_HARDWARE_EVENT = 9n;

/** Where an event happens, and which programs can be there. */
interface Place {
  readonly point: TracePoint;
  readonly progType: number;
  /** For BPF_OBJ_GET_INFO_BY_FD and fdinfo. */
  readonly kind: 'tracepoint' | 'kprobe' | 'kretprobe' | 'event';
  readonly name: string;
  readonly address: bigint;
  readonly type: number;
  readonly config: bigint;
  /** One program is there once, whichever event it is attached by. */
  readonly once: boolean;
}

/** perf_event_open(2) of a tracepoint, a kprobe or something that is sampled: the new fd, or -errno. */
export function openProbeEvent(process: Process, attr: PerfEventAttr, pid: number, cpu: number): number {
  const { machine } = process;
  const place = placeOf(machine, attr);
  if (typeof place === 'number') return place;
  if (pid < -1 || cpu < -1 || (pid === -1 && cpu === -1)) return -errno.EINVAL;
  if (cpu >= machine.cpus) return -errno.EINVAL;
  if (pid > 0 && machine.process(pid) === undefined) return -errno.ESRCH;
  const event = new ProbeEvent(machine, place, attr, pid === 0 ? process.pid : pid, cpu);
  return process.files.add({ kind: 'probe_event', event });
}

function placeOf({ tracing }: Machine, attr: PerfEventAttr): Place | number {
  const { type = 0, config = 0n } = attr;
  const from = { type, config, address: 0n };
  switch (type) {
    case PERF_TYPE_TRACEPOINT: {
      const tracepoint = tracing.tracepointById(config);
      if (tracepoint === undefined) return -errno.EINVAL;
      const { programs: point, name } = tracepoint;
      return { ...from, kind: 'tracepoint', point, progType: progTypeNumber.tracepoint, name, once: true };
    }
    case KPROBE_PMU: {
      const func = tracing.functions.get(attr.kprobe_func ?? '');
      if (func === undefined) return -errno.ENOENT;
      const returns = (config & RETURN_PROBE) !== 0n;
      const kind = returns ? 'kretprobe' : 'kprobe';
      const point = returns ? func.exit : func.entry;
      const { name, address } = func;
      return { ...from, kind, point, progType: progTypeNumber.kprobe, name, address, once: false };
    }
    case PERF_TYPE_HARDWARE:
    case PERF_TYPE_SOFTWARE:
      if (config > (type === PERF_TYPE_SOFTWARE ? LAST_SOFTWARE_EVENT : LAST_HARDWARE_EVENT)) return -errno.ENOENT;
      return {
        ...from,
        kind: 'event',
        point: tracing.samples,
        progType: progTypeNumber.perf_event,
        name: '',
        once: false,
      };
    default:
      return -errno.ENOENT;
  }
}

/** A perf event that is only there for a program to run on it. */
export class ProbeEvent extends RefCounted {
  readonly machine: Machine;
  readonly place: Place;
  readonly id: number;
  enabled: boolean;
  readonly #pid: number;
  readonly #cpu: number;
  #attached: Attached | undefined;

  constructor(machine: Machine, place: Place, attr: PerfEventAttr, pid: number, cpu: number) {
    super();
    this.machine = machine;
    this.place = place;
    this.id = machine.perfEvents++;
    this.enabled = ((attr.flags ?? 0n) & PERF_ATTR_DISABLED) === 0n;
    this.#pid = pid;
    this.#cpu = cpu;
  }

  /** Runs the program from now on: 0, -EINVAL for one of another type, -EEXIST if there is one. Takes a reference. */
  attach(prog: BpfProg, cookie: bigint): number {
    const { point, progType, once } = this.place;
    if (prog.attr.type !== progType) return -errno.EINVAL;
    if (this.#attached !== undefined) return -errno.EEXIST;
    const anyCpu = this.place.kind === 'event' ? this.#cpu : -1;
    const attached: Attached = { prog, cookie, cpu: anyCpu, pid: this.#pid, enabled: () => this.enabled };
    const result = once ? point.attach(attached) : point.add(attached);
    if (typeof result === 'number' && result < 0) return result;
    prog.get();
    this.#attached = attached;
    return 0;
  }

  detach(): void {
    if (this.#attached === undefined) return;
    this.place.point.detach(this.#attached);
    this.#attached.prog.put();
    this.#attached = undefined;
  }

  get prog(): BpfProg | undefined {
    return this.#attached?.prog;
  }

  protected override destroy(): void {
    this.detach();
  }
}
