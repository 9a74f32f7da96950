import {
  atomicOf,
  BPF_ADDR_SPACE_CAST,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_REG_10,
  type Insn,
  insnSlots,
  type Operation,
  operationOf,
} from '../../../isa/index.ts';
import { HELPERS, helperFunction } from '../../../uapi/helpers.ts';
import { HELPER_BY_ID } from '../helpers/index.ts';
import type { ProgType } from './prog-type.ts';
import { type Rejection, reject } from './rejection.ts';

/** Every instruction's fields are such that the instruction exists, and what it calls may be called. After the maps are resolved. */
export function checkInsns(insns: readonly Insn[], type: ProgType, gpl: boolean): Rejection | undefined {
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i];
    const operation = insn && operationOf(insn.opcode);
    if (insn === undefined || operation === undefined) continue; // found by checkOpcodes
    const found = checkRegisters(insn, operation) ?? checkFields(insn, operation, type) ?? checkCall(insn, operation, type, gpl);
    if (found !== undefined) return found;
    i += insnSlots(insn) - 1;
  }
  return undefined;
}

/** Every opcode is one, and the two slots of each `ld_imm64` belong together. Before the maps are resolved. */
export function checkOpcodes(insns: readonly Insn[]): Rejection | undefined {
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i];
    if (insn === undefined) break;
    const operation = operationOf(insn.opcode);
    if (operation?.kind === 'load' && insn.imm !== 0) return reject('BPF_LDX uses reserved fields');
    if (operation?.kind === 'ld_imm64') {
      const second = insns[++i];
      if (second === undefined || second.opcode !== 0 || second.dst !== 0 || second.src !== 0 || second.off !== 0)
        return reject('invalid bpf_ld_imm64 insn');
      const whole = insn.src === BPF_PSEUDO_MAP_FD || insn.src === BPF_PSEUDO_MAP_IDX;
      if (insn.src > 6 || (whole && second.imm !== 0)) return reject('unrecognized bpf_ld_imm64 insn');
      continue;
    }
    if (operation === undefined) return reject(`unknown opcode ${insn.opcode.toString(16).padStart(2, '0')}`);
  }
  return undefined;
}

function checkRegisters({ dst, src }: Insn, operation: Operation): Rejection | undefined {
  const source = 'source' in operation && operation.source === 'reg';
  const reads = source || operation.kind === 'load' || operation.kind === 'atomic' || operation.kind === 'ld_ind';
  if (reads && src > BPF_REG_10) return reject(`R${src} is invalid`);
  if (dst > BPF_REG_10) return reject(`R${dst} is invalid`);
  if (dst === BPF_REG_10 && WRITES.has(operation.kind)) return reject('frame pointer is read only', 'EACCES');
  return undefined;
}

/** The kinds that put their result into `dst`. */
const WRITES: ReadonlySet<Operation['kind']> = new Set(['alu', 'neg', 'end', 'load', 'ld_imm64']);

function checkFields(insn: Insn, operation: Operation, type: ProgType): Rejection | undefined {
  const { dst, src, off, imm } = insn;
  switch (operation.kind) {
    case 'alu':
      return checkAlu(insn, operation);
    case 'neg':
      return src || off || imm ? reject('BPF_NEG uses reserved fields') : undefined;
    case 'end':
      return src || off || (imm !== 16 && imm !== 32 && imm !== 64) ? reject('BPF_END uses reserved fields') : undefined;
    case 'load':
      return undefined;
    case 'store':
      if (operation.source === 'reg') return imm ? reject('BPF_STX uses reserved fields') : undefined;
      return src ? reject('BPF_ST uses reserved fields') : undefined;
    case 'atomic': {
      const atomic = atomicOf(imm);
      if (atomic === undefined) return reject(`BPF_ATOMIC uses invalid atomic opcode ${(imm & 0xff).toString(16).padStart(2, '0')}`);
      return operation.size < 4 && atomic.op !== 'load' && atomic.op !== 'store'
        ? reject('invalid atomic operand size')
        : undefined;
    }
    case 'ld_imm64':
      return off ? reject('BPF_LD_IMM64 uses reserved fields') : undefined;
    case 'ld_abs':
    case 'ld_ind':
      if (!type.packetLoads) return reject('BPF_LD_[ABS|IND] instructions not allowed for this program type');
      return dst || off || (operation.kind === 'ld_abs' && src) ? reject('BPF_LD_[ABS|IND] uses reserved fields') : undefined;
    case 'jump':
      return (operation.source === 'reg' ? imm : src) ? reject('BPF_JMP/JMP32 uses reserved fields') : undefined;
    case 'goto':
      return dst || src || (operation.wide ? off : imm) ? reject('BPF_JA uses reserved fields') : undefined;
    case 'may_goto':
      return dst || src || imm ? reject(`invalid may_goto imm ${imm}`) : undefined;
    case 'call':
      return dst || src > BPF_PSEUDO_KFUNC_CALL || (off && src !== BPF_PSEUDO_KFUNC_CALL)
        ? reject('BPF_CALL uses reserved fields')
        : undefined;
    case 'exit':
      return dst || src || imm ? reject('BPF_EXIT uses reserved fields') : undefined;
  }
}

function checkAlu(insn: Insn, { op, bits, source }: Extract<Operation, { kind: 'alu' }>): Rejection | undefined {
  const { src, off, imm } = insn;
  if (op === 'mov') {
    if (source === 'imm') return src || off ? reject('BPF_MOV uses reserved fields') : undefined;
    if (bits === 64 && off === BPF_ADDR_SPACE_CAST) return reject("addr_space_cast insn can only be used in a program that has an associated arena");
    const widths = bits === 64 ? [0, 8, 16, 32] : [0, 8, 16];
    return imm || !widths.includes(off) ? reject('BPF_MOV uses reserved fields') : undefined;
  }
  const divides = op === 'div' || op === 'mod';
  const reserved = source === 'reg' ? imm : src;
  if (reserved || (off !== 0 && !(off === 1 && divides))) return reject('BPF_ALU uses reserved fields');
  if (source === 'reg') return undefined;
  if (divides && imm === 0) return reject('div by zero');
  const shifts = op === 'lsh' || op === 'rsh' || op === 'arsh';
  return shifts && (imm < 0 || imm >= bits) ? reject(`invalid shift ${imm}`) : undefined;
}

function checkCall({ src, imm }: Insn, operation: Operation, type: ProgType, gpl: boolean): Rejection | undefined {
  if (operation.kind === 'ld_imm64' && src === BPF_PSEUDO_FUNC) return undefined;
  if (operation.kind !== 'call' || src === BPF_PSEUDO_CALL) return undefined;
  if (src === BPF_PSEUDO_KFUNC_CALL)
    return reject('calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF', 'ENOTSUPP');
  const name = HELPERS[imm];
  if (name === undefined || imm === 0) return reject(`invalid func ${helperFunction(imm) ?? 'unknown'}#${imm}`);
  const helper = HELPER_BY_ID[imm];
  if (helper === undefined || !type.helpers.includes(name))
    return reject(`program of this type cannot use helper bpf_${name}#${imm}`);
  return helper.gplOnly && !gpl
    ? reject('cannot call GPL-restricted function from non-GPL compatible program')
    : undefined;
}
