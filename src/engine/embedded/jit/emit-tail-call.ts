import { MAX_TAIL_CALLS } from '../interp/run.ts';
import { MAP_HEADER_SIZE } from '../maps/map.ts';
import { SLOT_PROGRAM, SLOT_TABLE } from '../maps/slot-array.ts';
import type { Callees } from './emit-call.ts';
import type { FunctionText } from './function-text.ts';
import { TAIL_CALLS } from './registers.ts';
import { slotOf } from './tail-call-slots.ts';

// Where a map's header has what a tail call needs; see `MAP_HEADER_SIZE` and `SlotArray`.
const MAX_ENTRIES = 12;
const SLOTS = 32;
const SLOT_SHIFT = 3;

/**
 * Goes on behind it where there is no program, or too many were called. How many there were is in the registers and, for the next program, in a parameter: waiting for
 * memory that was just written takes longer than all else. `countParam`: the parameter, in functions in which it says so.
 */
export function emitTailCall(
  text: FunctionText,
  callees: Callees,
  frameParam: number,
  countParam: number | undefined,
): void {
  const { code } = text;
  const { registers } = callees;
  const second = text.value(2);
  const map = second?.kind === 'const' ? callees.mapAt(second.low) : undefined;
  code.block('block');
  const [index, slot, place, count] = [code.local('i32'), code.local('i32'), code.local('i32'), code.local('i32')];
  text.read32(3);
  code.tee(index);
  if (map !== undefined) code.i32(map.attr.maxEntries);
  else code.memory('i32_load', text.address(2, MAX_ENTRIES), 2);
  code.op('i32_ge_u');
  code.brIf(0);
  if (countParam !== undefined) code.get(countParam);
  else {
    code.i32(registers);
    code.memory('i32_load', TAIL_CALLS, 2);
  }
  code.tee(count);
  code.i32(MAX_TAIL_CALLS);
  code.op('i32_ge_u');
  code.brIf(0);
  emitLink(text, callees, frameParam, count);
  if (map !== undefined) code.i32(map.address + MAP_HEADER_SIZE);
  else code.memory('i32_load', text.address(2, SLOTS), 2);
  code.get(index);
  code.i32(SLOT_SHIFT);
  code.op('i32_shl');
  code.op('i32_add');
  code.tee(slot);
  code.memory('i32_load', SLOT_TABLE, 2);
  code.tee(place);
  code.op('i32_eqz');
  code.block('if');
  code.get(slot);
  code.memory('i32_load', SLOT_PROGRAM, 2);
  code.op('i32_eqz');
  code.brIf(1);
  text.read32(2);
  code.get(index);
  code.call(callees.resolve);
  code.tee(place);
  code.op('i32_eqz');
  code.brIf(1);
  code.end();
  emitArguments(text, callees, frameParam, count);
  code.get(place);
  code.i32(1);
  code.op('i32_sub');
  code.callIndirect('return_call_indirect', callees.programType());
  code.end();
}

/** Goes to the program that is in a slot, if it is the one that the module has for it. */
function emitLink(text: FunctionText, callees: Callees, frameParam: number, count: number): void {
  const { code } = text;
  const slot = slotOf(text.values, callees.mapAt);
  const link = slot && callees.linkOf(slot);
  if (slot === undefined || link === undefined) return;
  code.i32(slot.map.address + MAP_HEADER_SIZE + (slot.index << SLOT_SHIFT));
  code.memory('i32_load', SLOT_PROGRAM, 2);
  code.i32(link.id);
  code.op('i32_eq');
  code.block('if');
  emitArguments(text, callees, frameParam, count);
  code.returnCall(link.func);
  code.end();
}

/** Counts the tail call, and puts on the stack what a target is given. */
function emitArguments(text: FunctionText, callees: Callees, frameParam: number, count: number): void {
  const { code } = text;
  if (callees.countIsRead) {
    code.i32(callees.registers);
    code.get(count);
    code.i32(1);
    code.op('i32_add');
    code.memory('i32_store', TAIL_CALLS, 2);
  }
  text.read32(1);
  code.get(frameParam);
  code.get(count);
  code.i32(1);
  code.op('i32_add');
}
