import { arena } from './arena.ts';
import { array } from './array.ts';
import { arrayOfMaps } from './array-of-maps.ts';
import { bloomFilter } from './bloom-filter.ts';
import { cgroupArray } from './cgroup-array.ts';
import { cgroupStorage, percpuCgroupStorage } from './cgroup-storage.ts';
import { cgrpStorage } from './cgrp-storage.ts';
import { cpumap } from './cpumap.ts';
import { devmap, devmapHash } from './devmap.ts';
import { hash, percpuHash } from './hash.ts';
import { hashOfMaps } from './hash-of-maps.ts';
import { inodeStorage } from './inode-storage.ts';
import { lpmTrie } from './lpm-trie.ts';
import { lruHash, lruPercpuHash } from './lru-hash.ts';
import type { MapType } from './map.ts';
import { percpuArray } from './percpu-array.ts';
import { perfEventArray } from './perf-event-array.ts';
import { progArray } from './prog-array.ts';
import { queue, stack } from './queue.ts';
import { ringbuf, userRingbuf } from './ringbuf.ts';
import { skStorage } from './sk-storage.ts';
import { reuseportSockarray, sockhash, sockmap } from './socket-map.ts';
import { stackTrace } from './stack-trace.ts';
import { structOps } from './struct-ops.ts';
import { taskStorage } from './task-storage.ts';
import { xskmap } from './xskmap.ts';

// biome-ignore format: by number
const MAP_TYPES_HERE: readonly MapType[] = [
  hash, array, progArray, perfEventArray, cgroupArray, percpuHash, percpuArray, lruHash, lruPercpuHash, lpmTrie, arrayOfMaps, hashOfMaps, queue, stack, ringbuf, bloomFilter,
  userRingbuf, devmap, devmapHash, cpumap, stackTrace, skStorage, inodeStorage, taskStorage, sockmap, sockhash, reuseportSockarray, cgroupStorage,
  percpuCgroupStorage, cgrpStorage, xskmap, arena, structOps,
];

const byNumber = new Map(MAP_TYPES_HERE.map((row) => [row.type, row]));

/** The row of BPF_MAP_TYPE_* `type`, or `undefined` if the embedded kernel does not have it. */
export function mapTypeOf(type: number): MapType | undefined {
  return byNumber.get(type);
}
