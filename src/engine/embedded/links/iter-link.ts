import type { StructValue } from '../../../bytes/struct.ts';
import { linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import { BpfIterator } from '../iter/iterator.ts';
import type { IterTarget } from '../iter/targets.ts';
import type { BpfMap } from '../maps/map.ts';
import type { BpfProg } from '../progs/prog.ts';
import { type LinkText, ProgLink } from './link.ts';

/** A program that is read: there is no hook, only what reads. */
export class IterLink extends ProgLink {
  readonly type = linkTypeNumber.iter;
  readonly #target: IterTarget;
  /** Whose elements it goes over. */
  readonly #map: BpfMap | undefined;

  /** Takes a reference on the map. */
  constructor(prog: BpfProg, target: IterTarget, map?: BpfMap) {
    super(prog.machine, prog);
    this.#target = target;
    this.#map = map?.getUser();
  }

  /** From the first object on. */
  open(): BpfIterator {
    const walk = this.#map && this.#target.ofMap?.(this.#map);
    return new BpfIterator(this, this.#target.name, walk ?? this.#target.open(this.machine));
  }

  override update(prog: BpfProg, old: BpfProg | undefined): number {
    if (old !== undefined && old !== this.prog) return -errno.EPERM;
    const { type, expectedAttachType, attachBtfId } = this.prog.attr;
    const { attr } = prog;
    if (attr.type !== type || attr.expectedAttachType !== expectedAttachType || attr.attachBtfId !== attachBtfId)
      return -errno.EINVAL;
    this.exchange(prog);
    return 0;
  }
  override get detachable(): boolean {
    return false;
  }
  override detach(): void {
    this.#map?.putUser();
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    return this.#map === undefined ? {} : { 'iter.map.map_id': this.#map.id };
  }
  override text(): LinkText {
    return { pointer: 'iter.target_name', length: 'iter.target_name_len', text: this.#target.name };
  }
  override fdinfo(): readonly (readonly [string, string | number])[] {
    const name = ['target_name', this.#target.name] as const;
    return this.#map === undefined ? [name] : [name, ['map_id', this.#map.id]];
  }
}
