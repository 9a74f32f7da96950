import { and, bit, type Int64 } from './int64.ts';
import { NOT_INIT, type Reg } from './reg.ts';

// What a byte of the stack is: enum bpf_stack_slot_type. Four bits each.
export const INVALID = 0;
/** Part of a register that was stored. */
export const SPILL = 1;
/** Something was written. */
export const MISC = 2;
export const ZERO = 3;
export const DYNPTR = 4;
export const ITER = 5;
export const IRQ_FLAG = 6;

/**
 * Eight bytes of the stack. `types` has four bits for each byte; that of the lowest address has the highest ones, as the kernel counts from the frame
 * pointer down: byte 0 is the one at the highest address.
 */
export interface Slot {
  readonly types: number;
  readonly reg: Reg;
}

export const EMPTY_SLOT: Slot = { types: 0, reg: NOT_INIT };

export function typeOf(slot: Slot, byte: number): number {
  return (slot.types >>> (4 * byte)) & 15;
}

export function withType(types: number, byte: number, type: number): number {
  return (types & ~(15 << (4 * byte))) | (type << (4 * byte));
}

/** All eight bytes. */
export function filled(type: number): number {
  return type * 0x11111111;
}

/** A register is spilled there; some of its low bytes may be overwritten. */
export function isSpilled(slot: Slot): boolean {
  return typeOf(slot, 7) === SPILL;
}

export function isSpilledScalar(slot: Slot): boolean {
  return isSpilled(slot) && slot.reg.kind === 'scalar';
}

/** All eight bytes are of one scalar. */
export function isWholeScalar(slot: Slot): boolean {
  return typeOf(slot, 0) === SPILL && slot.reg.kind === 'scalar';
}

/** Whether of no byte anything is known but that something was written, or not even that. */
export function isVague(types: number): boolean {
  return (types & ~filled(MISC)) === 0;
}

/** Slots, given as bits, by their distance from the frame pointer: `-8,-16`. */
export function slotsText(slots: Int64): string {
  const places: number[] = [];
  for (let spi = 0; spi < 64; spi++) if (!and(slots, bit(spi)).isZero) places.push(-8 * (spi + 1));
  return places.join();
}

/** What is lost of a spilled register, an object or an iterator when a byte of it is overwritten. */
export function scrubbed(types: number): number {
  let result = types;
  for (let byte = 0; byte < 8; byte++)
    if (((types >>> (4 * byte)) & 15) !== INVALID) result = withType(result, byte, MISC);
  return result;
}
