import { errno } from '../../../uapi/errno.ts';
import { BPF_F_ALLOW_OVERRIDE } from '../../../uapi/link.ts';
import type { MprogEntry, Relative } from '../hooks/mprog.ts';
import type { Machine } from '../machine.ts';
import { endStorages } from '../maps/owners.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import { attachTypeOf } from './attach-types.ts';
import { type CgroupEntry, CgroupHook } from './cgroup-hook.ts';
import { type ShownCgroup, showCgroup } from './show-cgroup.ts';

/** A group of processes, within another, with programs that run for what those processes do. */
export class Cgroup {
  readonly parent: Cgroup | undefined;
  /** Its name in its parent; `''` for the first. */
  readonly name: string;
  /** The inode number of its directory. */
  readonly id: number;
  readonly children = new Map<string, Cgroup>();
  readonly processes = new Set<Process>();
  /** By their numbers: hookNumber. */
  readonly #hooks = new Map<number, CgroupHook>();
  #gone = false;
  #shown: ShownCgroup | undefined;

  constructor(parent: Cgroup | undefined, name: string, id: number) {
    this.parent = parent;
    this.name = name;
    this.id = id;
  }

  /** It was removed; a directory that was opened before still leads here. */
  get gone(): boolean {
    return this.#gone;
  }
  /** Address of a struct cgroup that shows it, as long as it is there, and for whoever has a reference longer; 0 if it is gone, or there is no memory. */
  show(machine: Machine): number {
    if (this.#shown === undefined && !this.#gone) {
      const above = this.parent?.show(machine) ?? 0;
      this.#shown = showCgroup(machine, this, above);
    }
    return this.#shown?.address ?? 0;
  }

  /** 0 for the first. */
  get level(): number {
    return this.parent === undefined ? 0 : this.parent.level + 1;
  }
  /** From the first one, which is `/`. */
  get path(): string {
    if (this.parent === undefined) return '/';
    return this.parent.parent === undefined ? `/${this.name}` : `${this.parent.path}/${this.name}`;
  }
  /** How many there are below. */
  get descendants(): number {
    let count = 0;
    for (const child of this.children.values()) count += 1 + child.descendants;
    return count;
  }
  get populated(): boolean {
    return this.processes.size > 0 || [...this.children.values()].some((child) => child.populated);
  }

  /** The one of its ancestors, or itself, at a level; `undefined` below its own. */
  ancestor(level: number): Cgroup | undefined {
    return level < 0 || level > this.level ? undefined : this.#ancestors().find((one) => one.level === level);
  }
  isWithin(other: Cgroup): boolean {
    return this.#ancestors().includes(other);
  }

  hook(attachType: number): CgroupHook {
    const hook =
      this.#hooks.get(attachType) ?? new CgroupHook({ owner: this, id: this.id, attachType: attachTypeOf(attachType) });
    this.#hooks.set(attachType, hook);
    return hook;
  }

  /** Numbers of the hooks of an attach type that have programs, here or above. */
  hooksOf(attachType: number): readonly number[] {
    const numbers = this.#ancestors().flatMap((cgroup) => [...cgroup.#hooks.keys()]);
    return [...new Set(numbers)].filter((number) => attachTypeOf(number) === attachType);
  }

  /** 0 or -errno; see {@link CgroupHook.attach}. */
  attach(
    attachType: number,
    entry: MprogEntry,
    flags: number,
    replaced: BpfProg | undefined,
    relative: () => Relative | number,
    revision: bigint,
  ): number {
    return this.hook(attachType).attach(entry, flags, this.#mayAttach(attachType), replaced, relative, revision);
  }

  /**
   * The programs that run for the processes here, in order: deepest cgroup first, but those that are `preorder` before all, from the first cgroup
   * down. One that is alone in its cgroup hides what is above, unless there are several by mode.
   */
  effective(attachType: number): readonly CgroupEntry[] {
    const first: CgroupEntry[] = [];
    const rest: CgroupEntry[] = [];
    for (const cgroup of this.#ancestors()) {
      const hook = cgroup.#hooks.get(attachType);
      if (hook === undefined || (first.length + rest.length > 0 && !hook.multi)) continue;
      first.unshift(...hook.entries.filter(({ preorder }) => preorder));
      rest.push(...hook.entries.filter(({ preorder }) => !preorder));
    }
    return [...first, ...rest];
  }

  /** Takes it away: 0, or -EBUSY while there is something in it. */
  remove(): number {
    if (this.children.size > 0 || this.processes.size > 0) return -errno.EBUSY;
    this.#gone = true;
    this.parent?.children.delete(this.name);
    for (const hook of this.#hooks.values()) hook.clear();
    this.#hooks.clear();
    endStorages(this);
    this.#shown?.end();
    this.#shown = undefined;
    return 0;
  }

  /** Whether those above let a program be attached here: the nearest that has any decides. */
  #mayAttach(attachType: number): boolean {
    for (const cgroup of this.#ancestors().slice(1)) {
      const hook = cgroup.#hooks.get(attachType);
      if (hook?.multi) return true;
      if (hook !== undefined && hook.entries.length > 0) return (hook.mode & BPF_F_ALLOW_OVERRIDE) !== 0;
    }
    return true;
  }

  /** This one, then up. */
  #ancestors(): Cgroup[] {
    const all: Cgroup[] = [];
    for (let at: Cgroup | undefined = this; at !== undefined; at = at.parent) all.push(at);
    return all;
  }
}
