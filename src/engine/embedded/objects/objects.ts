import type { Cgroup } from '../cgroups/cgroup.ts';
import type { Machine } from '../machine.ts';
import type { ValueField } from '../maps/value-fields.ts';
import type { Process } from '../process.ts';
import { Graphs } from './graphs.ts';

/**
 * What a program was given of the kernel's memory, until it gives it back. `bits`: the copy that an iterator goes through; `struct`: of a type of the program's,
 * with `percpu` one for each CPU; `cpumask`; `task` and `cgroup`: what programs are shown of those.
 */
export type ObjectKind = 'bits' | 'struct' | 'percpu' | 'cpumask' | keyof Owners;

/** What some objects show. */
export interface Owners {
  readonly task: Process;
  readonly cgroup: Cgroup;
}

interface KernelObject {
  readonly kind: ObjectKind;
  readonly address: number;
  /** Bytes; of `percpu` those of one CPU. */
  readonly size: number;
  /** What the kernel keeps in it. */
  readonly fields: readonly ValueField[];
  readonly owner: unknown;
  refs: number;
}

/** What each costs outside of the linear memory, as far as it is counted. Bytes. */
const OVERHEAD = 256;

/**
 * The objects that programs hold, by address. They are kept beside the memory: an address that a program has made up is none, and what it writes over an
 * object changes nothing here.
 */
export class KernelObjects {
  readonly #machine: Machine;
  readonly #objects = new Map<number, KernelObject>();
  /** What is in kptr fields, by the field's address. */
  readonly #held = new Map<number, KernelObject>();
  /** The fields of objects, by their address. */
  readonly #fields = new Map<number, ValueField>();
  /** What nobody holds any more, and what that held, are freed one after the other. */
  readonly #dying: KernelObject[] = [];
  #frees = false;
  readonly graphs: Graphs;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.graphs = new Graphs(machine, this);
  }

  /** Address of `size` zeroed bytes that show something, with the one reference of what they show; 0 if there is no memory. */
  show<K extends keyof Owners>(kind: K, size: number, owner: Owners[K]): number {
    return this.alloc(kind, size, [], owner);
  }

  /** What the object of this kind at an address shows, if there is one. */
  owner<K extends keyof Owners>(address: number, kind: K): Owners[K] | undefined {
    const object = this.#objects.get(address);
    // Objects of a kind are made with owners of that kind.
    return object?.kind === kind ? (object.owner as Owners[K]) : undefined;
  }

  /** Address of `size` zeroed bytes (`percpu`: for each CPU), with one reference; 0 if there is no memory. */
  alloc(kind: ObjectKind, size: number, fields: readonly ValueField[] = [], owner?: unknown): number {
    const { memory, cpus } = this.#machine;
    const overhead = OVERHEAD * (1 + fields.length);
    if (!this.#machine.charge(overhead)) return 0;
    const address = memory.alloc(kind === 'percpu' ? size * cpus : size);
    if (address === 0) {
      this.#machine.uncharge(overhead);
      return 0;
    }
    const object: KernelObject = { kind, address, size, fields, owner, refs: 1 };
    this.#objects.set(address, object);
    for (const field of fields) {
      const at = address + field.offset;
      this.#fields.set(at, field);
      if (field.kind === 'list_node' || field.kind === 'rb_node') this.graphs.addNode(at, field.kind, address);
    }
    return address;
  }

  /** Bytes of the object of this kind at an address; 0 if there is none. */
  size(address: number, kind: ObjectKind): number {
    const object = this.#objects.get(address);
    return object?.kind === kind ? object.size : 0;
  }

  /** One reference more. False: there is no object at this address. */
  get(address: number): boolean {
    const object = this.#objects.get(address);
    if (object !== undefined) object.refs++;
    return object !== undefined;
  }

  /** One reference less; the object goes with the last. False: there is no such object. */
  put(address: number, kind?: ObjectKind): boolean {
    const object = this.#objects.get(address);
    if (object === undefined || (kind !== undefined && object.kind !== kind)) return false;
    this.#put(object);
    return true;
  }

  /** Whether there is such a field of an object at an address. */
  hasField(address: number, kind: ValueField['kind']): boolean {
    return this.#fields.get(address)?.kind === kind;
  }

  /** Puts an object (0: none), with its reference, into a kptr field; what was there, with its reference. `undefined`: there is no such object. */
  exchange(field: number, address: number): number | undefined {
    const object = this.#objects.get(address);
    if (object === undefined && address !== 0) return undefined;
    const old = this.#held.get(field);
    if (object === undefined) this.#held.delete(field);
    else this.#held.set(field, object);
    this.#machine.memory.dv.setBigUint64(field, BigInt(address), true);
    return old?.address ?? 0;
  }

  /** The field ends that is at an address: what it holds is let go of. */
  endField(address: number, kind: ValueField['kind']): void {
    if (kind === 'list_head' || kind === 'rb_root') this.graphs.endRoot(address);
    if (kind !== 'kptr') return;
    const object = this.#held.get(address);
    if (object === undefined) return;
    this.#held.delete(address);
    this.#put(object);
  }

  #put(object: KernelObject): void {
    if (--object.refs > 0 || this.#objects.get(object.address) !== object) return;
    this.#objects.delete(object.address);
    this.#dying.push(object);
    if (this.#frees) return;
    this.#frees = true;
    for (let next = this.#dying.pop(); next !== undefined; next = this.#dying.pop()) this.#free(next);
    this.#frees = false;
  }

  #free({ address, fields }: KernelObject): void {
    for (const { kind, offset } of fields) {
      const at = address + offset;
      this.#fields.delete(at);
      if (kind === 'list_node' || kind === 'rb_node') this.graphs.dropNode(at);
      else this.endField(at, kind);
    }
    this.#machine.memory.free(address);
    this.#machine.uncharge(OVERHEAD * (1 + fields.length));
  }
}
