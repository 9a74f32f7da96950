import { errno } from '../../../uapi/errno.ts';
import {
  BPF_F_AFTER,
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_PREORDER,
  BPF_F_RELATIVE_LINK,
  BPF_F_REPLACE,
} from '../../../uapi/link.ts';
import { type MprogEntry, NOTHING_RELATIVE, type Relative } from '../hooks/mprog.ts';
import type { Link } from '../links/link.ts';
import { beginStorages, type StoragePlace } from '../maps/cgroup-storage.ts';
import type { BpfProg } from '../progs/prog.ts';

/** A program in a cgroup. One that was attached without a link holds its own reference on the program. */
export interface CgroupEntry extends MprogEntry {
  /** It runs before those of cgroups below. */
  readonly preorder: boolean;
  /** Where it is. */
  readonly place: StoragePlace;
}

const MAX_PROGS = 64;
const SIDES = BPF_F_BEFORE | BPF_F_AFTER;

/** The programs of one attach type in one cgroup, with the mode (BPF_F_ALLOW_*) that the first of them decides. */
export class CgroupHook {
  readonly #at: StoragePlace;
  #entries: readonly CgroupEntry[] = [];
  #mode = 0;
  #revision = 1n;

  constructor(place: StoragePlace) {
    this.#at = place;
  }

  get entries(): readonly CgroupEntry[] {
    return this.#entries;
  }
  /** BPF_F_ALLOW_*; 0 without programs. */
  get mode(): number {
    return this.#mode;
  }
  get multi(): boolean {
    return (this.#mode & BPF_F_ALLOW_MULTI) !== 0;
  }
  get revision(): bigint {
    return this.#revision;
  }

  /** 0 or -errno. `allowed`: whether the cgroups above let it; `relative` is asked for only if a place beside another counts. */
  attach(
    { prog, link }: MprogEntry,
    flags: number,
    allowed: boolean,
    replaced: BpfProg | undefined,
    relative: () => Relative | number,
    revision: bigint,
  ): number {
    const multi = (flags & BPF_F_ALLOW_MULTI) !== 0;
    const override = (flags & BPF_F_ALLOW_OVERRIDE) !== 0;
    const replacing = (flags & BPF_F_REPLACE) !== 0;
    if (multi && override) return -errno.EINVAL;
    if (replacing && (!multi || (flags & SIDES) !== 0)) return -errno.EINVAL;
    if (revision !== 0n && revision !== this.#revision) return -errno.ESTALE;
    const mode = flags & (BPF_F_ALLOW_MULTI | BPF_F_ALLOW_OVERRIDE);
    if (!allowed || (this.#entries.length > 0 && this.#mode !== mode)) return -errno.EPERM;
    if (this.#entries.length >= MAX_PROGS) return -errno.E2BIG;

    const entry: CgroupEntry = { prog, link, preorder: (flags & BPF_F_PREORDER) !== 0, place: this.#at };
    const direct = this.#entries.findIndex((one) => one.link === undefined && one.prog === prog);
    if (multi && link === undefined && direct >= 0 && prog !== replaced) return -errno.EINVAL;
    const gone = multi ? this.#indexOf(replaced) : this.#entries.length - 1;
    if (replacing && gone < 0) return -errno.ENOENT;
    const at = gone >= 0 ? gone : this.#place(entry, flags, relative);
    if (at < 0) return at;
    const unmade = beginStorages(prog, this.#at);
    if (unmade !== 0) return unmade;
    const old = gone >= 0 ? this.#entries[gone] : undefined;
    if (link === undefined) prog.get();
    this.#change(this.#entries.toSpliced(at, old === undefined ? 0 : 1, entry), mode);
    if (old?.link === undefined) old?.prog.put();
    return 0;
  }

  /** `prog` undefined: whichever there is, if there is only one by its mode. 0 or -errno. */
  detach(prog: BpfProg | undefined, revision: bigint): number {
    if (revision !== 0n && revision !== this.#revision) return -errno.ESTALE;
    if (this.multi && prog === undefined) return -errno.EINVAL;
    const at = this.multi ? this.#indexOf(prog) : this.#entries.length - 1;
    const gone = this.#entries[at];
    if (gone === undefined) return -errno.ENOENT;
    this.#change(this.#entries.toSpliced(at, 1));
    gone.prog.put();
    return 0;
  }

  /** A link that is here has another program. 0 or -ENOMEM. */
  exchange(link: Link, prog: BpfProg): number {
    const unmade = beginStorages(prog, this.#at);
    if (unmade !== 0) return unmade;
    this.#change(this.#entries.map((entry) => (entry.link === link ? { ...entry, prog } : entry)));
    return 0;
  }

  /** What a link leaves. */
  remove(link: Link): void {
    this.#change(this.#entries.filter((entry) => entry.link !== link));
  }

  /** The cgroup goes: programs without a link are given up, links detached. */
  clear(): void {
    for (const { prog, link } of this.#entries) {
      if (link === undefined) prog.put();
      else link.detach();
    }
    this.#entries = [];
  }

  #change(entries: readonly CgroupEntry[], mode = this.#mode): void {
    this.#entries = entries;
    this.#mode = entries.length === 0 ? 0 : mode;
    this.#revision++;
  }

  /** Index of a program that was attached without a link, or -1. */
  #indexOf(prog: BpfProg | undefined): number {
    return this.#entries.findIndex((entry) => entry.link === undefined && entry.prog === prog);
  }

  /** Where a new one goes, or -errno. */
  #place({ link, preorder }: CgroupEntry, flags: number, relative: () => Relative | number): number {
    const before = (flags & BPF_F_BEFORE) !== 0;
    const beside = relative();
    const byLink = (flags & BPF_F_RELATIVE_LINK) !== 0;
    const named = byLink || (flags & BPF_F_ID) !== 0 || beside !== NOTHING_RELATIVE;
    const bothOrNone = before === ((flags & BPF_F_AFTER) !== 0);
    if (!named) {
      if (before && bothOrNone && this.#entries.length > 0) return -errno.EINVAL;
      return before ? 0 : this.#entries.length;
    }
    if (bothOrNone || byLink !== (link !== undefined)) return -errno.EINVAL;
    if (typeof beside === 'number') return beside;
    const at = this.#entries.findIndex((entry) => (byLink ? entry.link === beside.link : isDirect(entry, beside.prog)));
    if (at < 0) return -errno.ENOENT;
    if (this.#entries[at]?.preorder !== preorder) return -errno.EINVAL;
    return before ? at : at + 1;
  }
}

function isDirect(entry: CgroupEntry, prog: BpfProg | undefined): boolean {
  return entry.link === undefined && entry.prog === prog;
}
