import { assignId } from './alu.ts';
import { destroyDynptr } from './dynptr.ts';
import type { Env } from './env.ts';
import { BPF_MAX_VAR_OFF, MAX_BPF_STACK } from './env.ts';
import { pushHistory } from './history.ts';
import { FASTCALL } from './insn-facts.ts';
import { markPrecise } from './precision.ts';
import { KNOWN_ZERO, NOT_INIT, Reg, type RegKind, UNKNOWN } from './reg.ts';
import { widthOf } from './scalar-alu.ts';
import {
  DYNPTR,
  filled,
  INVALID,
  IRQ_FLAG,
  ITER,
  isSpilled,
  MISC,
  type Slot,
  SPILL,
  scrubbed,
  typeOf,
  withType,
  ZERO,
} from './stack-slot.ts';
import type { Frame } from './state.ts';
import { formatTnum } from './tnum.ts';

/** What may be kept in a slot as what it is. */
const SPILLABLE: ReadonlySet<RegKind> = new Set<RegKind>([
  'map_value',
  'stack',
  'ctx',
  'packet',
  'packet_meta',
  'packet_end',
  'flow_keys',
  'map_ptr',
  'socket',
  'sock_common',
  'tcp_sock',
  'xdp_sock',
  'btf_id',
  'buf',
  'mem',
  'func',
  'map_key',
  'arena',
]);

export function frameOf(env: Env, reg: Reg): Frame {
  const frame = env.state.frames[reg.frameno];
  if (frame === undefined) return env.fail('EFAULT', `there is no frame ${reg.frameno}`);
  return frame;
}

/** The slot of an offset from the frame pointer, which is negative. */
export function spiOf(offset: number): number {
  return Math.floor((-offset - 1) / 8);
}

export interface StackAccess {
  readonly regno: number;
  /** From the frame pointer, without the register's variable part. */
  readonly offset: number;
  readonly size: number;
  readonly write: boolean;
}

/** The access stays within the 512 bytes of the frame. */
export function checkStackBounds(env: Env, access: StackAccess): void {
  const { regno, offset, size, write } = access;
  const reg = env.reg(regno);
  const what = write ? ' write to' : ' read from';
  const { num } = reg;
  if (!num.isConst && (num.smax.number >= BPF_MAX_VAR_OFF || num.smin.number <= -BPF_MAX_VAR_OFF))
    env.fail('EACCES', `invalid unbounded variable-offset${what} stack R${regno}`);
  const low = num.smin.number + offset;
  const high = num.smax.number + offset + size;
  const outside = low < -MAX_BPF_STACK || low > -1;
  if (outside || high > 0 || size < 0) {
    const code = outside ? 'EACCES' : high > 0 ? 'EINVAL' : 'EFAULT';
    if (num.isConst) env.fail(code, `invalid${what} stack R${regno} off=${offset} size=${size}`);
    env.fail(
      code,
      `invalid variable-offset${what} stack R${regno} var_off=${formatTnum(num.tnum)} off=${offset} size=${size}`,
    );
  }
  growStack(env, frameOf(env, reg), -low);
}

function growStack(env: Env, frame: Frame, size: number): void {
  frame.growStack(size);
  const subprog = env.subprog(frame.subprogno);
  subprog.stackDepth = Math.max(subprog.stackDepth, 8 * Math.ceil(size / 8));
}

/** A store through a stack pointer: of register `value`, or of a number. */
export function writeStack(
  env: Env,
  regno: number,
  offset: number,
  size: number,
  value: { readonly regno: number } | { readonly imm: number | undefined },
): void {
  const reg = env.reg(regno);
  const frame = frameOf(env, reg);
  if (reg.num.isConst) writeFixed(env, frame, offset + reg.num.smin.number, size, value);
  else writeVariable(env, frame, reg, offset, size, value);
}

type Stored = { readonly regno: number } | { readonly imm: number | undefined };

function writeFixed(env: Env, frame: Frame, offset: number, size: number, value: Stored): void {
  const spi = spiOf(offset);
  destroyDynptr(env, frame, spi);
  checkFastcall(env, frame, env.insn, offset);
  env.log.touchSlot(spi);
  const slot = frame.slot(spi);
  let reg = 'regno' in value ? env.reg(value.regno) : undefined;
  if (reg !== undefined && offset % 8 === 0 && reg.kind === 'scalar') {
    const fits = widthOf(reg.num) <= 8 * size;
    if (fits) reg = assignId(env, 'regno' in value ? value.regno : 0);
    frame.stack[spi] = spill(slot, fits ? reg : reg.with({ id: 0, added: 0 }), size);
    recordAccess(env, frame, spi);
  } else if (reg === undefined && offset % 8 === 0 && 'imm' in value && value.imm !== undefined) {
    frame.stack[spi] = spill(slot, Reg.int(value.imm), size);
    recordAccess(env, frame, spi);
  } else if (reg !== undefined && SPILLABLE.has(reg.kind)) {
    if (size !== 8) env.fail('EACCES', 'invalid size of register spill');
    if (frame !== env.frame && reg.kind === 'stack')
      env.fail('EINVAL', 'cannot spill pointers to stack into stack frame of the caller');
    frame.stack[spi] = spill(slot, reg, size);
    recordAccess(env, frame, spi);
  } else {
    const special = isSpecial(slot);
    let types = special ? scrubbed(slot.types) : slot.types;
    let type = MISC;
    const isZero = reg === undefined ? 'imm' in value && value.imm === 0 : reg.isNull;
    if (isZero) {
      if ('regno' in value) markPrecise(env, value.regno);
      type = ZERO;
    }
    const first = -offset - 1;
    for (let i = 0; i < size; i++) types = withType(types, (first - i) & 7, type);
    frame.stack[spi] = { types, reg: NOT_INIT };
  }
  if (size === 8) env.liveness.write(frame.frameno, spi);
}

/** Something of which bytes cannot be changed one by one. */
function isSpecial(slot: Slot): boolean {
  const type = typeOf(slot, 7);
  return type === SPILL || type === DYNPTR || type === ITER || type === IRQ_FLAG;
}

function spill(slot: Slot, reg: Reg, size: number): Slot {
  if (size === 8) return { types: filled(SPILL), reg };
  let { types } = slot;
  for (let byte = 7; byte > 7 - size; byte--) types = withType(types, byte, SPILL);
  for (let byte = 7 - size; byte >= 0; byte--) {
    const type = typeOf(slot, byte);
    if (type !== ZERO && type !== INVALID) types = withType(types, byte, MISC);
  }
  return { types, reg };
}

function recordAccess(env: Env, frame: Frame, spi: number): void {
  pushHistory(env).stackAccess = { frameno: frame.frameno, spi };
}

function writeVariable(env: Env, frame: Frame, pointer: Reg, offset: number, size: number, value: Stored): void {
  const low = pointer.num.smin.number + offset;
  const high = pointer.num.smax.number + offset + size;
  const reg = 'regno' in value ? env.reg(value.regno) : undefined;
  const isZero = reg === undefined ? 'imm' in value && value.imm === 0 : reg.isNull;
  for (let at = low; at < high; at++) destroyDynptr(env, frame, spiOf(at));
  checkFastcall(env, frame, env.insn, low);
  let zeroUsed = false;
  for (let at = low; at < high; at++) {
    const byte = (-at - 1) & 7;
    const spi = spiOf(at);
    env.log.touchSlot(spi);
    const slot = frame.slot(spi);
    const type = typeOf(slot, byte);
    if (isZero && type === SPILL && slot.reg.isNull) {
      zeroUsed = true;
      continue;
    }
    const types = isSpecial(slot) ? scrubbed(slot.types) : slot.types;
    const stays = isZero && type === ZERO;
    zeroUsed ||= stays;
    frame.stack[spi] = { types: withType(types, byte, stays ? ZERO : MISC), reg: NOT_INIT };
  }
  if (zeroUsed && 'regno' in value) markPrecise(env, value.regno);
}

/** A load through a stack pointer into register `target`; -1: it goes nowhere. */
export function readStack(env: Env, regno: number, offset: number, size: number, target: number): void {
  const reg = env.reg(regno);
  const frame = frameOf(env, reg);
  if (reg.num.isConst) {
    readFixed(env, frame, offset + reg.num.smin.number, size, target);
    return;
  }
  if (target < 0)
    env.fail(
      'EACCES',
      `variable offset stack pointer cannot be passed into helper function; var_off=${formatTnum(reg.num.tnum)} off=${offset} size=${size}`,
    );
  checkStackRange(env, { regno, offset, size, write: false }, false, undefined);
  const low = reg.num.smin.number + offset;
  const high = reg.num.smax.number + offset;
  markLoaded(env, frame, low, high + size, target);
  checkFastcall(env, frame, env.insn, low);
}

function readFixed(env: Env, frame: Frame, offset: number, size: number, target: number): void {
  const spi = spiOf(offset);
  const first = -offset - 1;
  env.log.touchSlot(spi);
  checkFastcall(env, env.frame, env.insn, offset);
  const slot = frame.slot(spi);
  env.liveness.read(frame.frameno, env.insn, spi);
  if (!isSpilled(slot)) {
    for (let i = 0; i < size; i++) requireReadable(env, slot, (first - i) & 7, offset, i, size);
    if (target >= 0) markLoaded(env, frame, offset, offset + size, target);
    return;
  }
  const spilledBytes = countSpilled(slot);
  if (size === 8 && spilledBytes === 8) {
    if (target >= 0) env.setReg(target, slot.reg);
    recordAccess(env, frame, spi);
    return;
  }
  if (slot.reg.kind !== 'scalar') env.fail('EACCES', 'invalid size of register fill');
  if (target < 0) return;
  if (size <= spilledBytes && offset % 8 === 0) {
    env.setReg(target, widthOf(slot.reg.num) > 8 * size ? slot.reg.unlinked() : slot.reg);
    recordAccess(env, frame, spi);
    return;
  }
  let spilled = 0;
  let zeros = 0;
  for (let i = 0; i < size; i++) {
    const type = typeOf(slot, (first - i) & 7);
    if (type === SPILL) spilled++;
    else if (type === ZERO) zeros++;
    else requireReadable(env, slot, (first - i) & 7, offset, i, size);
  }
  if (spilled === size && slot.reg.isNull) {
    env.setReg(target, KNOWN_ZERO);
    recordAccess(env, frame, spi);
  } else env.setReg(target, zeros === size ? KNOWN_ZERO : UNKNOWN);
}

function countSpilled(slot: Slot): number {
  let count = 1;
  for (let byte = 6; byte >= 0 && typeOf(slot, byte) === SPILL; byte--) count++;
  return count;
}

/** Programs that may see pointers may also read what was never written. */
function requireReadable(env: Env, slot: Slot, byte: number, offset: number, i: number, size: number): void {
  const type = typeOf(slot, byte);
  if (type !== MISC && type !== ZERO && type !== INVALID)
    env.fail('EACCES', `invalid read from stack off ${offset}+${i} size ${size}`);
}

function markLoaded(env: Env, frame: Frame, low: number, high: number, target: number): void {
  let zeros = true;
  for (let at = low; at < high && zeros; at++) {
    env.log.touchSlot(spiOf(at));
    zeros = typeOf(frame.slot(spiOf(at)), (-at - 1) & 7) === ZERO;
  }
  env.setReg(target, zeros ? KNOWN_ZERO : UNKNOWN);
}

/** What a helper finds out of an argument that is memory, for the arguments that follow. */
export interface RawMode {
  raw: boolean;
  size: number;
  regno: number;
}

/** A range of the stack that is read, or by a helper read or written. `meta`: a helper that fills memory which need not be written before. */
export function checkStackRange(env: Env, access: StackAccess, zeroAllowed: boolean, meta: RawMode | undefined): void {
  const { regno, offset, size, write } = access;
  const reg = env.reg(regno);
  const frame = frameOf(env, reg);
  if (size === 0 && !zeroAllowed) env.fail('EACCES', 'invalid zero-sized read');
  checkStackBounds(env, access);
  const low = reg.num.smin.number + offset;
  const high = reg.num.smax.number + offset;
  if (meta?.raw === true && reg.num.isConst) {
    for (let at = low; at < high + size; at++)
      if (typeOf(frame.slot(spiOf(at)), (-at - 1) & 7) === DYNPTR)
        env.fail('EACCES', `potential write to dynptr at off=${at} disallowed`);
    meta.size = size;
    meta.regno = regno;
    return;
  }
  for (let at = low; at < high + size; at++) {
    const spi = spiOf(at);
    const byte = (-at - 1) & 7;
    const slot = frame.slot(spi);
    const type = typeOf(slot, byte);
    if (type === MISC || type === ZERO || type === INVALID) {
      if (write && type !== MISC) frame.stack[spi] = { ...slot, types: withType(slot.types, byte, MISC) };
    } else if (isSpilled(slot)) {
      if (write) frame.stack[spi] = { types: scrubbed(slot.types), reg: UNKNOWN };
    } else if (reg.num.isConst) {
      env.fail('EACCES', `invalid read from stack R${regno} off ${low}+${at - low} size ${size}`);
    } else {
      env.fail(
        'EACCES',
        `invalid read from stack R${regno} var_off ${formatTnum(reg.num.tnum)}+${at - low} size ${size}`,
      );
    }
    env.liveness.read(frame.frameno, env.insn, spi);
  }
}

/** Slots that only save registers around calls must not be used for anything else; then they are slots like others. */
export function checkFastcall(env: Env, frame: Frame, insn: number, offset: number): void {
  const subprog = env.subprog(frame.subprogno);
  if (subprog.fastcallStack <= offset || env.facts.has(insn, FASTCALL)) return;
  subprog.fastcallStack = -0x8000;
  for (let i = subprog.start; i < subprog.end; i++) {
    env.facts.unmark(i, FASTCALL);
    env.facts.needlessSpills[i] = 0;
  }
}
