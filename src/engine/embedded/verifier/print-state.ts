import { isSame, ONES, S64_MAX, S64_MIN } from './int64.ts';
import type { Reg } from './reg.ts';
import { S32_MAX, S32_MIN, type Scalar, U32_MAX } from './scalar.ts';
import { DYNPTR, INVALID, IRQ_FLAG, ITER, MISC, type Slot, SPILL, typeOf, ZERO } from './stack-slot.ts';
import type { Frame, State } from './state.ts';
import { formatTnum } from './tnum.ts';
import { kindText } from './type-text.ts';

/** What is known of a frame, as the kernel's log writes it. `only`: registers and slots that changed. */
export function printFrame(
  state: State,
  frame: Frame,
  only?: { readonly regs: number; readonly slots: bigint },
): string {
  let text = frame.frameno === 0 ? '' : ` frame${frame.frameno}:`;
  for (let i = 0; i < 11; i++) {
    const reg = frame.reg(i);
    if (reg.kind === 'not_init' || (only !== undefined && (only.regs & (1 << i)) === 0)) continue;
    text += ` R${i}=${printReg(reg, frame)}`;
  }
  for (let spi = 0; spi < frame.stack.length; spi++) {
    if (only !== undefined && (only.slots & (1n << BigInt(spi))) === 0n) continue;
    text += printSlot(frame, frame.slot(spi), spi);
  }
  const references = state.references.map(({ id }) => id).filter((id) => id !== 0);
  if (references.length > 0 && state.references[0]?.id !== 0) text += ` refs=${references.join()}`;
  if (frame.inCallback) text += ' cb';
  if (frame.inAsyncCallback) text += ' async_cb';
  return text;
}

const SLOT_LETTERS: Readonly<Record<number, string>> = {
  [INVALID]: '?',
  [SPILL]: 'r',
  [MISC]: 'm',
  [ZERO]: '0',
  [DYNPTR]: 'd',
  [ITER]: 'i',
  [IRQ_FLAG]: 'f',
};

/** Of a dynptr. */
function idsText({ id, refObjId, dynptrId }: Reg): string {
  const rest = [refObjId === 0 ? '' : `,ref_id=${refObjId}`, dynptrId === 0 ? '' : `,dynptr_id=${dynptrId}`];
  return `id=${id}${rest.join('')}`;
}

function printSlot(frame: Frame, slot: Slot, spi: number): string {
  const place = -8 * (spi + 1);
  if (slot.types === 0) return '';
  let letters = '';
  for (let byte = 0; byte < 8; byte++) letters += SLOT_LETTERS[typeOf(slot, byte)] ?? '?';
  switch (typeOf(slot, 7)) {
    case SPILL: {
      const reg = printReg(slot.reg, frame);
      const whole = letters === 'rrrrrrrr';
      return ` fp${place}${whole ? '' : ''}=${whole ? reg : `${letters.replace(/r+$/, '')}${reg}`}`;
    }
    case DYNPTR:
      return slot.reg.dynptr?.first === true ? ` fp${place}=dynptr_${slot.reg.dynptr.kind}(${idsText(slot.reg)})` : '';
    case ITER: {
      if (slot.reg.refObjId === 0) return '';
      const { iter } = slot.reg;
      const name = iter?.btf.type(iter.btfId).name.replace(/^bpf_iter_/, '') ?? '';
      return ` fp${place}=iter_${name}(ref_id=${slot.reg.refObjId},state=${iter?.state},depth=${iter?.depth})`;
    }
    default:
      return letters === '00000000' ? ` fp${place}=0` : ` fp${place}=${letters}`;
  }
}

export function printReg(reg: Reg, frame: Frame): string {
  if (reg.kind === 'scalar') return printScalar(reg);
  const { kind, flags } = reg;
  const facts: string[] = [];
  let name = kindText(kind, flags);
  if (kind === 'arena') return name;
  if (kind === 'stack') {
    if (reg.frameno !== frame.frameno) name += `[${reg.frameno}]`;
    if (reg.num.isConst) return name + signed(BigInt(reg.off + reg.num.smin.number));
  }
  if (kind === 'btf_id' && reg.btf !== undefined) name += reg.btf.type(reg.btfId).name;
  if (reg.id !== 0) facts.push(`id=${reg.id}`);
  if (reg.refObjId !== 0) facts.push(`ref_obj_id=${reg.refObjId}`);
  if (reg.isNonOwning) facts.push('non_own_ref');
  if (reg.map !== undefined && (kind === 'map_ptr' || kind === 'map_key' || kind === 'map_value')) {
    if (reg.map.name !== '') facts.push(`map=${reg.map.name}`);
    facts.push(`ks=${reg.map.keySize}`, `vs=${reg.map.valueSize}`);
  }
  if (reg.off !== 0) facts.push(`off=${signed(BigInt(reg.off))}`);
  if (reg.isPacket) facts.push(`r=${unsigned(BigInt.asUintN(64, BigInt(reg.range)))}`);
  if (kind === 'mem') facts.push(`sz=${unsigned(BigInt(reg.memSize))}`);
  if (kind === 'dynptr' && reg.dynptr !== undefined) facts.push(`type=${reg.dynptr.kind}`);
  if (reg.num.isConst) {
    if (!reg.num.isZero) facts.push(`imm=${signed(reg.num.value.signed)}`);
  } else facts.push(...rangeFacts(reg.num));
  return `${name}(${facts.join()})`;
}

function printScalar(reg: Reg): string {
  const precise = reg.precise ? 'P' : '';
  const { num } = reg;
  if (num.isConst) return `${precise}${signed(num.value.signed)}`;
  const facts: string[] = [];
  if (reg.id !== 0) facts.push(`id=${reg.id}${reg.added === 0 ? '' : `${reg.off < 0 ? '' : '+'}${reg.off}`}`);
  facts.push(...rangeFacts(num));
  return facts.length === 0 ? `${precise}scalar()` : `${precise}scalar(${facts.join()})`;
}

/** Small numbers are written in decimals. */
function signed(value: bigint): string {
  return isSmall(value) ? `${value}` : `0x${BigInt.asUintN(64, value).toString(16)}`;
}

function isSmall(value: bigint): boolean {
  return value >= -32768n && value <= 32767n;
}

/** What is not written in decimals is written as an unsigned number of 32 bits. */
function signed32(value: number): bigint {
  return isSmall(BigInt(value)) ? BigInt(value) : BigInt(value >>> 0);
}

function unsigned(value: bigint): string {
  return value <= 65535n ? `${value}` : `0x${value.toString(16)}`;
}

interface End {
  readonly name: string;
  readonly value: bigint;
  readonly isSigned: boolean;
  /** It says nothing, or was written with another one. */
  omit: boolean;
}

/** The ends of the ranges that say something; those that are equal are written together, least with least, greatest with greatest. */
function rangeFacts(num: Scalar): string[] {
  const end = (name: string, value: bigint, nothing: bigint): End => ({
    name,
    value,
    isSigned: name.startsWith('s'),
    omit: value === nothing,
  });
  const ends = [
    end('smin', num.smin.signed, S64_MIN.signed),
    end('smax', num.smax.signed, S64_MAX.signed),
    end('umin', num.umin.unsigned, 0n),
    end('umax', num.umax.unsigned, ONES.unsigned),
    end('smin32', signed32(num.s32min), signed32(S32_MIN)),
    end('smax32', signed32(num.s32max), signed32(S32_MAX)),
    end('umin32', BigInt(num.u32min), 0n),
    end('umax32', BigInt(num.u32max), BigInt(U32_MAX)),
  ];
  const facts: string[] = [];
  for (const [i, first] of ends.entries()) {
    if (first.omit) continue;
    let names = `${first.name}=`;
    for (let j = i + 2; j < ends.length; j += 2) {
      const other = ends[j];
      if (other === undefined || other.omit || other.value !== first.value) continue;
      other.omit = true;
      names += `${other.name}=`;
    }
    facts.push(names + (first.isSigned ? signed(first.value) : unsigned(first.value)));
  }
  if (!isSame(num.tnum.mask, ONES)) facts.push(`var_off=${formatTnum(num.tnum)}`);
  return facts;
}
