import { errno } from '../../../uapi/errno.ts';
import type { FilledOps } from './kind.ts';

/** Those that are the kernel's own: they leave a connection as fast as its ends let it be. */
const BUILT_IN: readonly string[] = ['cubic', 'reno'];

/** The congestion controls of a machine, by their names. */
export class CongestionControls {
  readonly #programs = new Map<string, FilledOps>();

  get names(): readonly string[] {
    return [...BUILT_IN, ...this.#programs.keys()];
  }
  has(name: string): boolean {
    return BUILT_IN.includes(name) || this.#programs.has(name);
  }
  /** The programs of one; `undefined`: it is the kernel's own. */
  programs(name: string): FilledOps | undefined {
    return this.#programs.get(name);
  }

  /** 0, or -EEXIST. */
  add(name: string, ops: FilledOps): number {
    if (this.has(name)) return -errno.EEXIST;
    this.#programs.set(name, ops);
    return 0;
  }
  /** Sockets that have it keep it. */
  remove(name: string, ops: FilledOps): void {
    if (this.#programs.get(name) === ops) this.#programs.delete(name);
  }
  replace(name: string, ops: FilledOps, old: FilledOps): number {
    if (this.#programs.get(name) !== old) return -errno.EINVAL;
    this.#programs.set(name, ops);
    return 0;
  }
}
