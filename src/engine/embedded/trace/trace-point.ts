import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { Placed } from '../placed.ts';
import type { BpfProg } from '../progs/prog.ts';

/** A program that runs when a place is passed. */
export interface Attached {
  readonly prog: BpfProg;
  /** What bpf_get_attach_cookie returns. */
  readonly cookie: bigint;
  /** As far as perf_event_open's words go: -1 for any. */
  readonly cpu: number;
  readonly pid: number;
  /** Whether its perf event is switched on. */
  readonly enabled: () => boolean;
}

/** What helpers know of the place that a program was attached to. */
export interface ProbeHit {
  readonly kind: 'probe';
  readonly cookie: bigint;
  /** The function that was called, for kprobes; 0n for others. */
  readonly functionAddress: bigint;
  /** Of programs with typed arguments: how many there are. */
  readonly args: number;
  /** Behind them is what the function returns. */
  readonly returns: boolean;
}

/** How a place is passed. */
export interface Passing extends Partial<Omit<ProbeHit, 'kind' | 'cookie'>> {
  /** Bytes that a program may read, zero beyond the context. */
  readonly room?: number;
  /** Whether the programs behind one with this result, 64 bits, are left out. */
  readonly endsWith?: (result: bigint) => boolean;
}

/** What a program made of it. */
export interface Fired {
  readonly program: { readonly id: number; readonly name: string };
  /** Unsigned. */
  readonly retval: number;
  readonly fault: string | undefined;
}

/** Programs that the kernel runs at one place, at most. */
const MAX_PROGRAMS = 64;

/** The programs at one place of the kernel, in the order in which they came. One program is there once, whoever attaches it. */
export class TracePoint {
  readonly #attached: Attached[] = [];

  /** 0, -EEXIST if the program is there, -E2BIG. The caller holds the program. */
  attach(attached: Attached): number {
    if (this.#attached.some(({ prog }) => prog === attached.prog)) return -errno.EEXIST;
    if (this.#attached.length >= MAX_PROGRAMS) return -errno.E2BIG;
    this.#attached.push(attached);
    return 0;
  }

  /** Likewise for places where a program may be several times. */
  add(attached: Attached): void {
    this.#attached.push(attached);
  }

  detach(attached: Attached): void {
    const at = this.#attached.indexOf(attached);
    if (at >= 0) this.#attached.splice(at, 1);
  }

  get size(): number {
    return this.#attached.length;
  }

  has(prog: BpfProg): boolean {
    return this.#attached.some((attached) => attached.prog === prog);
  }

  /** Runs them with a copy each of `context`. */
  fire(context: Uint8Array, passing: Passing = {}): Fired[] {
    const { functionAddress = 0n, args = 0, returns = false, room = context.length, endsWith = () => false } = passing;
    const all: Fired[] = [];
    for (const { prog, cookie, cpu, pid, enabled } of [...this.#attached]) {
      const { machine } = prog;
      if (!enabled() || (cpu >= 0 && cpu !== machine.cpu) || (pid >= 0 && pid !== machine.pid)) continue;
      using placed = Placed.put(machine.memory, context, room);
      if (placed === undefined) continue;
      prog.get();
      try {
        const subject: ProbeHit = { kind: 'probe', cookie, functionAddress, args, returns };
        const { value, high, fault } = interpreterOf(machine).runProgram(prog, placed.address, subject);
        all.push({ program: { id: prog.id, name: prog.attr.name }, retval: value >>> 0, fault: fault?.reason });
        if (endsWith((BigInt(high) << 32n) | BigInt(value >>> 0))) break;
      } finally {
        prog.put();
      }
    }
    return all;
  }
}
