import { STACK_SIZE } from '../interp/run.ts';
import { BOTH, DEAD } from './demand.ts';
import type { Op } from './graph.ts';
import { type Known, leave, resultValue, type Values } from './transfer.ts';
import { ANYTHING, isNarrow, type Value } from './value.ts';
import { WasmCode } from './wasm-code.ts';
import type { NumberType } from './wasm-op.ts';

/** Where a register is: in its local of 32 bits (its high word is 0, or nobody asks for it), in that of 64 bits, or nowhere. */
export type Place = NumberType | undefined;

/** Bytes of WebAssembly that an instruction becomes, about. */
const BYTES_FOR_ONE = 10;

/** Where a register should be of whose value so much is known, and so much demanded. */
export function placeOf(value: Value | undefined, wanted: number): Place {
  if (wanted === DEAD || value?.kind === 'const' || value?.kind === 'stack') return undefined;
  return wanted === BOTH && !(value !== undefined && isNarrow(value)) ? 'i64' : 'i32';
}

/**
 * The text of one function, and what is known where it is being written. A register has up to two locals, one of 32 and one of 64 bits, of which one counts at any
 * point; what is a constant, or an address of the stack, has none, and is written where it is read.
 */
export class FunctionText {
  readonly code: WasmCode;
  readonly around: Known;
  /** Bytes of its stacks. */
  readonly stackSize: number;
  values: Values = [];
  places: Place[] = [];
  readonly #locals: Record<NumberType, (number | undefined)[]> = { i32: [], i64: [] };
  /** Has the address of the stacks' first byte. */
  readonly #stack: number;
  readonly #frame: number;
  /** What the instruction that is being written leaves in its result register, and where that should be. */
  #result: Value = ANYTHING;
  #place: Place;
  readonly #spare: Record<NumberType, number[]> = { i32: [], i64: [] };

  /** `frame`: the parameter that has the address of the end of its stack. `insns`: how many it is written from. */
  constructor(params: number, frame: number, frames: number, around: Known, insns: number) {
    this.code = new WasmCode(params, BYTES_FOR_ONE * insns + 64);
    this.#frame = frame;
    this.stackSize = STACK_SIZE * frames;
    this.around = around;
    this.#stack = this.code.local('i32');
  }

  /** Says that a register begins in a parameter. */
  parameter(reg: number, type: NumberType, param: number): void {
    this.#locals[type][reg] = param;
    this.places[reg] = type;
  }

  /** Before the first instruction. */
  begin(): void {
    this.code.get(this.#frame);
    this.code.i32(this.stackSize);
    this.code.op('i32_sub');
    this.code.set(this.#stack);
  }

  /** The local of a register. */
  local(reg: number, type: NumberType): number {
    this.#locals[type][reg] ??= this.code.local(type);
    return this.#locals[type][reg];
  }

  /** Calls with a local that is nobody's meanwhile. */
  withLocal<T>(type: NumberType, use: (local: number) => T): T {
    const local = this.#spare[type].pop() ?? this.code.local(type);
    const result = use(local);
    this.#spare[type].push(local);
    return result;
  }

  value(reg: number): Value | undefined {
    return this.values[reg];
  }

  isNarrow(reg: number): boolean {
    const value = this.values[reg];
    return value !== undefined && isNarrow(value);
  }

  /** Puts the low word of a register on the stack of WebAssembly. */
  read32(reg: number): void {
    const value = this.values[reg];
    if (value?.kind === 'const') this.code.i32(value.low);
    else if (value?.kind === 'stack') this.stackAddress(value.off);
    else if (this.places[reg] === 'i32') this.code.get(this.local(reg, 'i32'));
    else if (this.places[reg] === 'i64') {
      this.code.get(this.local(reg, 'i64'));
      this.code.op('i32_wrap_i64');
    } else this.code.i32(0); // nobody wrote it
  }

  read64(reg: number): void {
    const value = this.values[reg];
    if (value?.kind === 'const') this.code.i64(value.low, value.high);
    else if (value?.kind === 'stack' || this.places[reg] === 'i32') {
      this.read32(reg);
      this.code.op('i64_extend_i32_u');
    } else if (this.places[reg] === 'i64') this.code.get(this.local(reg, 'i64'));
    else this.code.i64(0, 0);
  }

  /** The high word as a number of 32 bits. */
  readHigh(reg: number): void {
    const value = this.values[reg];
    if (value?.kind === 'const') this.code.i32(value.high);
    else if (this.places[reg] === 'i64') {
      this.code.get(this.local(reg, 'i64'));
      this.code.i64(32, 0);
      this.code.op('i64_shr_u');
      this.code.op('i32_wrap_i64');
    } else this.code.i32(0);
  }

  stackAddress(off: number): void {
    this.code.get(this.#stack);
    this.code.i32(this.stackSize + off);
    this.code.op('i32_add');
  }

  /** Puts an address on the stack for an access at `off` from what a register holds; the part of the offset that goes into the access itself. */
  address(reg: number, off: number): number {
    const value = this.values[reg];
    if (value?.kind === 'stack') {
      this.code.get(this.#stack);
      return this.stackSize + value.off + off;
    }
    if (value?.kind === 'const') {
      this.code.i32(value.low + off);
      return 0;
    }
    this.read32(reg);
    if (off >= 0) return off;
    this.code.i32(off);
    this.code.op('i32_add');
    return 0;
  }

  /** The address of the end of the stack that a function has which is called from `depth`. */
  calleeFrame(depth: number): void {
    this.code.get(this.#frame);
    this.code.i32(STACK_SIZE * (depth + 1));
    this.code.op('i32_sub');
  }

  /** Before an instruction. `wanted`: what is demanded of its result. */
  start(op: Op, wanted: number): void {
    if (op.result < 0) return;
    this.#result = resultValue(op, this.values, this.around);
    this.#place = placeOf(this.#result, wanted);
  }

  /** The type that the result of the instruction should be in; `undefined`: nobody needs it, or it is written where it is read. */
  get resultType(): Place {
    return this.#place;
  }

  /** Takes the result of `op` from the stack into a register. */
  write(reg: number, type: NumberType): void {
    this.code.set(this.local(reg, type));
    this.places[reg] = type;
  }

  /** Takes what the stack has, of this type, though `wantedType` is what the register should be in: `signed`, if a longer one is. */
  writeAs(reg: number, type: NumberType, wantedType: NumberType | undefined, signed = false): void {
    if (wantedType === undefined) {
      this.code.op('drop');
      return;
    }
    if (type === 'i32' && wantedType === 'i64') this.code.op(signed ? 'i64_extend_i32_s' : 'i64_extend_i32_u');
    if (type === 'i64' && wantedType === 'i32') this.code.op('i32_wrap_i64');
    this.write(reg, wantedType);
  }

  /** Keeps what a register holds in a local of its own; `undefined` if its high word is nowhere. */
  keep(reg: number): number | undefined {
    if (this.places[reg] !== 'i64') return undefined;
    const local = this.code.local('i64');
    this.read64(reg);
    this.code.set(local);
    return local;
  }

  /** Writes `op` as what it amounts to: turning the number in a local to the left. False: not all of its result is wanted. */
  rotate(op: Op, local: number, by: number): boolean {
    if (this.resultType !== 'i64') return false;
    this.code.get(local);
    this.code.i64(by, 0);
    this.code.op('i64_rotl');
    this.write(op.dst, 'i64');
    return true;
  }

  /** After an instruction: what it made a constant is in no local. */
  advance(op: Op): void {
    if (op.result < 0) return;
    leave(op, this.#result, this.values);
    const { kind } = this.#result;
    if (kind === 'const' || kind === 'stack') this.places[op.result] = undefined;
  }
}
