import type { StructValue } from '../../../bytes/struct.ts';
import { linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import { BPF_F_ALLOW_MULTI } from '../../../uapi/link.ts';
import { attachTypeOf } from '../cgroups/attach-types.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import type { Relative } from '../hooks/mprog.ts';
import type { BpfProg } from '../progs/prog.ts';
import { ProgLink } from './link.ts';

/** One of several programs of a cgroup. */
export class CgroupLink extends ProgLink {
  readonly type = linkTypeNumber.cgroup;
  /** Its number in the cgroup. */
  readonly #hook: number;
  #cgroup: Cgroup | undefined;

  constructor(prog: BpfProg, hook: number) {
    super(prog.machine, prog);
    this.#hook = hook;
  }

  /** Takes its place among the programs there. 0 or -errno. */
  attach(cgroup: Cgroup, flags: number, relative: () => Relative | number, revision: bigint): number {
    const entry = { prog: this.prog, link: this };
    const result = cgroup.attach(this.#hook, entry, flags | BPF_F_ALLOW_MULTI, undefined, relative, revision);
    if (result === 0) this.#cgroup = cgroup;
    return result;
  }

  override update(prog: BpfProg, old: BpfProg | undefined): number {
    if (this.#cgroup === undefined) return -errno.ENOLINK;
    if (old !== undefined && old !== this.prog) return -errno.EPERM;
    if (prog.attr.type !== this.prog.attr.type) return -errno.EINVAL;
    if (prog.attr.attachBtfId !== this.prog.attr.attachBtfId) return -errno.ENOENT;
    const failed = this.#cgroup.hook(this.#hook).exchange(this, prog);
    if (failed === 0) this.exchange(prog);
    return failed;
  }

  override detach(): void {
    const cgroup = this.#cgroup;
    this.#cgroup = undefined;
    if (cgroup?.gone === false) cgroup.hook(this.#hook).remove(this);
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    return { 'cgroup.cgroup_id': BigInt(this.#id), 'cgroup.attach_type': attachTypeOf(this.#hook) };
  }

  override fdinfo(): readonly (readonly [string, string | number])[] {
    return [
      ['cgroup_id', this.#id],
      ['attach_type', attachTypeOf(this.#hook)],
    ];
  }

  get #id(): number {
    return this.#cgroup?.id ?? 0;
  }
}
