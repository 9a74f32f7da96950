import type { FormatOptions } from './format.ts';
import type { Insn } from './insn.ts';
import { BPF_ADDR_SPACE_CAST } from './opcode.ts';
import { ALU_OPS, atomicOf, JUMP_OPS, type MemSize, type Operation, operationOf } from './table.ts';

export interface LlvmOptions extends FormatOptions {
  /** Where a jump leads, by its distance in slots from the next instruction: `+0x3 <NAME>`. `undefined`: only the distance. */
  readonly target?: (insn: Insn, distance: number) => string | undefined;
  /** As with `--mcpu=v3` and later: loads and stores of up to 4 bytes name the register `w1`. */
  readonly alu32?: boolean;
}

/**
 * One instruction as `llvm-objdump -d --no-show-raw-insn` of LLVM 19 writes it: `r2 += -0x4`. `next` is the slot that follows, for the high half
 * of `ld_imm64`; what `options.immediate` gives stands before ` ll`. `<unknown>` for what is no instruction.
 *
 * Three things the tool does not say or says wrongly, and they are written out here: `imm` of `skb[r1]` if it is not 0, the high half of
 * `ld_pseudo`, and atomic operations other than `lock … +=` on 32 bits (which it knows with `--mcpu=v3`) or of LLVM 20 (`load_acquire`).
 */
export function formatLlvm(insn: Insn, next: Insn | undefined, options: LlvmOptions = {}): string {
  const operation = operationOf(insn.opcode);
  return (operation && formatOperation(insn, next, operation, options)) ?? '<unknown>';
}

function formatOperation(
  insn: Insn,
  next: Insn | undefined,
  operation: Operation,
  options: LlvmOptions,
): string | undefined {
  const { dst, src, off, imm } = insn;
  const jump = (distance: number) => {
    const name = options.target?.(insn, distance);
    return `${distance < 0 ? '' : '+'}${hex(distance)}${name === undefined ? '' : ` <${name}>`}`;
  };
  // Only loads and stores that LLVM's 32-bit registers can hold are written with them.
  const accessed = (size: MemSize) => (options.alu32 === true && size < 8 ? 'w' : 'r');
  switch (operation.kind) {
    case 'alu':
      return formatAlu(insn, operation);
    case 'neg': {
      const r = register(operation.bits);
      return `${r}${dst} = -${r}${dst}`;
    }
    case 'end':
      return `r${dst} = ${operation.to === 'swap' ? 'bswap' : operation.to}${imm} r${dst}`;
    case 'load': {
      const r = operation.signed ? 'r' : accessed(operation.size);
      return `${r}${dst} = *(${operation.signed ? 's' : 'u'}${8 * operation.size} *)(${place(src, off)})`;
    }
    case 'store': {
      const value = operation.source === 'reg' ? `${accessed(operation.size)}${src}` : hex(imm);
      return `*${typed(dst, off, operation.size)} = ${value}`;
    }
    case 'atomic':
      return formatAtomic(insn, operation.size, options.alu32 === true);
    case 'ld_imm64': {
      const value = BigInt.asUintN(32, BigInt(imm)) | (BigInt.asUintN(32, BigInt(next?.imm ?? 0)) << 32n);
      const text = options.immediate?.(insn, value);
      if (text !== undefined) return `r${dst} = ${text} ll`;
      return src === 0
        ? `r${dst} = ${hex(BigInt.asIntN(64, value))} ll`
        : `ld_pseudo\tr${dst}, ${hex(src)}, ${hex(value)}`;
    }
    case 'ld_abs':
      return `r0 = *(u${8 * operation.size} *)skb[${hex(imm)}]`;
    case 'ld_ind':
      return `r0 = *(u${8 * operation.size} *)skb[r${src}${imm === 0 ? '' : ` + ${hex(imm)}`}]`;
    case 'jump': {
      const r = register(operation.bits);
      const operand = operation.source === 'reg' ? `${r}${src}` : hex(imm);
      return `if ${r}${dst} ${JUMP_OPS[operation.op][1]} ${operand} goto ${jump(off)}`;
    }
    case 'goto':
      return operation.wide ? `gotol ${jump(imm)}` : `goto ${jump(off)}`;
    case 'may_goto':
      return `may_goto ${jump(off)}`;
    case 'call':
      return `call ${options.call?.(insn) ?? hex(imm)}`;
    case 'exit':
      return 'exit';
  }
}

function formatAlu(insn: Insn, { op, bits, source }: Extract<Operation, { kind: 'alu' }>): string | undefined {
  const { dst, src, off, imm } = insn;
  const r = register(bits);
  const isDivision = op === 'div' || op === 'mod';
  if (op === 'mov' && source === 'reg' && off !== 0) {
    if (bits === 64 && off === BPF_ADDR_SPACE_CAST)
      return `r${dst} = addr_space_cast(r${src}, ${hex(imm >>> 16)}, ${hex(imm & 0xffff)})`;
    return off === 8 || off === 16 || (off === 32 && bits === 64) ? `${r}${dst} = (s${off})${r}${src}` : undefined;
  }
  if (off !== 0 && !(isDivision && off === 1)) return undefined;
  const symbol = `${off === 1 ? 's' : ''}${ALU_OPS[op][1]}`;
  return `${r}${dst} ${symbol} ${source === 'reg' ? `${r}${src}` : hex(imm)}`;
}

function formatAtomic(insn: Insn, size: MemSize, alu32: boolean): string | undefined {
  const { dst, src, off, imm } = insn;
  const atomic = atomicOf(imm);
  if (atomic === undefined) return undefined;
  const memory = typed(dst, off, size);
  const r = size === 8 ? 'r' : 'w';
  switch (atomic.op) {
    case 'load':
      return `${r}${dst} = load_acquire(${typed(src, off, size)})`;
    case 'store':
      return `store_release(${memory}, ${r}${src})`;
    default:
      if (size < 4) return undefined;
  }
  const exchange = size === 8 ? '_64' : '32_32';
  switch (atomic.op) {
    case 'xchg':
      return `${r}${src} = xchg${exchange}(${place(dst, off)}, ${r}${src})`;
    case 'cmpxchg':
      return `${r}0 = cmpxchg${exchange}(${place(dst, off)}, ${r}0, ${r}${src})`;
    default: {
      if (atomic.fetch) return `${r}${src} = atomic_fetch_${atomic.op}(${memory}, ${r}${src})`;
      const value = atomic.op === 'add' && !alu32 ? 'r' : r;
      return `lock *${memory} ${ALU_OPS[atomic.op][1]} ${value}${src}`;
    }
  }
}

function register(bits: 32 | 64): 'w' | 'r' {
  return bits === 32 ? 'w' : 'r';
}

function typed(base: number, off: number, size: MemSize): string {
  return `(u${8 * size} *)(${place(base, off)})`;
}

function place(base: number, off: number): string {
  return `r${base} ${off < 0 ? '-' : '+'} ${hex(Math.abs(off))}`;
}

function hex(n: number | bigint): string {
  return n < 0 ? `-0x${(-n).toString(16)}` : `0x${n.toString(16)}`;
}
