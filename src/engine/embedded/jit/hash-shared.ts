import { BPF_EXIST, BPF_NOEXIST } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { HashMap } from '../maps/hash.ts';
import type { HashLocks } from '../maps/hash-locks.ts';
import { SharedText } from './hash-shared-text.ts';
import { WasmCode } from './wasm-code.ts';

// The functions of hash-map.ts for several CPUs that work on one map at once; see HashLocks.

/** (key) -> address of the value, or 0. */
export function emitSharedLookup(map: HashMap, locks: HashLocks, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new SharedText(map, locks, code, registers);
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
export function emitSharedUpdate(map: HashMap, locks: HashLocks, registers: number): Uint8Array {
  const [key, value, flags] = [0, 1, 2];
  const code = new WasmCode(3);
  const text = new SharedText(map, locks, code, registers);
  const { hash, element } = text;
  const [old, fresh] = [code.local('i32'), code.local('i32')];
  const done = () => {
    text.unlock();
    code.i32(0);
    code.op('return');
  };
  hash.hash(key);
  code.block('loop');
  text.lock();
  hash.find(key);
  code.get(element);
  code.block('if');
  hash.answerIf(flags, BPF_NOEXIST, errno.EEXIST, () => text.unlock());
  if (map.layout.replaces) {
    code.get(element);
    code.set(old);
    text.spareAddress();
    code.memory('i32_load', 0, 2);
    code.tee(element);
    code.op('i32_eqz');
    code.block('if');
    text.unlock();
    text.lockPlaces();
    hash.newPlace(() => text.giveUp(-errno.ENOMEM));
    text.unlockPlaces();
    text.spareAddress();
    code.get(element);
    code.memory('i32_store', 0, 2);
    code.br(2);
    code.end();
    hash.putNew(key, value, 'i32_atomic_store');
    hash.unlink(old);
    text.spareAddress();
    code.get(old);
    code.memory('i32_store', 0, 2);
  } else hash.writeValue(value);
  done();
  code.end();
  hash.answerIf(flags, BPF_EXIST, errno.ENOENT, () => text.unlock());
  text.unlock();
  text.lockPlaces();
  text.reserve();
  text.unlockPlaces();
  code.get(element);
  code.set(fresh);
  text.lock();
  hash.find(key);
  code.get(element);
  code.block('if');
  // Another CPU was faster.
  text.unlock();
  text.lockPlaces();
  hash.free(fresh);
  hash.count(-1);
  text.unlockPlaces();
  code.br(1);
  code.end();
  code.get(fresh);
  code.set(element);
  hash.putNew(key, value, 'i32_atomic_store');
  done();
  code.end();
  code.op('unreachable');
  return code.finish();
}

/** (key) -> 0 or -errno. */
export function emitSharedDelete(map: HashMap, locks: HashLocks, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new SharedText(map, locks, code, registers);
  const { hash, element } = text;
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
  text.lockPlaces();
  hash.free(element);
  hash.count(-1);
  text.unlockPlaces();
  code.i32(0);
  return code.finish();
}
