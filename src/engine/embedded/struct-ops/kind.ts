import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';

/** A struct of functions that was filled: what a kind registers. */
export interface FilledOps {
  readonly machine: Machine;
  /** The programs by the names of their members. */
  readonly functions: ReadonlyMap<string, BpfProg>;
  /** Bytes of a member. */
  bytes(member: string): Uint8Array;
  /** Held as long as something uses the functions. */
  get(): unknown;
  put(): void;
}

/** A struct of the kernel that programs may fill: one row of table.ts. */
export interface StructOpsKind {
  readonly name: string;
  /** What a member without a function may hold; `undefined`: zeros, as in all others. 0 or -errno. */
  readonly checkMember: (name: string, bytes: Uint8Array) => number | undefined;
  /** 0 or -errno. */
  readonly validate: (ops: FilledOps) => number;
  readonly register: (ops: FilledOps) => number;
  readonly unregister: (ops: FilledOps) => void;
  /** In the place of another one that is registered. */
  readonly update: (ops: FilledOps, old: FilledOps) => number;
}
