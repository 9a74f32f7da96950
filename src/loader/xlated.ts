import { toHex } from '../bytes/hex.ts';
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  decodeInsns,
  formatInsn,
  INSN_SIZE,
  type Insn,
  insnSlots,
} from '../isa/index.ts';
import { helperFunction } from '../uapi/helpers.ts';

/** One instruction of a `prog dump xlated`. */
export interface XlatedLine {
  /** Slot; that of the first of two for `ld_imm64`. */
  readonly index: number;
  /** As the kernel writes it, with maps by id: `(18) r1 = map[id:27]`. */
  readonly disasm: string;
  /** The bytes, as hex in groups of 8; `undefined` if they were not asked for. */
  readonly opcodes: string | undefined;
}

/** The instructions that a kernel gives out for a program, as text. Maps are named by id, as the kernel puts it into the instructions. */
export function formatXlated(bytes: Uint8Array, opcodes = false): XlatedLine[] {
  const insns = decodeInsns(bytes);
  const lines: XlatedLine[] = [];
  for (let index = 0; index < insns.length; ) {
    const insn = insns[index];
    if (insn === undefined) break;
    const slots = insnSlots(insn);
    const raw = bytes.subarray(INSN_SIZE * index, INSN_SIZE * (index + slots));
    lines.push({
      index,
      disasm: formatInsn(insn, insns[index + 1], { immediate, call }),
      opcodes: opcodes ? hexWords(raw) : undefined,
    });
    index += slots;
  }
  return lines;
}

function immediate(insn: Insn, value: bigint): string | undefined {
  const low = insn.imm >>> 0;
  switch (insn.src) {
    case BPF_PSEUDO_MAP_FD:
      return `map[id:${low}]`;
    case BPF_PSEUDO_MAP_VALUE:
      return `map[id:${low}][0]+${value >> 32n}`;
    case BPF_PSEUDO_FUNC:
      return `subprog[+${insn.imm + 1}]`;
    default:
      return undefined;
  }
}

/** The Linux kernel puts the helper's distance from its own base there; which one it is can only be told from numbers that are helpers. */
function call(insn: Insn): string | undefined {
  if (insn.src === BPF_PSEUDO_CALL) return `pc${insn.off >= 0 ? '+' : ''}${insn.off === 0 ? insn.imm : insn.off}`;
  if (insn.src !== 0) return undefined;
  const name = helperFunction(insn.imm);
  return name === undefined ? `unspec#${insn.imm}` : `${name}#${insn.imm}`;
}

function hexWords(bytes: Uint8Array): string {
  const spaced = (part: Uint8Array) => toHex(part).replace(/..(?=.)/g, '$& ');
  return bytes.length <= INSN_SIZE
    ? spaced(bytes)
    : `${spaced(bytes.subarray(0, INSN_SIZE))}  ${spaced(bytes.subarray(INSN_SIZE))}`;
}
