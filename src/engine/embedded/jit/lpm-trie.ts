import { roundUp } from '../../../bytes/round.ts';
import { CHILD, DATA, FORK, LENGTH, LpmTrie, PREFIX, ROOT } from '../maps/lpm-trie.ts';
import type { BpfMap } from '../maps/map.ts';
import { emitSwap32, emitSwap64 } from './emit-swap.ts';
import { WasmCode } from './wasm-code.ts';

/** Bytes of data up to which they are compared one after the other without a loop. */
const MAX_DATA = 32;

/** A trie whose prefixes compiled programs look for by themselves: words are compared. */
export function isCompiledTrie(map: BpfMap): map is LpmTrie {
  const size = map.attr.keySize - PREFIX;
  return map instanceof LpmTrie && size % 4 === 0 && size <= MAX_DATA;
}

/** (key) -> address of the value of the longest prefix, or 0. As `LpmTrie.lookup`. */
export function emitTrieLookup(map: LpmTrie): Uint8Array {
  const code = new WasmCode(1);
  const [key, size] = [0, map.attr.keySize - PREFIX];
  const [length, node, own, found] = [code.local('i32'), code.local('i32'), code.local('i32'), code.local('i32')];
  code.get(key);
  code.memory('i32_load', 0);
  code.tee(length);
  code.i32(8 * size);
  code.op('i32_gt_u');
  code.answerIf(0);
  code.i32(map.address);
  code.memory('i32_load', ROOT, 2);
  code.set(node);
  code.block('block');
  code.block('loop');
  code.get(node);
  code.op('i32_eqz');
  code.brIf(1);
  code.get(node);
  code.memory('i32_load', LENGTH, 2);
  code.tee(own);
  code.get(length);
  code.op('i32_gt_u');
  code.brIf(1);
  emitCommonBits(code, key, node, size);
  code.get(own);
  code.op('i32_lt_u');
  code.brIf(1);
  // A fork has no value.
  code.get(found);
  code.get(node);
  code.get(node);
  code.memory('i32_load', FORK, 2);
  code.op('select');
  code.set(found);
  code.get(own);
  code.get(length);
  code.op('i32_eq');
  code.brIf(1);
  emitSide(code, key, PREFIX, own);
  code.get(node);
  code.op('i32_add');
  code.memory('i32_load', CHILD, 2);
  code.set(node);
  code.br(0);
  code.end();
  code.end();
  code.get(found);
  code.i32(DATA + roundUp(size, 8));
  code.op('i32_add');
  code.i32(0);
  code.get(found);
  code.op('select');
  return code.finish();
}

/** Puts on the stack where in a node the child is for a bit of the data behind the address in a local; `index`: the local that says which bit. */
export function emitSide(code: WasmCode, from: number, offset: number, index: number): void {
  code.get(from);
  code.get(index);
  code.i32(3);
  code.op('i32_shr_u');
  code.op('i32_add');
  code.memory('i32_load8_u', offset);
  code.get(index);
  code.i32(7);
  code.op('i32_and');
  code.i32(7);
  code.op('i32_xor');
  code.op('i32_shr_u');
  code.i32(1);
  code.op('i32_and');
  code.i32(2);
  code.op('i32_shl');
}

/** Puts on the stack how many bits the data of key and node have in common, from the first on. */
export function emitCommonBits(code: WasmCode, key: number, node: number, size: number): void {
  code.block('block', 'i32');
  for (let at = 0; at < size; ) {
    const wide = size - at >= 8;
    const type = wide ? 'i64' : 'i32';
    const difference = code.local(type);
    for (const [local, offset] of [
      [key, PREFIX],
      [node, DATA],
    ] as const) {
      code.get(local);
      code.memory(`${type}_load`, offset + at);
    }
    code.op(`${type}_xor`);
    code.set(difference);
    code.i32(8 * at);
    if (wide) emitSwap64(code, difference);
    else emitSwap32(code, difference);
    code.op(`${type}_clz`);
    if (wide) code.op('i32_wrap_i64');
    code.op('i32_add');
    at += wide ? 8 : 4;
    if (at === size) break;
    // All bits so far: what follows decides.
    const common = code.local('i32');
    code.tee(common);
    code.get(common);
    code.i32(8 * at);
    code.op('i32_ne');
    code.brIf(0);
    code.op('drop');
  }
  code.end();
}
