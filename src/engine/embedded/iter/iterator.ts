import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { ProgLink } from '../links/link.ts';
import type { Machine } from '../machine.ts';
import { RefCounted } from '../refs.ts';
import { Showing } from '../types/shown.ts';
import { SeqFile } from './seq-file.ts';
import type { Members, Walk } from './targets.ts';

/** What BPF_ITER_CREATE makes, or who opens a pinned link: the link's program runs for one object after the other as it is read. */
export class BpfIterator extends RefCounted {
  readonly #link: ProgLink;
  readonly #machine: Machine;
  readonly #name: string;
  readonly #walk: Walk;
  readonly #session: number;
  readonly #seq = new SeqFile();
  #after = 0;
  #count = 0;
  #ended = false;

  /** `name`: of the target. */
  constructor(link: ProgLink, name: string, walk: Walk) {
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
    using showing = new Showing(this.#machine);
    const seq = showing.put({ struct: 'seq_file', values: { size: SeqFile.SIZE, count: this.#seq.length } });
    const values = { session_id: this.#session, seq_num: number };
    const meta = showing.put({ struct: 'bpf_iter_meta', values: { ...values, seq } });
    const shown = Object.entries(members).map(([name, member]) => [name, putMember(showing, member)] as const);
    const context = showing.put({
      struct: `bpf_iter__${this.#name}`,
      values: { meta, ...Object.fromEntries(shown) },
    });
    if (seq === 0 || meta === 0 || context === 0 || shown.some(([, at]) => at === 0)) return 'no memory';
    const subject = { kind: 'iter', seq, file: this.#seq } as const;
    return interpreterOf(this.#machine).runProgram(this.#link.prog, context, subject).value;
  }
}

function putMember(showing: Showing, member: Members[string]): number {
  if (typeof member === 'number') return member;
  return member instanceof Uint8Array ? showing.putBytes(member) : showing.put(member);
}
