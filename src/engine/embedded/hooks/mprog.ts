import { errno } from '../../../uapi/errno.ts';
import { BPF_F_AFTER, BPF_F_BEFORE, BPF_F_REPLACE } from '../../../uapi/link.ts';
import type { Link } from '../links/link.ts';
import type { BpfProg } from '../progs/prog.ts';

/** A program at a hook. One that was attached without a link holds its own reference on the program. */
export interface MprogEntry {
  readonly prog: BpfProg;
  readonly link: Link | undefined;
}

/** What a new program's place is relative to: a program, the one of a link, or (`prog` undefined) all there are. */
export interface Relative {
  readonly prog: BpfProg | undefined;
  readonly link: Link | undefined;
}
/** No program and no link is named. */
export const NOTHING_RELATIVE: Relative = { prog: undefined, link: undefined };

const MAX_PROGS = 64;
/** A place that is not decided yet. -1 is one: before the first. */
const UNDECIDED = -errno.ERANGE;

/**
 * Several programs at one hook, in an order that each of them can choose, with a revision by which one who attaches can tell whether others did so
 * meanwhile. What Linux calls a multi-program hook; tcx is one.
 */
export class Mprog {
  #entries: readonly MprogEntry[] = [];
  /** Grows with each change. */
  #revision = 1n;

  get entries(): readonly MprogEntry[] {
    return this.#entries;
  }
  get revision(): bigint {
    return this.#revision;
  }

  /** What is said before anybody looks for the neighbour: -errno, or 0. */
  refusal(prog: BpfProg, revision: bigint): number {
    if (revision !== 0n && revision !== this.#revision) return -errno.ESTALE;
    return this.#entries.some((entry) => entry.prog === prog) ? -errno.EEXIST : 0;
  }

  /** 0 or -errno. `old`: with BPF_F_REPLACE, the program in whose place the new one comes. */
  attach(entry: MprogEntry, flags: number, relative: Relative, revision: bigint, old?: BpfProg): number {
    const refused = this.refusal(entry.prog, revision);
    if (refused !== 0) return refused;
    const replacing = (flags & BPF_F_REPLACE) !== 0;
    let exact = UNDECIDED;
    if (replacing) {
      exact = this.#exact(old, entry.link);
      if (exact < 0) return exact;
    } else if (this.#entries.length === MAX_PROGS) return -errno.ERANGE;
    const place = this.#place(flags, relative, exact);
    if (place < -1) return place;
    const gone = replacing ? this.#entries[place] : undefined;
    // `place` is the index of the neighbour before which, with BPF_F_BEFORE, one more is left free.
    const at = (flags & BPF_F_BEFORE) !== 0 && !replacing ? place + 1 : place;
    this.#change(this.#entries.toSpliced(at, replacing ? 1 : 0, entry));
    if (entry.link === undefined) entry.prog.get();
    if (gone?.link === undefined) gone?.prog.put();
    return 0;
  }

  /** As {@link Mprog.refusal}, for one who detaches. */
  detachRefusal(flags: number, revision: bigint): number {
    if (this.#entries.length === 0) return -errno.ENOENT;
    if ((flags & BPF_F_REPLACE) !== 0) return -errno.EINVAL;
    return revision !== 0n && revision !== this.#revision ? -errno.ESTALE : 0;
  }

  /** `prog` undefined: the last one, or as the flags say. 0 or -errno. */
  detach(prog: BpfProg | undefined, flags: number, relative: Relative, revision: bigint): number {
    const refused = this.detachRefusal(flags, revision);
    if (refused !== 0) return refused;
    let exact = UNDECIDED;
    if (prog !== undefined) {
      exact = this.#exact(prog, undefined);
      if (exact < 0) return exact;
    }
    const place = this.#place(flags, relative, exact);
    if (place < -1) return place;
    const at = Math.min(Math.max(place, 0), this.#entries.length - 1);
    const gone = this.#entries[at];
    if (gone?.link !== undefined) return -errno.EBUSY;
    this.#change(this.#entries.toSpliced(at, 1));
    gone?.prog.put();
    return 0;
  }

  /** The same link with another program. 0 or -errno. */
  replace({ prog, link }: MprogEntry, by: BpfProg): number {
    return this.attach({ prog: by, link }, BPF_F_REPLACE, { prog: undefined, link: undefined }, 0n, prog);
  }

  /** What a link leaves. */
  remove(link: Link): void {
    const left = this.#entries.filter((entry) => entry.link !== link);
    if (left.length < this.#entries.length) this.#change(left);
  }

  /** The hook goes: programs that no link holds are given up. */
  clear(): void {
    for (const { prog, link } of this.#entries) if (link === undefined) prog.put();
    this.#entries = [];
  }

  #change(entries: readonly MprogEntry[]): void {
    this.#entries = entries;
    // An empty hook is a new one.
    this.#revision = entries.length === 0 ? 1n : this.#revision + 1n;
  }

  /** Index of a program that was attached in this way, or -errno. */
  #exact(prog: BpfProg | undefined, link: Link | undefined): number {
    const at = this.#entries.findIndex((entry) => entry.prog === prog);
    if (at < 0) return -errno.ENOENT;
    return this.#entries[at]?.link === link ? at : -errno.EBUSY;
  }

  /** What the flags and the place that is known already come to: an index, or the length for "at the end", or -errno. */
  #place(flags: number, relative: Relative, exact: number): number {
    let place = exact;
    const wanted = [
      ...((flags & BPF_F_BEFORE) !== 0 ? [this.#neighbour(relative, -1)] : []),
      ...((flags & BPF_F_AFTER) !== 0 ? [this.#neighbour(relative, 1)] : []),
    ];
    for (const at of wanted) {
      if (at < -1) return at;
      if (place >= -1 && at !== place) return -errno.ERANGE;
      place = at;
    }
    if (place >= -1) return place;
    return relative.prog !== undefined || flags !== 0 ? -errno.EINVAL : this.#entries.length;
  }

  /** Index beside the one that is meant; without one, beside all. */
  #neighbour({ prog, link }: Relative, step: -1 | 1): number {
    if (prog === undefined) return step < 0 ? -1 : this.#entries.length;
    const at = this.#entries.findIndex((entry) => entry.prog === prog && (link === undefined || entry.link === link));
    return at < 0 ? -errno.ENOENT : at + step;
  }
}
