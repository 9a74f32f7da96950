import type { BpfMap } from '../maps/map.ts';
import { RingBuffer } from '../maps/ringbuf.ts';
import type { Callees, MapHelper } from './emit-call.ts';
import { emitHashDelete, emitHashLookup, emitHashUpdate, isChangedCompiled, isCompiledHash } from './hash-map.ts';
import { emitTrieLookup, isCompiledTrie } from './lpm-trie.ts';
import { emitRingCommit, emitRingReserve } from './ring-buffer.ts';
import type { Signature, WasmModule } from './wasm-module.ts';

/** (key) -> value or result. */
const ONE_ADDRESS: Signature = { params: ['i32'], result: 'i32' };
const UPDATE: Signature = { params: ['i32', 'i32', 'i32'], result: 'i32' };
const COMMIT: Signature = { params: ['i32', 'i32', 'i32'] };

/** Functions of maps, each written when it is asked for. */
export function mapFunctions(module: WasmModule, registers: number, wake: number): Callees['mapFunction'] {
  const known = new Map<string, number>();
  return (helper, map) => {
    const found = mapFunction(helper, map, registers, wake);
    if (found === undefined) return undefined;
    const key = `${helper} ${map.address}`;
    let func = known.get(key);
    if (func === undefined) {
      func = module.function(found.signature);
      module.define(func, found.emit());
      known.set(key, func);
    }
    return func;
  };
}

interface MapFunction {
  readonly signature: Signature;
  readonly emit: () => Uint8Array;
}

function mapFunction(helper: MapHelper, map: BpfMap, registers: number, wake: number): MapFunction | undefined {
  switch (helper) {
    case 'lookup':
      if (isCompiledHash(map)) return { signature: ONE_ADDRESS, emit: () => emitHashLookup(map, registers) };
      if (isCompiledTrie(map)) return { signature: ONE_ADDRESS, emit: () => emitTrieLookup(map) };
      return undefined;
    case 'update':
      return isChangedCompiled(map) ? { signature: UPDATE, emit: () => emitHashUpdate(map, registers) } : undefined;
    case 'delete':
      return isChangedCompiled(map)
        ? { signature: ONE_ADDRESS, emit: () => emitHashDelete(map, registers) }
        : undefined;
    case 'reserve':
      return map instanceof RingBuffer ? { signature: ONE_ADDRESS, emit: () => emitRingReserve(map) } : undefined;
    case 'commit':
      return map instanceof RingBuffer ? { signature: COMMIT, emit: () => emitRingCommit(map, wake) } : undefined;
  }
}

/** The only ring buffer of a program that can have no other: then it is known whose the records are. */
export function onlyRing(maps: readonly BpfMap[]): RingBuffer | undefined {
  const rings = maps.filter((map) => map instanceof RingBuffer);
  return rings.length === 1 && maps.every(({ inner }) => inner === undefined) ? rings[0] : undefined;
}
