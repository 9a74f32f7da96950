import type { StructValue } from '../../../bytes/struct.ts';
import { linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Attached } from '../trace/trace-point.ts';
import type { TracedFunction, TypedPlace } from '../trace/traced-function.ts';
import { Link } from './link.ts';

/** A program with the typed arguments of a function: before it, in its place or after it. */
export class TracingLink extends Link {
  readonly type = linkTypeNumber.tracing;
  readonly #func: TracedFunction;
  readonly #place: TypedPlace;
  readonly #attached: Attached;

  constructor(prog: BpfProg, func: TracedFunction, place: TypedPlace, cookie: bigint) {
    super(prog.machine, prog);
    this.#func = func;
    this.#place = place;
    this.#attached = { prog, cookie, cpu: -1, pid: -1, enabled: () => true };
  }

  /** 0 or -errno. */
  attach(): number {
    return this.#func.attach(this.#place, this.#attached);
  }

  override update(): number {
    return -errno.EINVAL;
  }
  override get detachable(): boolean {
    return false;
  }
  override detach(): void {
    this.#func.detach(this.#place, this.#attached);
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    return {
      'tracing.attach_type': this.prog.attr.expectedAttachType,
      'tracing.target_obj_id': this.machine.vmlinux.id,
      'tracing.target_btf_id': this.prog.attr.attachBtfId,
      'tracing.cookie': this.#attached.cookie,
    };
  }
  override fdinfo(): readonly (readonly [string, string | number | bigint])[] {
    return [
      ['attach_type', this.prog.attr.expectedAttachType],
      ['target_obj_id', this.machine.vmlinux.id],
      ['target_btf_id', this.prog.attr.attachBtfId],
      ['cookie', this.#attached.cookie],
    ];
  }
}
