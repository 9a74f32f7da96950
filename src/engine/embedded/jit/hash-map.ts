import { BPF_EXIST, BPF_NOEXIST } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { HashMap } from '../maps/hash.ts';
import { LruHashMap } from '../maps/lru-hash.ts';
import type { BpfMap } from '../maps/map.ts';
import { HashText } from './hash-text.ts';
import { WasmCode } from './wasm-code.ts';

/** Bytes of a key up to which its words are written out one by one. */
const MAX_KEY = 64;

/** A hash map whose elements compiled programs look for by themselves: with nothing in its values that the kernel keeps for itself, and nothing that goes with an element. */
export function isCompiledHash(map: BpfMap): map is HashMap {
  if (!(map instanceof HashMap) || map.attr.keySize > MAX_KEY) return false;
  return map.constructor === HashMap || map.constructor === LruHashMap;
}

/** Whether they put elements in and take them out, too: where those have their places from the start. */
export function isChangedCompiled(map: BpfMap): map is HashMap {
  return isCompiledHash(map) && map.layout.places > 0 && map.copier.fields.length === 0;
}

/** (key) -> address of the value, or 0. As `HashMap.lookup`. */
export function emitHashLookup(map: HashMap, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new HashText(map, code, registers);
  text.hash(0);
  text.find(0);
  code.get(text.element);
  code.op('i32_eqz');
  code.block('if');
  code.i32(0);
  code.op('return');
  code.end();
  text.markUsed();
  text.value();
  return code.finish();
}

/** (key, value, flags) -> 0 or -errno. As `HashMap.update`, with flags below 3. */
export function emitHashUpdate(map: HashMap, registers: number): Uint8Array {
  const [key, value, flags] = [0, 1, 2];
  const code = new WasmCode(3);
  const text = new HashText(map, code, registers);
  const old = code.local('i32');
  text.hash(key);
  text.find(key);
  code.get(text.element);
  code.tee(old);
  code.block('if');
  text.answerIf(flags, BPF_NOEXIST, errno.EEXIST);
  if (!map.layout.replaces) {
    text.writeValue(value);
    code.i32(0);
    code.op('return');
  }
  code.op('else');
  text.answerIf(flags, BPF_EXIST, errno.ENOENT);
  text.makeRoom();
  code.end();
  text.newPlace(() => {
    code.i32(-errno.ENOMEM);
    code.op('return');
  });
  text.putNew(key, value, 'i32_store');
  code.get(old);
  code.block('if');
  text.unlink(old);
  text.free(old);
  code.op('else');
  text.count(1);
  code.end();
  code.i32(0);
  return code.finish();
}

/** (key) -> 0 or -errno. As `HashMap.delete`. */
export function emitHashDelete(map: HashMap, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new HashText(map, code, registers);
  text.hash(0);
  text.find(0);
  code.get(text.element);
  code.op('i32_eqz');
  code.block('if');
  code.i32(-errno.ENOENT);
  code.op('return');
  code.end();
  text.unlink(text.element);
  text.free(text.element);
  text.count(-1);
  code.i32(0);
  return code.finish();
}
