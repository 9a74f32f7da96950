import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Link } from '../links/link.ts';
import type { Machine } from '../machine.ts';
import { Placed } from '../placed.ts';
import { RefCounted } from '../refs.ts';
import { KernelStruct } from '../types/kernel-object.ts';
import { SeqFile } from './seq-file.ts';
import type { IterTarget, Shown } from './targets.ts';

/** What BPF_ITER_CREATE makes, or who opens a pinned link: the link's program runs for one object after the other as it is read. */
export class BpfIterator extends RefCounted {
  readonly #link: Link;
  readonly #machine: Machine;
  readonly #target: IterTarget;
  readonly #session: number;
  readonly #structs = new Map<string, KernelStruct>();
  readonly #seq = new SeqFile();
  #after = 0;
  #count = 0;
  #ended = false;

  constructor(link: Link, target: IterTarget) {
    super();
    this.#link = link.get();
    this.#machine = link.machine;
    this.#target = target;
    this.#session = ++link.machine.iterators;
  }

  protected override destroy(): void {
    this.#link.put();
  }

  /**
   * read(2): bytes put into `buffer`, or -errno. -E2BIG: the program wrote more about one object than there is room; -EAGAIN: it asked to be called again.
   */
  read(buffer: Uint8Array): number {
    const rest = this.#seq.take(buffer);
    if (rest > 0) return rest;
    while (this.#seq.length < buffer.length) {
      const before = this.#seq.length;
      const found = this.#target.next(this.#machine, this.#after);
      if (found === undefined && this.#ended) break;
      const retval = this.#run(found?.shown);
      const error =
        typeof retval === 'string' ? errno.ENOMEM : this.#seq.overflowed ? errno.E2BIG : retval ? errno.EAGAIN : 0;
      // Behind the last object it does not matter what the program says.
      if (error !== 0 && (found !== undefined || error === errno.E2BIG)) {
        this.#seq.cut(before);
        if (before === 0) return -error;
        break;
      }
      if (found === undefined) {
        this.#ended = true;
        break;
      }
      this.#after = found.id;
      this.#count++;
    }
    return this.#seq.take(buffer);
  }

  /** The program's result. `shown`: `undefined` behind the last object. */
  #run(shown: Shown | undefined): number | 'no memory' {
    const placed: Placed[] = [];
    try {
      const seq = this.#put({ struct: 'seq_file', values: { size: SeqFile.SIZE, count: this.#seq.length } }, placed);
      const values = { session_id: this.#session, seq_num: this.#count };
      const meta = this.#put({ struct: 'bpf_iter_meta', values: { ...values, seq } }, placed);
      const object = shown === undefined ? 0 : this.#put(shown, placed);
      const context = this.#put(
        { struct: `bpf_iter__${this.#target.name}`, values: { meta, [this.#target.member]: object } },
        placed,
      );
      if (seq === 0 || meta === 0 || context === 0 || (object === 0 && shown !== undefined)) return 'no memory';
      const subject = { kind: 'iter', seq, file: this.#seq } as const;
      return interpreterOf(this.#machine).runProgram(this.#link.prog, context, subject).value;
    } finally {
      for (const block of placed.splice(0)) block[Symbol.dispose]();
    }
  }

  /** The address of a copy of it, and of all that it leads to; 0 if there is no memory. */
  #put({ struct: name, values, to = {} }: Shown, placed: Placed[]): number {
    const { memory, vmlinux } = this.#machine;
    let struct = this.#structs.get(name);
    if (struct === undefined) {
      struct = new KernelStruct(vmlinux.btf, name);
      this.#structs.set(name, struct);
    }
    const block = Placed.put(memory, new Uint8Array(Math.max(struct.size, 8)));
    if (block === undefined) return 0;
    placed.push(block);
    const pointers = Object.entries(to).map(([member, shown]) => [member, this.#put(shown, placed)]);
    struct.write(memory, block.address, { ...values, ...Object.fromEntries(pointers) });
    return block.address;
  }
}
