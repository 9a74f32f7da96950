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

  /** Runs them with a copy each of `context`. `room`: bytes that a program may read, zero beyond the context. */
  fire(context: Uint8Array, functionAddress = 0n, room = context.length): Fired[] {
    return [...this.#attached].flatMap((attached) => {
      const { prog, cookie, cpu, pid, enabled } = attached;
      const { machine } = prog;
      if (!enabled() || (cpu >= 0 && cpu !== machine.cpu) || (pid >= 0 && pid !== machine.pid)) return [];
      using placed = Placed.put(machine.memory, context, room);
      if (placed === undefined) return [];
      prog.get();
      try {
        const subject: ProbeHit = { kind: 'probe', cookie, functionAddress };
        const { value, fault } = interpreterOf(machine).runProgram(prog, placed.address, subject);
        const program = { id: prog.id, name: prog.attr.name };
        return [{ program, retval: value >>> 0, fault: fault?.reason }];
      } finally {
        prog.put();
      }
    });
  }
}
