import { WasmBytes } from './wasm-bytes.ts';
import { type NumberType, OP, type OpName, TYPE } from './wasm-op.ts';

/** The body of one function that is being written. Parameters are the first locals. */
export class WasmCode {
  readonly #text: WasmBytes;
  readonly #params: number;
  readonly #locals: NumberType[] = [];

  /** `room`: bytes that there will be about. */
  constructor(params: number, room = 256) {
    this.#params = params;
    this.#text = new WasmBytes(room);
  }

  /** Bytes so far. */
  get length(): number {
    return this.#text.length;
  }

  local(type: NumberType): number {
    return this.#params + this.#locals.push(type) - 1;
  }

  op(name: OpName): void {
    const code = OP[name];
    if (code > 0xff) this.#text.byte(code >> 8);
    this.#text.byte(code & 0xff);
  }
  get(local: number): void {
    this.#text.byte(OP.local_get);
    this.#text.unsigned(local);
  }
  set(local: number): void {
    this.#text.byte(OP.local_set);
    this.#text.unsigned(local);
  }
  tee(local: number): void {
    this.#text.byte(OP.local_tee);
    this.#text.unsigned(local);
  }
  i32(value: number): void {
    this.#text.byte(OP.i32_const);
    this.#text.signed32(value);
  }
  i64(low: number, high: number): void {
    this.#text.byte(OP.i64_const);
    this.#text.signed64(low, high);
  }
  /** A load, store or plain atomic; `align`: its exponent, which is a hint but for atomics. `offset` is not negative. */
  memory(name: OpName, offset: number, align = 0): void {
    this.op(name);
    this.#text.unsigned(align);
    this.#text.unsigned(offset);
  }
  /** Pages of the memory. */
  size(): void {
    this.#text.byte(OP.memory_size);
    this.#text.byte(0);
  }
  copy(): void {
    this.op('memory_copy');
    this.#text.byte(0);
    this.#text.byte(0);
  }
  fill(): void {
    this.op('memory_fill');
    this.#text.byte(0);
  }
  /** Returns a number from the function. */
  answer(value: number): void {
    this.i32(value);
    this.op('return');
  }
  /** Likewise if what is on the stack is not 0. */
  answerIf(value: number): void {
    this.block('if');
    this.answer(value);
    this.end();
  }
  block(kind: 'block' | 'loop' | 'if', result?: NumberType): void {
    this.#text.byte(OP[kind]);
    this.#text.byte(result === undefined ? TYPE.empty : TYPE[result]);
  }
  end(): void {
    this.#text.byte(OP.end);
  }
  /** To the end of a block, or the start of a loop, `depth` blocks further out than the innermost. */
  br(depth: number): void {
    this.#text.byte(OP.br);
    this.#text.unsigned(depth);
  }
  brIf(depth: number): void {
    this.#text.byte(OP.br_if);
    this.#text.unsigned(depth);
  }
  brTable(depths: readonly number[], otherwise: number): void {
    this.#text.byte(OP.br_table);
    this.#text.unsigned(depths.length);
    for (const depth of depths) this.#text.unsigned(depth);
    this.#text.unsigned(otherwise);
  }
  call(func: number): void {
    this.#text.byte(OP.call);
    this.#text.unsigned(func);
  }
  returnCall(func: number): void {
    this.#text.byte(OP.return_call);
    this.#text.unsigned(func);
  }
  callIndirect(name: 'call_indirect' | 'return_call_indirect', type: number): void {
    this.op(name);
    this.#text.unsigned(type);
    this.#text.byte(0); // the only table
  }

  /** The function as the module has it: its locals by runs of one type, then the text, then its end. */
  finish(): Uint8Array {
    const out = new WasmBytes(this.length + 64);
    const runs: [count: number, type: NumberType][] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    out.unsigned(runs.length);
    for (const [count, type] of runs) {
      out.unsigned(count);
      out.byte(TYPE[type]);
    }
    out.append(this.#text.bytes);
    out.byte(OP.end);
    return out.bytes;
  }
}
