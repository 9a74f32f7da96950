import { helperFunction } from '../uapi/helpers.ts';
import type { Insn } from './insn.ts';
import { BPF_ADDR_PERCPU, BPF_ADDR_SPACE_CAST, BPF_NOSPEC, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL } from './opcode.ts';
import { ALU_OPS, atomicOf, JUMP_OPS, type MemSize, type Operation, operationOf } from './table.ts';

export interface FormatOptions {
  /** The text for the 64-bit immediate of `ld_imm64`, `undefined` for plain hex. */
  readonly immediate?: (insn: Insn, value: bigint) => string | undefined;
  /** The text after `call `, `undefined` for the default: `bpf_NAME#ID`, `pc+OFF`, `kernel-function#ID`. */
  readonly call?: (insn: Insn) => string | undefined;
}

/**
 * One instruction as the Linux kernel writes it in `bpftool prog dump xlated` and in the verifier's log: `(07) r2 += -4`.
 * `next` is the slot that follows, for the high half of `ld_imm64`.
 */
export function formatInsn(insn: Insn, next: Insn | undefined, options: FormatOptions = {}): string {
  const code = insn.opcode.toString(16).padStart(2, '0');
  const operation = operationOf(insn.opcode);
  const text = operation && formatOperation(insn, next, operation, options);
  if (text !== undefined) return `(${code}) ${text}`;
  return insn.opcode === BPF_NOSPEC ? `(${code}) nospec` : `BUG_${code}`;
}

/** `undefined`: the operation's opcode is known, but not its variant. */
function formatOperation(
  insn: Insn,
  next: Insn | undefined,
  operation: Operation,
  options: FormatOptions,
): string | undefined {
  const { dst, src, off, imm } = insn;
  switch (operation.kind) {
    case 'alu':
      return formatAlu(insn, operation);
    case 'neg': {
      const r = register(operation.bits);
      return `${r}${dst} = -${r}${dst}`;
    }
    case 'end':
      return `r${dst} = ${operation.to === 'swap' ? 'bswap' : operation.to}${imm} r${dst}`;
    case 'load':
      return `r${dst} = *(${type(operation.size, operation.signed)} *)(r${src} ${signed(off)})`;
    case 'store':
      return `${memory(insn, operation.size)} = ${operation.source === 'reg' ? `r${src}` : imm}`;
    case 'atomic':
      return formatAtomic(insn, operation.size);
    case 'ld_imm64': {
      const value = BigInt.asUintN(32, BigInt(imm)) | (BigInt.asUintN(32, BigInt(next?.imm ?? 0)) << 32n);
      return `r${dst} = ${options.immediate?.(insn, value) ?? `0x${value.toString(16)}`}`;
    }
    case 'ld_abs':
      return `r0 = *(${type(operation.size)} *)skb[${imm}]`;
    case 'ld_ind':
      return `r0 = *(${type(operation.size)} *)skb[r${src} + ${imm}]`;
    case 'jump': {
      const r = register(operation.bits);
      const operand = operation.source === 'reg' ? `${r}${src}` : `0x${(imm >>> 0).toString(16)}`;
      return `if ${r}${dst} ${JUMP_OPS[operation.op][1]} ${operand} goto pc${signed(off)}`;
    }
    case 'goto':
      return operation.wide ? `gotol pc${signed(imm)}` : `goto pc${signed(off)}`;
    case 'may_goto':
      return `may_goto pc${signed(off)}`;
    case 'call':
      return `call ${options.call?.(insn) ?? formatCall(insn)}`;
    case 'exit':
      return 'exit';
  }
}

function formatAlu(insn: Insn, { op, bits, source }: Extract<Operation, { kind: 'alu' }>): string {
  const { dst, src, off, imm } = insn;
  const r = register(bits);
  if (op === 'mov' && source === 'reg') {
    if (bits === 64 && off === BPF_ADDR_PERCPU) return `r${dst} = &(void __percpu *)(r${src})`;
    if (bits === 64 && off === BPF_ADDR_SPACE_CAST)
      return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
    if (off === 8 || off === 16 || off === 32) return `${r}${dst} = (s${off})${r}${src}`;
  }
  const signedDivision = (op === 'div' || op === 'mod') && off === 1;
  const symbol = `${signedDivision ? 's' : ''}${ALU_OPS[op][1]}`;
  return `${r}${dst} ${symbol} ${source === 'reg' ? `${r}${src}` : imm}`;
}

function formatAtomic(insn: Insn, size: MemSize): string | undefined {
  const { dst, src, off, imm } = insn;
  const atomic = atomicOf(imm);
  const place = `(${type(size)} *)(r${dst} ${signed(off)})`;
  const width = size === 8 ? '64' : '';
  if (atomic === undefined) return undefined;
  switch (atomic.op) {
    case 'cmpxchg':
      return `r0 = atomic${width}_cmpxchg(${place}, r0, r${src})`;
    case 'xchg':
      return `r${src} = atomic${width}_xchg(${place}, r${src})`;
    case 'load':
      return `r${dst} = load_acquire((${type(size)} *)(r${src} ${signed(off)}))`;
    case 'store':
      return `store_release(${place}, r${src})`;
    default:
      return atomic.fetch
        ? `r${src} = atomic${width}_fetch_${atomic.op}(${place}, r${src})`
        : `lock *${place} ${ALU_OPS[atomic.op][1]} r${src}`;
  }
}

function formatCall({ src, imm }: Insn): string {
  if (src === BPF_PSEUDO_CALL) return `pc${signed(imm)}`;
  if (src === BPF_PSEUDO_KFUNC_CALL) return `kernel-function#${imm}`;
  return `${(src === 0 ? helperFunction(imm) : undefined) ?? 'unknown'}#${imm}`;
}

function register(bits: 32 | 64): 'w' | 'r' {
  return bits === 32 ? 'w' : 'r';
}

function memory({ dst, off }: Insn, size: MemSize): string {
  return `*(${type(size)} *)(r${dst} ${signed(off)})`;
}

function type(size: MemSize, isSigned = false): string {
  return `${isSigned ? 's' : 'u'}${8 * size}`;
}

function signed(n: number): string {
  return n < 0 ? String(n) : `+${n}`;
}
