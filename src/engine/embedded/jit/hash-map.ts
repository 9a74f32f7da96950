import { BPF_EXIST, BPF_NOEXIST } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { HashMap } from '../maps/hash.ts';
import { FIRST } from '../maps/hash-buckets.ts';
import { LruHashMap } from '../maps/lru-hash.ts';
import type { BpfMap } from '../maps/map.ts';
import { HashText } from './hash-text.ts';
import { PlacesText } from './places-text.ts';
import { WasmCode } from './wasm-code.ts';

/** Bytes of a key up to which its words are written out one by one. */
const MAX_KEY = 64;

/** A hash map whose elements compiled programs look for by themselves: with nothing in its values that the kernel keeps for itself, and nothing that goes with an element. */
export function isCompiledHash(map: BpfMap): map is HashMap {
  if (!(map instanceof HashMap) || map.attr.keySize > MAX_KEY) return false;
  return map.constructor === HashMap || map.constructor === LruHashMap;
}

/** Whether they put elements in and take them out, too: where those have their memory from the start. */
export function isChangedCompiled(map: BpfMap): map is HashMap {
  return isCompiledHash(map) && !map.layout.blocks && map.copier.fields.length === 0;
}

/** (key) -> address of the value, or 0. As `HashMap.lookup`. */
export function emitHashLookup(map: HashMap, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new HashText(map, code, registers);
  text.hash(0);
  text.find(0);
  code.get(text.element);
  code.op('i32_eqz');
  code.answerIf(0);
  text.markUsed();
  text.value();
  return code.finish();
}

/** (key, value, flags) -> 0 or -errno. As `HashMap.update`, with flags below 3. */
export function emitHashUpdate(map: HashMap, registers: number): Uint8Array {
  const [key, value, flags] = [0, 1, 2];
  const code = new WasmCode(3);
  const text = new HashText(map, code, registers);
  const places = new PlacesText(map, code, false);
  const { element } = text;
  const place = code.local('i32');
  text.hash(key);
  places.begin(registers);
  text.find(key);
  code.get(element);
  code.block('if');
  text.answerIf(flags, BPF_NOEXIST, errno.EEXIST);
  if (map.layout.replaces)
    emitRenewal(text, places, key, value, (fresh) => {
      code.get(text.link);
      text.leadTo(fresh);
      code.memory('i32_store', FIRST, 2);
    });
  else text.writeValue(value);
  code.answer(0);
  code.end();
  text.answerIf(flags, BPF_EXIST, errno.ENOENT);
  places.take(place, () => {
    if (map instanceof LruHashMap) emitThrowOut(text, places, place);
    else {
      code.answer(-errno.E2BIG);
    }
  });
  emitNew(text, place, key, value, () => {
    code.get(text.bucket);
    text.leadTo(place);
    code.memory('i32_store', FIRST, 2);
  });
  places.count(1);
  code.i32(0);
  return code.finish();
}

/** Puts a new element in the place of the one in `element`. `lead`: lets the link that leads there lead to a place. */
export function emitRenewal(
  text: HashText,
  places: PlacesText,
  key: number,
  value: number,
  lead: (place: number) => void,
): void {
  const { code, element } = text;
  const [old, fresh] = [code.local('i32'), code.local('i32')];
  text.placeOf(text.leads);
  code.set(old);
  places.spare(fresh);
  code.get(fresh);
  text.elementAt();
  code.set(element);
  text.fill(key, value);
  text.follow(fresh, () => {
    code.get(old);
    text.linkOf();
  });
  places.setSpare(old);
  lead(fresh);
}

/** Puts a new element at the front of its chain, at a place. `lead`: lets the bucket lead there. */
export function emitNew(text: HashText, place: number, key: number, value: number, lead: () => void): void {
  const { code, element } = text;
  code.get(place);
  text.elementAt();
  code.set(element);
  text.fill(key, value);
  text.follow(place, () => code.get(text.bucket));
  lead();
}

/** As `LruHashMap.makeRoom`: all places are taken. */
function emitThrowOut(text: HashText, places: PlacesText, place: number): void {
  const { code, element } = text;
  const [bucket, link] = [code.local('i32'), code.local('i32')];
  code.block('loop');
  places.passHand(place, element);
  code.end();
  text.bucketOf(element);
  code.set(bucket);
  text.search(link, bucket, place, () => code.op('unreachable'));
  text.unlink(link, place);
  places.count(-1);
}

/** (key) -> 0 or -errno. As `HashMap.delete`. */
export function emitHashDelete(map: HashMap, registers: number): Uint8Array {
  const code = new WasmCode(1);
  const text = new HashText(map, code, registers);
  const places = new PlacesText(map, code, false);
  const place = code.local('i32');
  text.hash(0);
  text.find(0);
  code.get(text.element);
  code.op('i32_eqz');
  code.answerIf(-errno.ENOENT);
  text.placeOf(text.leads);
  code.set(place);
  text.unlink(text.link, place);
  places.begin(registers);
  places.give(place);
  places.count(-1);
  code.i32(0);
  return code.finish();
}
