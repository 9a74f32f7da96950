import { errno } from '../../../uapi/errno.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { TargetFunction } from '../verifier/extension.ts';
import { TypedLink, type TypedTarget } from './typed-link.ts';

/** A program in the place of a function of another one, which it holds. */
export class ExtensionLink extends TypedLink {
  readonly #target: BpfProg;
  readonly #func: TargetFunction;
  #attached = false;

  constructor(prog: BpfProg, target: BpfProg, func: TargetFunction, attachType: number, cookie: bigint) {
    super(prog, attachType, cookie);
    this.#target = target.get();
    this.#func = func;
  }

  /** 0, or -EBUSY: something is in the place already, or tail calls may lead to the target. */
  attach(): number {
    const { replacements, arraySlots } = this.#target;
    if (replacements.has(this.#func.start) || arraySlots > 0) return -errno.EBUSY;
    this.#target.replace(this.#func.start, this.prog);
    this.#attached = true;
    return 0;
  }

  override detach(): void {
    if (this.#attached) this.#target.replace(this.#func.start, undefined);
    this.#attached = false;
  }

  protected override get target(): TypedTarget {
    return { objectId: this.#target.id, typeId: this.#func.typeId };
  }

  protected override destroy(): void {
    super.destroy();
    this.#target.put();
  }
}
