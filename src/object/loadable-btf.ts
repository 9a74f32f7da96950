import type { Btf } from '../btf/index.ts';
import { appendTypes } from './append-types.ts';
import { KSYMS } from './externs.ts';

const GLOBAL = 1;
/** Bytes of a record before what its kind adds, and of an entry in the list of a DATASEC. */
const RECORD = 12;
const ENTRY = 12;
const INT_SIZE = 4;
const KIND_INT = 1 << 24;
const KIND_VAR = 14 << 24;
/** An INT's second word: signed, 32 bits. */
const SIGNED_32 = (1 << 24) | 32;
const NAMES = '\0int\0dummy_ksym\0';
const INT_NAME = NAMES.indexOf('int');
const DUMMY_NAME = NAMES.indexOf('dummy_ksym');

/**
 * An object's BTF as a kernel takes it. `.ksyms` declares what is the kernel's, which a kernel does not read: as libbpf does it, each variable becomes
 * an int of the object's own, each function is replaced in the section by one such variable and becomes global, and parameters without a name get one.
 * Ids stay.
 */
export function loadableBtf(btf: Btf): Uint8Array {
  const sections = [...btf.records('datasec')].filter(([id]) => btf.type(id).name === KSYMS);
  if (sections.length === 0) return btf.bytes;
  const bytes = new Uint8Array(btf.bytes);
  const view = new DataView(bytes.buffer);
  const u32 = (at: number) => view.getUint32(at, btf.littleEndian);
  const set = (at: number, value: number) => view.setUint32(at, value, btf.littleEndian);
  const int = btf.typeCount;
  const dummy = int + 1;
  const dummyName = btf.stringsLength + DUMMY_NAME;
  const records = new Map([...btf.records('var'), ...btf.records('func'), ...btf.records('func_proto')]);
  for (const [, at] of sections) {
    const count = u32(at + 4) & 0xffff;
    set(at + 8, INT_SIZE * count);
    for (let i = 0; i < count; i++) {
      const entry = at + RECORD + ENTRY * i;
      const type = btf.type(u32(entry));
      const record = records.get(u32(entry));
      if (type.kind === 'var' && record !== undefined) {
        set(record + 8, int);
        set(record + RECORD, GLOBAL);
      } else if (type.kind === 'func' && record !== undefined) {
        set(entry, dummy);
        set(record + 4, (u32(record + 4) & 0xffff0000) | GLOBAL);
        nameParameters(records.get(type.typeId), u32, set, dummyName);
      }
      set(entry + 4, INT_SIZE * i);
      set(entry + 8, INT_SIZE);
    }
  }
  const words = [
    ...[btf.stringsLength + INT_NAME, KIND_INT, INT_SIZE, SIGNED_32],
    ...[dummyName, KIND_VAR, int, GLOBAL],
  ];
  return appendTypes(bytes, words, NAMES, btf.littleEndian);
}

function nameParameters(
  proto: number | undefined,
  u32: (at: number) => number,
  set: (at: number, value: number) => void,
  name: number,
): void {
  if (proto === undefined) return;
  const count = u32(proto + 4) & 0xffff;
  for (let at = proto + RECORD; at < proto + RECORD + 8 * count; at += 8) {
    // Without type too it stands for `...`.
    if (u32(at) === 0 && u32(at + 4) !== 0) set(at, name);
  }
}
