import { BPF_ADDR_SPACE_CAST, BPF_PSEUDO_FUNC, type JumpOp } from '../../../isa/index.ts';
import type { ProgType } from '../../../uapi/bpf.ts';
import { calledBy } from '../interp/called.ts';
import type { Op } from './graph.ts';
import { ANYTHING, big, bitsOf, constant, isAddress, number, ofBig, POINTER, type Value } from './value.ts';

/** What is known of each register. */
export type Values = (Value | undefined)[];

/** Offsets of the context's 32-bit fields that are addresses of the packet. */
// biome-ignore format: aligned table
const PACKET_FIELDS: Partial<Record<ProgType, ReadonlySet<number>>> = {
  xdp: new Set([0, 4, 8]),
  sched_cls: new Set([76, 80, 140]), sched_act: new Set([76, 80, 140]), cgroup_skb: new Set([76, 80]), sk_skb: new Set([76, 80]), lwt_xmit: new Set([76, 80]),
  lwt_in: new Set([76, 80]), lwt_out: new Set([76, 80]), lwt_seg6local: new Set([76, 80]), flow_dissector: new Set([76, 80]),
};

/** What decides besides registers what an instruction leaves. */
export interface Known {
  readonly type: ProgType;
  /** The number at an address that never changes; `undefined`: it may, or nothing is known of it. `size`: bytes. */
  readonly constantAt: (address: number, size: number) => { readonly low: number; readonly high: number } | undefined;
}

/** Changes `values` as an instruction does. */
export function transfer(op: Op, values: Values, around: Known): void {
  if (op.result < 0) return;
  const result = resultValue(op, values, around);
  leave(op, result, values);
}

/** What is known behind an instruction that left `result`. */
export function leave({ operation, result: reg }: Op, result: Value, values: Values): void {
  const { kind } = operation;
  if (kind === 'call' || kind === 'ld_abs' || kind === 'ld_ind') values.fill(ANYTHING, 1, 6);
  values[reg] = result;
}

/** What an instruction leaves in its result register. */
export function resultValue(op: Op, values: Values, around: Known): Value {
  const { operation } = op;
  switch (operation.kind) {
    case 'alu': {
      const right = operation.source === 'imm' ? constant(op.imm, op.imm >> 31) : at(values, op.src);
      return aluResult(op, at(values, op.dst), right);
    }
    case 'neg':
      return number(operation.bits);
    case 'end':
      return endResult(op, at(values, op.dst));
    case 'load':
      return loadResult(op, at(values, op.src), around);
    case 'ld_imm64':
      // The address of a function is its number.
      return op.src === BPF_PSEUDO_FUNC ? constant(op.slot + 1 + op.imm, 0) : constant(op.imm, op.high);
    case 'ld_abs':
    case 'ld_ind':
    case 'atomic':
      return number(8 * operation.size);
    case 'call':
      return callResult(op);
    default:
      return ANYTHING;
  }
}

export function at(values: Values, reg: number): Value {
  return values[reg] ?? ANYTHING;
}

function loadResult({ operation, off, probed, inArena }: Op, base: Value, { type, constantAt }: Known): Value {
  if (operation.kind !== 'load' || operation.signed) return ANYTHING;
  if (base.kind === 'const' && base.high === 0 && !probed && !inArena) {
    const found = constantAt((base.low + off) >>> 0, operation.size);
    if (found !== undefined) return constant(found.low, found.high);
  }
  if (base.kind === 'context' && operation.size === 4 && PACKET_FIELDS[type]?.has(off)) return POINTER;
  return number(8 * operation.size);
}

function callResult(op: Op): Value {
  switch (calledBy(op)?.returns) {
    case 'map_value_or_null':
      return POINTER;
    case 'u32':
      return number(32);
    case 'void':
      return constant(0, 0);
    default:
      return ANYTHING;
  }
}

function endResult({ operation, imm }: Op, value: Value): Value {
  if (operation.kind === 'end' && operation.to === 'le') return number(Math.min(bitsOf(value), imm));
  return number(imm);
}

function aluResult(op: Op, left: Value, right: Value): Value {
  const { operation } = op;
  if (operation.kind !== 'alu') return ANYTHING;
  const { op: name, bits } = operation;
  if (name === 'mov') return moveResult(op.off, bits, right);
  if (bits === 64 && left.kind === 'const' && right.kind === 'const') return fold(name, left, right) ?? ANYTHING;
  if (bits === 64 && name === 'add') {
    if (left.kind === 'stack' && right.kind === 'const') return { kind: 'stack', off: left.off + right.low };
    if (isAddress(left) || isAddress(right)) return POINTER;
  }
  if (bits === 64 && name === 'sub' && isAddress(left) && right.kind === 'const')
    return left.kind === 'stack' ? { kind: 'stack', off: left.off - right.low } : POINTER;
  return number(Math.min(bits, resultBits(name, bits, op.off, cut(left, bits), cut(right, bits), right)));
}

/** Bits of a value as an operand of so many bits. */
function cut(value: Value, bits: number): number {
  return Math.min(bitsOf(value), bits);
}

function moveResult(off: number, bits: 32 | 64, value: Value): Value {
  if (off === BPF_ADDR_SPACE_CAST) return ANYTHING;
  if (off !== 0) return bitsOf(value) < off ? value : number(bits);
  if (bits === 64) return value;
  return value.kind === 'const' ? constant(value.low, 0) : number(cut(value, 32));
}

function resultBits(name: string, bits: number, off: number, left: number, right: number, shift: Value): number {
  const by = shift.kind === 'const' ? shift.low & (bits - 1) : undefined;
  switch (name) {
    case 'add':
      return Math.max(left, right) + 1;
    case 'mul':
      return left + right;
    case 'div':
    case 'mod':
      // With signs a number of all bits may come out of any.
      return off === 0 ? left : bits;
    case 'or':
    case 'xor':
      return Math.max(left, right);
    case 'and':
      return Math.min(left, right);
    case 'lsh':
      return by === undefined ? bits : left + by;
    case 'rsh':
      return by === undefined ? left : Math.max(0, left - by);
    case 'arsh':
      // With signs a number of all bits keeps them.
      return left === bits || by === undefined ? left : Math.max(0, left - by);
    default:
      return bits;
  }
}

function fold(
  name: string,
  left: { readonly low: number; readonly high: number },
  right: { readonly low: number; readonly high: number },
): Value | undefined {
  const [a, b] = [big(left), big(right)];
  const by = b & 63n;
  switch (name) {
    case 'add':
      return ofBig(a + b);
    case 'sub':
      return ofBig(a - b);
    case 'mul':
      return ofBig(a * b);
    case 'or':
      return ofBig(a | b);
    case 'and':
      return ofBig(a & b);
    case 'xor':
      return ofBig(a ^ b);
    case 'lsh':
      return ofBig(a << by);
    case 'rsh':
      return ofBig(BigInt.asUintN(64, a) >> by);
    case 'arsh':
      return ofBig(a >> by);
    default:
      return undefined;
  }
}

/** What is known of the left register where a jump was taken, or was not. */
export function refined(op: Op, taken: boolean, values: Values): Value | undefined {
  const { operation } = op;
  const known = values[op.dst];
  if (operation.kind !== 'jump' || operation.source !== 'imm') return known;
  const left = known ?? ANYTHING;
  if (operation.bits === 32 && bitsOf(left) > 32) return known;
  const equal = operation.op === (taken ? 'jeq' : 'jne');
  if (equal && left.kind !== 'stack') return constant(op.imm, operation.bits === 64 ? op.imm >> 31 : 0);
  const most = upperBound(operation.op, taken, operation.bits === 64 || op.imm >= 0 ? op.imm : op.imm >>> 0);
  if (most === undefined || most < 0 || left.kind !== 'number') return known;
  const bits = most > 0xffff_ffff ? 64 : 32 - Math.clz32(most);
  return bits < left.bits ? number(bits) : known;
}

/** The largest number for which an unsigned comparison goes this way. A negative `imm` of 64 bits bounds nothing. */
function upperBound(op: JumpOp, taken: boolean, imm: number): number | undefined {
  if (imm < 0) return undefined;
  switch (op) {
    case 'jgt':
      return taken ? undefined : imm;
    case 'jge':
      return taken ? undefined : imm - 1;
    case 'jlt':
      return taken ? imm - 1 : undefined;
    case 'jle':
      return taken ? imm : undefined;
    default:
      return undefined;
  }
}
