import { BPF_F_LOCK } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { HashMap } from '../maps/hash.ts';
import type { BatchOp, BpfMap } from '../maps/map.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';
import { checkRoom, copyFrom, copyTo, room } from './copy.ts';
import { mapOfFd } from './map-fd.ts';

type LookupAttr = CheckedAttr<'BPF_MAP_LOOKUP_BATCH'>;
type UpdateAttr = CheckedAttr<'BPF_MAP_UPDATE_BATCH'>;
type DeleteAttr = CheckedAttr<'BPF_MAP_DELETE_BATCH'>;

/** Bytes of the place in a hash map: the number of a bucket. */
const BUCKET_CURSOR = 4;

// `flags` of the batch itself Linux looks at only where a batch walks buckets.

/** BPF_MAP_LOOKUP_BATCH and BPF_MAP_LOOKUP_AND_DELETE_BATCH. `count` becomes the number of elements, also with -ENOENT for the end of the map. */
export function lookupBatch(process: Process, attr: LookupAttr, op: 'lookup' | 'lookup_and_delete'): number {
  const map = batchMap(process, attr, op, op === 'lookup' ? 'read' : 'read and write');
  if (typeof map === 'number') return map;
  if (map instanceof HashMap && attr.flags !== 0n) return -errno.EINVAL;
  const max = attr.count;
  if (max === 0) return 0;
  attr.count = 0;
  const fits =
    checkRoom(process, 'keys', attr.keys, max * map.attr.keySize) ||
    checkRoom(process, 'values', attr.values, max * map.userValueSize);
  if (fits !== 0) return fits;
  return map instanceof HashMap
    ? lookupBuckets(process, map, attr, max, op === 'lookup_and_delete')
    : lookupKeys(process, map, attr, max);
}

/** BPF_MAP_UPDATE_BATCH. `count` becomes the number of elements that were written. */
export function updateBatch(process: Process, attr: UpdateAttr): number {
  const map = batchMap(process, attr, 'update', 'write');
  if (typeof map === 'number') return map;
  const max = attr.count;
  if (max === 0) return 0;
  const { keySize } = map.attr;
  attr.count = 0;
  const keys = copyFrom(process, 'keys', attr.keys, max * keySize);
  if (keys < 0) return keys;
  const values = copyFrom(process, 'values', attr.values, max * map.userValueSize);
  if (values < 0) return values;
  const through = process.files.get(attr.map_fd);
  for (let i = 0; i < max; i++) {
    const result = map.copyIn(
      keys + i * keySize,
      values + i * map.userValueSize,
      Number(attr.elem_flags),
      process,
      through,
    );
    if (result !== 0) return result;
    attr.count++;
  }
  return 0;
}

/** BPF_MAP_DELETE_BATCH. Stops at the first key that is missing. */
export function deleteBatch(process: Process, attr: DeleteAttr): number {
  const map = batchMap(process, attr, 'delete', 'write');
  if (typeof map === 'number') return map;
  const max = attr.count;
  if (max === 0) return 0;
  attr.count = 0;
  const keys = copyFrom(process, 'keys', attr.keys, max * map.attr.keySize);
  if (keys < 0) return keys;
  for (let i = 0; i < max; i++) {
    const result = map.delete(keys + i * map.attr.keySize);
    if (result !== 0) return result;
    attr.count++;
  }
  return 0;
}

/** The map if it has the command and takes the flags of its elements, of which there is one: BPF_F_LOCK. */
function batchMap(
  process: Process,
  attr: { readonly map_fd: number; readonly elem_flags: bigint },
  op: BatchOp,
  access: 'read' | 'write' | 'read and write',
): BpfMap | number {
  const map = mapOfFd(process, attr.map_fd, access);
  if (typeof map === 'number') return map;
  if (!map.batch.includes(op)) return -errno.ENOTSUPP;
  const lock = attr.elem_flags === BigInt(BPF_F_LOCK) && map.copier.has('spin_lock');
  return attr.elem_flags === 0n || lock ? map : -errno.EINVAL;
}

/** For maps whose place is a key. */
function lookupKeys(process: Process, map: BpfMap, attr: LookupAttr, max: number): number {
  const { keySize } = map.attr;
  const fits = checkRoom(process, 'out_batch', attr.out_batch, keySize);
  if (fits !== 0) return fits;
  const previous = attr.in_batch === undefined ? 0 : copyFrom(process, 'in_batch', attr.in_batch, keySize);
  if (previous < 0) return previous;
  const key = room(process, keySize);
  const value = room(process, map.userValueSize);
  if (key < 0 || value < 0) return -errno.ENOMEM;
  let from = previous;
  while (attr.count < max) {
    const end = map.nextKey(from, key);
    if (end !== 0) return end;
    from = key;
    const missing = map.copyOut(key, value);
    // An index without a value is passed over.
    if (missing === -errno.ENOENT) continue;
    if (missing !== 0) {
      attr.count = 0;
      return missing;
    }
    copyTo(process, attr.keys, key, keySize, attr.count * keySize);
    copyTo(process, attr.values, value, map.userValueSize, attr.count * map.userValueSize);
    copyTo(process, attr.out_batch, key, keySize);
    attr.count++;
  }
  return 0;
}

/** For hash maps, whose place is a bucket: one bucket is given whole or not at all. */
function lookupBuckets(process: Process, map: HashMap, attr: LookupAttr, max: number, remove: boolean): number {
  const { keySize } = map.attr;
  const fits = checkRoom(process, 'out_batch', attr.out_batch, BUCKET_CURSOR);
  if (fits !== 0) return fits;
  let bucket = 0;
  if (attr.in_batch !== undefined) {
    const at = copyFrom(process, 'in_batch', attr.in_batch, BUCKET_CURSOR);
    if (at < 0) return at;
    bucket = process.machine.memory.dv.getUint32(at, true);
    if (bucket >= map.bucketCount) return -errno.ENOENT;
  }
  let result = 0;
  for (; bucket < map.bucketCount; bucket++) {
    const elements = map.elementsOf(bucket);
    if (attr.count + elements.length > max) {
      if (attr.count === 0) result = -errno.ENOSPC;
      break;
    }
    const shown = room(process, map.userValueSize);
    if (shown < 0) return shown;
    for (const { key, value } of elements) {
      map.show(shown, value);
      copyTo(process, attr.keys, key, keySize, attr.count * keySize);
      copyTo(process, attr.values, shown, map.userValueSize, attr.count * map.userValueSize);
      attr.count++;
    }
    if (remove) for (const { key } of elements) map.delete(key);
  }
  if (bucket === map.bucketCount) result = -errno.ENOENT;
  const out = room(process, BUCKET_CURSOR);
  if (out < 0) return out;
  process.machine.memory.dv.setUint32(out, bucket, true);
  copyTo(process, attr.out_batch, out, BUCKET_CURSOR);
  return result;
}
