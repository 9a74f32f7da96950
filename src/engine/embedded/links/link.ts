import type { StructValue } from '../../../bytes/struct.ts';
import type { bpfLinkInfo, INFO_POINTERS } from '../../../uapi/info.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import { RefCounted } from '../refs.ts';

/** A text in struct bpf_link_info: the fields of its address, and of its bytes with the NUL. */
export interface LinkText {
  readonly pointer: keyof typeof INFO_POINTERS;
  readonly length: keyof typeof bpfLinkInfo.fields;
  readonly text: string;
}

/** An attachment that is an object: held by fds and pins, and gone from its hook with the last of them. It holds its program, where it has one. */
export abstract class Link extends RefCounted {
  readonly machine: Machine;
  readonly id: number;
  /** BPF_LINK_TYPE_*. */
  abstract readonly type: number;
  #prog: BpfProg | undefined;

  /** Takes a reference on the program. */
  constructor(machine: Machine, prog: BpfProg | undefined) {
    super();
    this.machine = machine;
    this.#prog = prog?.get();
    this.id = machine.links.add(this);
  }

  get prog(): BpfProg | undefined {
    return this.#prog;
  }

  /** BPF_LINK_UPDATE. `old`: the program that it must have. 0, or -errno with the link as it was. */
  abstract update(prog: BpfProg, old: BpfProg | undefined): number;
  /** Whether BPF_LINK_DETACH takes it from its hook. */
  get detachable(): boolean {
    return true;
  }
  /** Leaves the hook; the link itself stays. */
  abstract detach(): void;
  /** The fields of its own in struct bpf_link_info. */
  abstract info(): Partial<StructValue<typeof bpfLinkInfo.fields>>;
  /** The text that struct bpf_link_info points to, if it has one. */
  text(): LinkText | undefined {
    return undefined;
  }
  /** The lines of its own in /proc/PID/fdinfo/N. */
  abstract fdinfo(): readonly (readonly [name: string, value: string | number | bigint])[];

  /** For {@link Link.update}, once the hook has the new program. */
  protected exchange(prog: BpfProg): void {
    const old = this.#prog;
    this.#prog = prog.get();
    old?.put();
  }

  protected override destroy(): void {
    this.detach();
    this.machine.links.remove(this.id);
    this.#prog?.put();
  }
}

/** A link of a program. */
export abstract class ProgLink extends Link {
  constructor(machine: Machine, prog: BpfProg) {
    super(machine, prog);
  }

  override get prog(): BpfProg {
    const prog = super.prog;
    if (prog === undefined) throw new Error('embedded kernel: a link of a program has none');
    return prog;
  }
}
