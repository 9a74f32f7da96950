import { BPF_F_LOCK } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';
import { checkRoom, copyFrom, copyTo, room } from './copy.ts';
import { mapOfFd } from './map-fd.ts';

/** BPF_MAP_LOOKUP_ELEM. */
export function mapLookup(process: Process, attr: CheckedAttr<'BPF_MAP_LOOKUP_ELEM'>): number {
  if (attr.flags !== 0n && attr.flags !== BigInt(BPF_F_LOCK)) return -errno.EINVAL;
  const map = mapOfFd(process, attr.map_fd, 'read');
  if (typeof map === 'number') return map;
  if (attr.flags !== 0n && !map.copier.has('spin_lock')) return noLock(process);
  const key = copyKey(process, map, attr.key);
  if (key < 0) return key;
  if (map.asksByValue) {
    const value = copyFrom(process, 'value', attr.value, map.userValueSize);
    return value < 0 ? value : map.copyOutFrom(key, value, process);
  }
  return copyValue(process, map, attr.value, (out) => map.copyOutFrom(key, out, process));
}

/** BPF_MAP_UPDATE_ELEM. */
export function mapUpdate(process: Process, attr: CheckedAttr<'BPF_MAP_UPDATE_ELEM'>): number {
  const map = mapOfFd(process, attr.map_fd, 'write');
  if (typeof map === 'number') return map;
  if ((attr.flags & BigInt(BPF_F_LOCK)) !== 0n && !map.copier.has('spin_lock')) return noLock(process);
  const key = copyKey(process, map, attr.key);
  if (key < 0) return key;
  const value = copyFrom(process, 'value', attr.value, map.userValueSize);
  return value < 0 ? value : map.copyIn(key, value, Number(attr.flags), process, process.files.get(attr.map_fd));
}

/** BPF_MAP_DELETE_ELEM. */
export function mapDelete(process: Process, attr: CheckedAttr<'BPF_MAP_DELETE_ELEM'>): number {
  const map = mapOfFd(process, attr.map_fd, 'write');
  if (typeof map === 'number') return map;
  const key = copyKey(process, map, attr.key);
  return key < 0 ? key : map.deleteFrom(key, process);
}

/** BPF_MAP_LOOKUP_AND_DELETE_ELEM. */
export function mapLookupAndDelete(process: Process, attr: CheckedAttr<'BPF_MAP_LOOKUP_AND_DELETE_ELEM'>): number {
  if (attr.flags !== 0n && attr.flags !== BigInt(BPF_F_LOCK)) return -errno.EINVAL;
  const map = mapOfFd(process, attr.map_fd, 'read and write');
  if (typeof map === 'number') return map;
  if (attr.flags !== 0n && !map.copier.has('spin_lock')) return noLock(process);
  const key = copyKey(process, map, attr.key);
  if (key < 0) return key;
  return copyValue(process, map, attr.value, (out) => map.takeOut(key, out));
}

/** BPF_MAP_GET_NEXT_KEY. */
export function mapGetNextKey(process: Process, attr: CheckedAttr<'BPF_MAP_GET_NEXT_KEY'>): number {
  const map = mapOfFd(process, attr.map_fd, 'read');
  if (typeof map === 'number') return map;
  const key = attr.key === undefined ? 0 : copyKey(process, map, attr.key);
  if (key < 0) return key;
  const next = room(process, map.attr.keySize);
  if (next < 0) return next;
  const result = map.nextKey(key, next);
  if (result !== 0) return result;
  const fits = checkRoom(process, 'next_key', attr.next_key, map.attr.keySize);
  if (fits === 0) copyTo(process, attr.next_key, next, map.attr.keySize);
  return fits;
}

/** BPF_MAP_FREEZE: from now on no system call writes to the map. Programs still do. */
export function mapFreeze(process: Process, attr: CheckedAttr<'BPF_MAP_FREEZE'>): number {
  const any = process.map(attr.map_fd);
  if (typeof any === 'object' && any.copier.fields.length > 0)
    return process.fail(errno.ENOTSUPP, 'a map whose values have locks, timers or kptrs cannot be frozen');
  const map = mapOfFd(process, attr.map_fd, 'write');
  if (typeof map === 'number') return map;
  if (map.writableMappings > 0) return -errno.EBUSY;
  map.frozen = true;
  return 0;
}

/** Address of the caller's key, or -errno. A map without keys wants none. */
export function copyKey(process: Process, map: BpfMap, key: Uint8Array | undefined): number {
  if (map.attr.keySize === 0) return key === undefined ? 0 : -errno.EINVAL;
  return copyFrom(process, 'key', key, map.attr.keySize);
}

/** Lets `get` fill a value and copies it to the caller. A buffer that is too short is found out before anything happens. */
function copyValue(process: Process, map: BpfMap, value: Uint8Array | undefined, get: (out: number) => number): number {
  const fits = checkRoom(process, 'value', value, map.userValueSize);
  if (fits !== 0) return fits;
  const out = room(process, map.userValueSize);
  if (out < 0) return out;
  const result = get(out);
  if (result === 0) copyTo(process, value, out, map.userValueSize);
  return result;
}

function noLock(process: Process): number {
  return process.fail(errno.EINVAL, 'BPF_F_LOCK needs a map whose value has a bpf_spin_lock');
}
