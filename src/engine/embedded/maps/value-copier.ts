import type { Machine } from '../machine.ts';
import type { FieldKind, ValueField } from './value-fields.ts';

/** Copies values of one map, `size` bytes each: what the kernel keeps for itself in them is neither written over nor shown. */
export class ValueCopier {
  readonly fields: readonly ValueField[];
  readonly #machine: Machine;
  readonly #size: number;

  constructor(machine: Machine, size: number, fields: readonly ValueField[]) {
    this.#machine = machine;
    this.#size = size;
    this.fields = fields;
  }

  has(kind: FieldKind): boolean {
    return this.fields.some((field) => field.kind === kind);
  }

  /** Writes a value over that at `to`, whose fields stay as they are. `size`: for per-CPU values of user space, which are padded, and padding counts. */
  write(to: number, from: number, size = this.#size): void {
    const { memory } = this.#machine;
    let start = 0;
    for (const field of this.fields) {
      memory.copy(to + start, from + start, field.offset - start);
      start = field.offset + field.size;
    }
    memory.copy(to + start, from + start, size - start);
  }

  /** Copies a value for whom its fields are zeros. */
  show(out: number, from: number, size = this.#size): void {
    this.#machine.memory.copy(out, from, size);
    this.begin(out);
  }

  /** The fields of a value begin, as zeros. */
  begin(value: number): void {
    const { u8 } = this.#machine.memory;
    for (const { offset, size } of this.fields) u8.fill(0, value + offset, value + offset + size);
  }

  /** What the fields of a value hold ends; a lock has nothing and stays. */
  drop(value: number): void {
    const { memory, mapTimers, objects } = this.#machine;
    for (const { kind, offset, size } of this.fields) {
      if (kind === 'spin_lock' || kind === 'res_spin_lock' || kind === 'refcount') continue;
      if (kind === 'timer' || kind === 'wq') mapTimers.end(value + offset);
      else objects.endField(value + offset, kind);
      memory.u8.fill(0, value + offset, value + offset + size);
    }
  }

  /** The field that starts `offset` bytes from the start of the value. */
  at(offset: number): ValueField | undefined {
    return this.fields.find((field) => field.offset === offset);
  }
}
