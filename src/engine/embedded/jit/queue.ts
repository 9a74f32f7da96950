import { BPF_EXIST, BPF_NOEXIST } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BpfMap } from '../maps/map.ts';
import { HEAD, QueueMap, TAIL } from '../maps/queue.ts';
import { emitCopy, emitZeros } from './emit-bytes.ts';
import { WasmCode } from './wasm-code.ts';

export function isQueue(map: BpfMap): map is QueueMap {
  return map instanceof QueueMap;
}

/** (value, flags) -> 0 or -errno. As `QueueMap.push`, with flags below 3. */
export function emitPush(map: QueueMap): Uint8Array {
  const code = new WasmCode(2);
  const [value, flags] = [0, 1];
  const [head, tail, next, place] = [code.local('i32'), code.local('i32'), code.local('i32'), code.local('i32')];
  answerIf(code, flags, BPF_NOEXIST, errno.EINVAL);
  loadIndex(code, map, HEAD, head);
  emitAfter(code, map, head);
  code.tee(next);
  loadIndex(code, map, TAIL, tail);
  code.get(tail);
  code.op('i32_eq');
  code.block('if');
  code.get(flags);
  code.i32(BPF_EXIST);
  code.op('i32_and');
  code.op('i32_eqz');
  code.block('if');
  code.answer(-errno.E2BIG);
  code.end();
  code.i32(map.address);
  emitAfter(code, map, tail);
  code.memory('i32_store', TAIL, 2);
  code.end();
  emitPlace(code, map, head);
  code.set(place);
  emitCopy(code, place, value, 0, 0, map.attr.valueSize);
  code.i32(map.address);
  code.get(next);
  code.memory('i32_store', HEAD, 2);
  code.i32(0);
  return code.finish();
}

/** (where to) -> 0 or -errno. As `QueueMap.pop`, or `peek` unless it `removes`. */
export function emitTake(map: QueueMap, removes: boolean): Uint8Array {
  const code = new WasmCode(1);
  const out = 0;
  const [head, tail, place] = [code.local('i32'), code.local('i32'), code.local('i32')];
  const oldest = map.first === 'oldest';
  loadIndex(code, map, HEAD, head);
  loadIndex(code, map, TAIL, tail);
  code.get(head);
  code.get(tail);
  code.op('i32_eq');
  code.block('if');
  emitZeros(code, out, 0, map.attr.valueSize);
  code.answer(-errno.ENOENT);
  code.end();
  if (!oldest) {
    emitBefore(code, map, head);
    code.set(head);
  }
  emitPlace(code, map, oldest ? tail : head);
  code.set(place);
  emitCopy(code, out, place, 0, 0, map.attr.valueSize);
  if (removes) {
    code.i32(map.address);
    if (oldest) emitAfter(code, map, tail);
    else code.get(head);
    code.memory('i32_store', oldest ? TAIL : HEAD, 2);
  }
  code.i32(0);
  return code.finish();
}

function answerIf(code: WasmCode, flags: number, flag: number, error: number): void {
  code.get(flags);
  code.i32(flag);
  code.op('i32_and');
  code.answerIf(-error);
}

/** The header is believed only as far as it leads to a place. */
function loadIndex(code: WasmCode, map: QueueMap, field: number, into: number): void {
  code.i32(map.address);
  code.memory('i32_load', field, 2);
  code.i32(map.attr.maxEntries + 1);
  code.op('i32_rem_u');
  code.set(into);
}

/** Puts on the stack what follows a place in the ring. */
function emitAfter(code: WasmCode, { attr }: QueueMap, index: number): void {
  code.i32(0);
  code.get(index);
  code.i32(1);
  code.op('i32_add');
  code.get(index);
  code.i32(attr.maxEntries);
  code.op('i32_eq');
  code.op('select');
}

function emitBefore(code: WasmCode, { attr }: QueueMap, index: number): void {
  code.get(index);
  code.i32(1);
  code.op('i32_sub');
  code.i32(attr.maxEntries);
  code.get(index);
  code.op('select');
}

/** Puts the address of a place on the stack. */
function emitPlace(code: WasmCode, { places, attr }: QueueMap, index: number): void {
  code.get(index);
  code.i32(attr.valueSize);
  code.op('i32_mul');
  code.i32(places);
  code.op('i32_add');
}
