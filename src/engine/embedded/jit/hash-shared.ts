import { BPF_EXIST, BPF_NOEXIST } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { HashMap } from '../maps/hash.ts';
import { LruHashMap } from '../maps/lru-hash.ts';
import { emitRenewal } from './hash-map.ts';
import { SharedText } from './hash-shared-text.ts';
import { WasmCode } from './wasm-code.ts';

// The functions of hash-map.ts for several CPUs that work on one map at once; see HashMap.

/** (key) -> address of the value, or 0. */
export function emitSharedLookup(map: HashMap, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new SharedText(map, code, registers);
  text.hash.hash(0);
  code.block('loop');
  text.look();
  text.hash.find(0);
  code.get(text.element);
  code.block('if');
  text.hash.markUsed();
  text.hash.value();
  code.op('return');
  code.end();
  text.hasChanged();
  code.brIf(0);
  code.end();
  code.i32(0);
  return code.finish();
}

/** (key, value, flags) -> 0 or -errno. */
export function emitSharedUpdate(map: HashMap, registers: number): Uint8Array {
  const [key, value, flags] = [0, 1, 2];
  const code = new WasmCode(3);
  const text = new SharedText(map, code, registers);
  const { hash, places, element } = text;
  const fresh = code.local('i32');
  hash.hash(key);
  places.begin(registers);
  code.block('loop');
  text.lock();
  hash.find(key);
  code.get(element);
  code.block('if');
  hash.answerIf(flags, BPF_NOEXIST, errno.EEXIST, () => text.unlock());
  if (map.layout.replaces) emitRenewal(hash, places, key, value, 'i32_atomic_store');
  else hash.writeValue(value);
  text.unlock();
  code.i32(0);
  code.op('return');
  code.end();
  hash.answerIf(flags, BPF_EXIST, errno.ENOENT, () => text.unlock());
  text.unlock();
  places.take(element, () => {
    if (map instanceof LruHashMap) text.throwOut();
    else {
      code.i32(-errno.E2BIG);
      code.op('return');
    }
  });
  code.get(element);
  code.set(fresh);
  text.lock();
  hash.find(key);
  code.get(element);
  code.block('if');
  // Another CPU was faster.
  text.unlock();
  places.give(fresh);
  code.br(1);
  code.end();
  code.get(fresh);
  code.set(element);
  hash.putNew(key, value, 'i32_atomic_store');
  text.unlock();
  places.count(1);
  code.i32(0);
  code.op('return');
  code.end();
  code.op('unreachable');
  return code.finish();
}

/** (key) -> 0 or -errno. */
export function emitSharedDelete(map: HashMap, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new SharedText(map, code, registers);
  const { hash, places, element } = text;
  hash.hash(0);
  text.lock();
  hash.find(0);
  code.get(element);
  code.op('i32_eqz');
  code.block('if');
  text.unlock();
  code.i32(-errno.ENOENT);
  code.op('return');
  code.end();
  hash.unlink(element);
  text.unlock();
  places.begin(registers);
  places.give(element);
  places.count(-1);
  code.i32(0);
  return code.finish();
}
