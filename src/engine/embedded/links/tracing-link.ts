import type { BpfProg } from '../progs/prog.ts';
import type { Attached } from '../trace/trace-point.ts';
import type { TracedFunction, TypedPlace } from '../trace/traced-function.ts';
import { TypedLink, type TypedTarget } from './typed-link.ts';

/** A program with the typed arguments of a function: before it, in its place or after it. */
export class TracingLink extends TypedLink {
  readonly #func: TracedFunction;
  readonly #place: TypedPlace;
  readonly #attached: Attached;

  constructor(prog: BpfProg, func: TracedFunction, place: TypedPlace, cookie: bigint) {
    super(prog, prog.attr.expectedAttachType, cookie);
    this.#func = func;
    this.#place = place;
    this.#attached = { prog, cookie, cpu: -1, pid: -1, enabled: () => true };
  }

  /** 0 or -errno. */
  attach(): number {
    return this.#func.attach(this.#place, this.#attached);
  }

  override detach(): void {
    this.#func.detach(this.#place, this.#attached);
  }

  protected override get target(): TypedTarget {
    return { objectId: this.machine.vmlinux.id, typeId: this.prog.attr.attachBtfId };
  }
}
