import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Link } from '../links/link.ts';
import type { Machine } from '../machine.ts';
import { Placed } from '../placed.ts';
import { RefCounted } from '../refs.ts';
import { KernelStruct } from '../types/kernel-object.ts';
import { SeqFile } from './seq-file.ts';
import type { Members, Shown, Walk } from './targets.ts';

/** What BPF_ITER_CREATE makes, or who opens a pinned link: the link's program runs for one object after the other as it is read. */
export class BpfIterator extends RefCounted {
  readonly #link: Link;
  readonly #machine: Machine;
  readonly #name: string;
  readonly #walk: Walk;
  readonly #session: number;
  readonly #structs = new Map<string, KernelStruct>();
  readonly #seq = new SeqFile();
  #after = 0;
  #count = 0;
  #ended = false;

  /** `name`: of the target. */
  constructor(link: Link, name: string, walk: Walk) {
    super();
    this.#link = link.get();
    this.#machine = link.machine;
    this.#name = name;
    this.#walk = walk;
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
      const found = this.#walk.next(this.#after);
      if (found === undefined && this.#ended) break;
      const retval =
        found === undefined
          ? this.#run(this.#walk.end, Math.max(this.#count - 1, 0))
          : this.#run(found.members, this.#count);
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

  /** The program's result. `number`: of the object, counted from 0; behind the last one still that one's. */
  #run(members: Members, number: number): number | 'no memory' {
    const placed: Placed[] = [];
    try {
      const seq = this.#put({ struct: 'seq_file', values: { size: SeqFile.SIZE, count: this.#seq.length } }, placed);
      const values = { session_id: this.#session, seq_num: number };
      const meta = this.#put({ struct: 'bpf_iter_meta', values: { ...values, seq } }, placed);
      const shown = Object.entries(members).map(([name, member]) => [name, this.#putMember(member, placed)] as const);
      const context = this.#put(
        { struct: `bpf_iter__${this.#name}`, values: { meta, ...Object.fromEntries(shown) } },
        placed,
      );
      if (seq === 0 || meta === 0 || context === 0 || shown.some(([, at]) => at === 0)) return 'no memory';
      const subject = { kind: 'iter', seq, file: this.#seq } as const;
      return interpreterOf(this.#machine).runProgram(this.#link.prog, context, subject).value;
    } finally {
      for (const block of placed.splice(0)) block[Symbol.dispose]();
    }
  }

  #putMember(member: Members[string], placed: Placed[]): number {
    if (typeof member === 'number') return member;
    if (!(member instanceof Uint8Array)) return this.#put(member, placed);
    const block = Placed.put(this.#machine.memory, member);
    if (block !== undefined) placed.push(block);
    return block?.address ?? 0;
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
