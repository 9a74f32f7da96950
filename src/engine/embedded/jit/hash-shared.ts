import { BPF_EXIST, BPF_NOEXIST } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { HashMap } from '../maps/hash.ts';
import { LruHashMap } from '../maps/lru-hash.ts';
import { emitNew, emitRenewal } from './hash-map.ts';
import { SharedText } from './hash-shared-text.ts';
import { WasmCode } from './wasm-code.ts';

// The functions of hash-map.ts for several CPUs that work on one map at once; see HashMap.

/** (key) -> address of the value, or 0. */
export function emitSharedLookup(map: HashMap, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new SharedText(map, code, registers);
  const { hash } = text;
  hash.hash(0);
  code.block('block');
  hash.find(0);
  code.get(text.element);
  code.brIf(0);
  // A bucket that leads nowhere is an answer. The end of a chain is none, where an element on the way may have come to another chain.
  code.get(hash.link);
  code.get(hash.bucket);
  code.op('i32_ne');
  code.block('if');
  code.block('loop');
  text.look();
  hash.find(0);
  code.get(text.element);
  code.brIf(2);
  text.hasChanged();
  code.brIf(0);
  code.end();
  code.end();
  code.answer(0);
  code.end();
  hash.markUsed();
  hash.value();
  return code.finish();
}

/** (key, value, flags) -> 0 or -errno. */
export function emitSharedUpdate(map: HashMap, registers: number): Uint8Array {
  const [key, value, flags] = [0, 1, 2];
  const code = new WasmCode(3);
  const text = new SharedText(map, code, registers);
  const { hash, places, element } = text;
  const place = code.local('i32');
  const isLru = map instanceof LruHashMap;
  hash.hash(key);
  places.begin(registers);
  code.block('loop');
  if (isLru) emitRoom(text, key, flags, place);
  text.lock();
  hash.find(key);
  code.get(element);
  code.block('if');
  hash.answerIf(flags, BPF_NOEXIST, errno.EEXIST, () => emitEnd(text, place, isLru));
  if (map.layout.replaces) emitRenewal(hash, places, key, value, (fresh) => text.unlockLeading(fresh));
  else {
    hash.writeValue(value);
    emitEnd(text, place, isLru);
  }
  code.answer(0);
  code.end();
  hash.answerIf(flags, BPF_EXIST, errno.ENOENT, () => emitEnd(text, place, isLru));
  if (isLru) {
    // It has gone meanwhile.
    code.get(place);
    code.op('i32_eqz');
    code.block('if');
    text.unlock();
    code.br(1);
    code.end();
  } else
    places.take(place, () => {
      text.unlock();
      code.answer(-errno.E2BIG);
    });
  emitNew(hash, place, key, value, () => text.unlockFirst(place));
  places.count(1);
  code.answer(0);
  code.end();
  code.op('unreachable');
  return code.finish();
}

/** Without the lock, since it takes those of others: sets `place` to one for the key, if it is not there. */
function emitRoom(text: SharedText, key: number, flags: number, place: number): void {
  const { code, hash, places, element } = text;
  hash.find(key);
  code.get(element);
  code.get(place);
  code.op('i32_or');
  code.op('i32_eqz');
  code.get(flags);
  code.i32(BPF_EXIST);
  code.op('i32_ne');
  code.op('i32_and');
  code.block('if');
  places.take(place, () => text.throwOut(place));
  code.end();
}

/** Unlocks; a place that was taken is not needed. */
function emitEnd(text: SharedText, place: number, mayHavePlace: boolean): void {
  const { code, places } = text;
  text.unlock();
  if (!mayHavePlace) return;
  code.get(place);
  code.block('if');
  places.give(place);
  code.end();
}

/** (key) -> 0 or -errno. */
export function emitSharedDelete(map: HashMap, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new SharedText(map, code, registers);
  const { hash, places, element } = text;
  const place = code.local('i32');
  hash.hash(0);
  text.lock();
  hash.find(0);
  code.get(element);
  code.op('i32_eqz');
  code.block('if');
  text.unlock();
  code.answer(-errno.ENOENT);
  code.end();
  hash.placeOf(hash.leads);
  code.set(place);
  hash.unlink(hash.link, place);
  text.unlock();
  places.begin(registers);
  places.give(place);
  places.count(-1);
  code.i32(0);
  return code.finish();
}
