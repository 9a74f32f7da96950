import type { StructValue } from '../../../bytes/struct.ts';
import { linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { BpfProg } from '../progs/prog.ts';
import { ProgLink } from './link.ts';

/** A function: the id of the BTF object or of the program that it is in, and of its type. */
export interface TypedTarget {
  readonly objectId: number;
  readonly typeId: number;
}

/** A program at a function that its arguments are those of: BPF_LINK_TYPE_TRACING. */
export abstract class TypedLink extends ProgLink {
  readonly type = linkTypeNumber.tracing;
  /** BPF_* of enum bpf_attach_type, as it was attached. */
  readonly #attachType: number;
  protected readonly cookie: bigint;

  constructor(prog: BpfProg, attachType: number, cookie: bigint) {
    super(prog.machine, prog);
    this.#attachType = attachType;
    this.cookie = cookie;
  }

  protected abstract get target(): TypedTarget;

  override update(): number {
    return -errno.EINVAL;
  }
  override get detachable(): boolean {
    return false;
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    const { objectId, typeId } = this.target;
    return {
      'tracing.attach_type': this.#attachType,
      'tracing.target_obj_id': objectId,
      'tracing.target_btf_id': typeId,
      'tracing.cookie': this.cookie,
    };
  }
  override fdinfo(): readonly (readonly [string, string | number | bigint])[] {
    const { objectId, typeId } = this.target;
    return [
      ['attach_type', this.#attachType],
      ['target_obj_id', objectId],
      ['target_btf_id', typeId],
      ['cookie', this.cookie],
    ];
  }
}
