import { BpfError } from '../errors.ts';
import { atomicOf, type Insn, LD_IMM64, type Operation, operationOf, parseAssembly } from '../isa/index.ts';
import type { Step } from './log.ts';

/** What an instruction of a log does, as far as the explanation follows it. */
export type Effect =
  /** `dst` is the number that is written there. */
  | { readonly kind: 'constant'; readonly dst: number; readonly value: number }
  /** `dst` is an address: of a map, of a variable, … */
  | { readonly kind: 'address'; readonly dst: number }
  | { readonly kind: 'copy'; readonly dst: number; readonly src: number; readonly narrow: boolean }
  /** `src`: `undefined` if the second operand is a number. */
  | {
      readonly kind: 'alu';
      readonly dst: number;
      readonly src: number | undefined;
      readonly op: string;
      readonly imm: number;
    }
  | { readonly kind: 'load'; readonly dst: number; readonly base: number; readonly off: number; readonly size: number }
  | {
      readonly kind: 'store';
      readonly base: number;
      readonly off: number;
      readonly size: number;
      readonly src: number | undefined;
    }
  | { readonly kind: 'jump'; readonly dst: number; readonly src: number | undefined; readonly target: number }
  /** Of a helper or a function of the kernel; its name as the log writes it. */
  | { readonly kind: 'call'; readonly name: string }
  /** Of a function of the program. */
  | { readonly kind: 'enter' }
  | { readonly kind: 'exit' }
  | { readonly kind: 'other' };

const NOTHING: Effect = { kind: 'other' };
const FUNCTION_CALL = /^call pc[-+]/;
const CALL = /^call ([\w.]+)(?:#|$)/;

/** What is no instruction of ours, or changes no register that matters, is `other`. */
export function effectOf({ text, opcode, insn }: Step): Effect {
  if (FUNCTION_CALL.test(text)) return { kind: 'enter' };
  const called = CALL.exec(text)?.[1];
  if (called !== undefined) return { kind: 'call', name: called };
  const address = opcode === LD_IMM64 ? /^r(\d+) =/.exec(text)?.[1] : undefined;
  if (address !== undefined) return { kind: 'address', dst: Number(address) };
  const parsed = parse(text);
  const operation = parsed === undefined ? undefined : operationOf(parsed.opcode);
  return parsed === undefined || operation === undefined ? NOTHING : effect(parsed, operation, insn);
}

function parse(text: string): Insn | undefined {
  try {
    return parseAssembly(text)[0];
  } catch (error) {
    if (error instanceof BpfError) return undefined; // a notation of another kernel
    throw error;
  }
}

function effect(insn: Insn, operation: Operation, at: number): Effect {
  const { dst, src, off, imm } = insn;
  switch (operation.kind) {
    case 'alu': {
      const from = operation.source === 'reg' ? src : undefined;
      if (operation.op !== 'mov') return { kind: 'alu', dst, src: from, op: operation.op, imm };
      if (from === undefined) return { kind: 'constant', dst, value: imm };
      return { kind: 'copy', dst, src: from, narrow: operation.bits === 32 || off !== 0 };
    }
    case 'neg':
    case 'end':
      return { kind: 'alu', dst, src: undefined, op: operation.kind, imm };
    case 'load':
      return { kind: 'load', dst, base: src, off, size: operation.size };
    case 'store':
      return { kind: 'store', base: dst, off, size: operation.size, src: operation.source === 'reg' ? src : undefined };
    case 'atomic': {
      const atomic = atomicOf(imm);
      if (atomic?.fetch !== true) return NOTHING;
      if (atomic.op === 'load') return { kind: 'load', dst, base: src, off, size: operation.size };
      return { kind: 'load', dst: atomic.op === 'cmpxchg' ? 0 : src, base: dst, off, size: operation.size };
    }
    case 'ld_abs':
    case 'ld_ind':
      return { kind: 'call', name: 'a load from the packet (BPF_LD_ABS)' };
    case 'jump':
      return { kind: 'jump', dst, src: operation.source === 'reg' ? src : undefined, target: at + 1 + off };
    case 'exit':
      return { kind: 'exit' };
    default:
      return NOTHING;
  }
}
