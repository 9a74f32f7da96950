import type { BloomFilter } from '../maps/bloom-filter.ts';
import type { HashMap } from '../maps/hash.ts';
import type { LpmTrie } from '../maps/lpm-trie.ts';
import type { BpfMap } from '../maps/map.ts';
import type { QueueMap } from '../maps/queue.ts';
import { RingBuffer } from '../maps/ringbuf.ts';
import { emitBloomPeek, emitBloomPush, isCompiledBloom } from './bloom-filter.ts';
import type { Callees, MapHelper } from './emit-call.ts';
import { emitHashDelete, emitHashLookup, emitHashUpdate, isChangedCompiled, isCompiledHash } from './hash-map.ts';
import { emitSharedDelete, emitSharedLookup, emitSharedUpdate } from './hash-shared.ts';
import { emitTrieLookup, isCompiledTrie } from './lpm-trie.ts';
import { emitTrieDelete, emitTrieUpdate } from './lpm-update.ts';
import { emitPush, emitTake, isQueue } from './queue.ts';
import { emitRingCommit, emitRingReserve, emitSharedReserve } from './ring-buffer.ts';
import type { Signature, WasmModule } from './wasm-module.ts';

/** (key) -> value or result. */
const ONE_ADDRESS: Signature = { params: ['i32'], result: 'i32' };
const PUSH: Signature = { params: ['i32', 'i32'], result: 'i32' };
const UPDATE: Signature = { params: ['i32', 'i32', 'i32'], result: 'i32' };
const COMMIT: Signature = { params: ['i32', 'i32', 'i32'] };

/** What functions of maps are written for. */
interface Around {
  readonly module: WasmModule;
  readonly registers: number;
  /** The import that wakes readers. */
  readonly wake: number;
  /** Several CPUs may call them at once. */
  readonly shared: boolean;
}

/** Functions of maps, each written when it is asked for. */
export function mapFunctions(around: Around): Callees['mapFunction'] {
  return (helper, map) => {
    const found = mapFunction(helper, map, around);
    return found && around.module.asked(`${helper} ${map.address}`, found.signature, found.emit);
  };
}

interface MapFunction {
  readonly signature: Signature;
  readonly emit: () => Uint8Array;
}

function mapFunction(helper: MapHelper, map: BpfMap, around: Around): MapFunction | undefined {
  if (isCompiledHash(map)) return hashFunction(helper, map, around);
  if (isQueue(map)) return around.shared ? undefined : queueFunction(helper, map);
  if (isCompiledBloom(map)) return around.shared ? undefined : bloomFunction(helper, map);
  if (isCompiledTrie(map)) return trieFunction(helper, map, around);
  return map instanceof RingBuffer ? ringFunction(helper, map, around) : undefined;
}

function hashFunction(helper: MapHelper, map: HashMap, { registers, shared }: Around): MapFunction | undefined {
  // Where elements have no memory of their own, the kernel itself changes the map: none goes while several CPUs run.
  if (helper !== 'lookup' && !isChangedCompiled(map)) return undefined;
  switch (helper) {
    case 'lookup':
      return {
        signature: ONE_ADDRESS,
        emit: () => (shared ? emitSharedLookup(map, registers) : emitHashLookup(map, registers)),
      };
    case 'update':
      return {
        signature: UPDATE,
        emit: () => (shared ? emitSharedUpdate(map, registers) : emitHashUpdate(map, registers)),
      };
    case 'delete':
      return {
        signature: ONE_ADDRESS,
        emit: () => (shared ? emitSharedDelete(map, registers) : emitHashDelete(map, registers)),
      };
    default:
      return undefined;
  }
}

function trieFunction(helper: MapHelper, map: LpmTrie, { shared }: Around): MapFunction | undefined {
  // Who looks up takes no lock: while several CPUs run, the kernel itself changes the map.
  if (shared && helper !== 'lookup') return undefined;
  switch (helper) {
    case 'lookup':
      return { signature: ONE_ADDRESS, emit: () => emitTrieLookup(map) };
    case 'update':
      return { signature: UPDATE, emit: () => emitTrieUpdate(map) };
    case 'delete':
      return { signature: ONE_ADDRESS, emit: () => emitTrieDelete(map) };
    default:
      return undefined;
  }
}

function ringFunction(helper: MapHelper, ring: RingBuffer, { module, wake, shared }: Around): MapFunction | undefined {
  switch (helper) {
    case 'reserve':
      return {
        signature: ONE_ADDRESS,
        emit: () => {
          if (!shared) return emitRingReserve(ring);
          const alone = module.function(ONE_ADDRESS);
          module.define(alone, emitRingReserve(ring));
          return emitSharedReserve(ring, alone);
        },
      };
    case 'commit':
      return { signature: COMMIT, emit: () => emitRingCommit(ring, wake) };
    default:
      return undefined;
  }
}

function queueFunction(helper: MapHelper, map: QueueMap): MapFunction | undefined {
  switch (helper) {
    case 'push':
      return { signature: PUSH, emit: () => emitPush(map) };
    case 'pop':
    case 'peek':
      return { signature: ONE_ADDRESS, emit: () => emitTake(map, helper === 'pop') };
    default:
      return undefined;
  }
}

function bloomFunction(helper: MapHelper, map: BloomFilter): MapFunction | undefined {
  switch (helper) {
    case 'push':
      return { signature: PUSH, emit: () => emitBloomPush(map) };
    case 'peek':
      return { signature: ONE_ADDRESS, emit: () => emitBloomPeek(map) };
    default:
      return undefined;
  }
}

/** The only ring buffer of a program that can have no other: then it is known whose the records are. */
export function onlyRing(maps: readonly BpfMap[]): RingBuffer | undefined {
  const rings = maps.filter((map) => map instanceof RingBuffer);
  return rings.length === 1 && maps.every(({ inner }) => inner === undefined) ? rings[0] : undefined;
}
