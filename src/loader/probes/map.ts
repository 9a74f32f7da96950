import { BtfBuilder } from '../../btf/index.ts';
import { SysError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import type { BpfAttr } from '../../uapi/attr.ts';
import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, MAP_TYPES, type MapType, mapTypeNumber } from '../../uapi/bpf.ts';
import type { Fd } from '../../uapi/fd.ts';
import { orUndefined } from '../calls.ts';

type CreateAttr = BpfAttr<'BPF_MAP_CREATE'>;

/** The largest page of any kernel: a ring buffer is made of whole pages, a power of two of them. */
const MAX_PAGE = 65536;

const SMALL: CreateAttr = { key_size: 4, value_size: 4, max_entries: 1 };
const CGROUP_STORAGE: CreateAttr = { key_size: 16, value_size: 8, max_entries: 0 };
const LOCAL_STORAGE: CreateAttr = { value_size: 8, max_entries: 0, map_flags: BPF_F_NO_PREALLOC };
const RING: CreateAttr = { key_size: 0, value_size: 0, max_entries: MAX_PAGE };
const KEYLESS: CreateAttr = { key_size: 0 };

/** What a map of the type must have that is not as in {@link SMALL}. */
const SHAPES: Readonly<Partial<Record<MapType, CreateAttr>>> = {
  stack_trace: { value_size: 8 },
  lpm_trie: { key_size: 8, value_size: 8, map_flags: BPF_F_NO_PREALLOC },
  cgroup_storage: CGROUP_STORAGE,
  percpu_cgroup_storage: CGROUP_STORAGE,
  queue: KEYLESS,
  stack: KEYLESS,
  bloom_filter: KEYLESS,
  sk_storage: LOCAL_STORAGE,
  inode_storage: LOCAL_STORAGE,
  task_storage: LOCAL_STORAGE,
  cgrp_storage: LOCAL_STORAGE,
  ringbuf: RING,
  user_ringbuf: RING,
  arena: { key_size: 0, value_size: 0, map_flags: BPF_F_MMAPABLE },
  struct_ops: { btf_vmlinux_value_type_id: 1 },
};

const OF_MAPS: ReadonlySet<MapType> = new Set(['array_of_maps', 'hash_of_maps']);
/** What a kernel says that does not give what a map needs first. */
const REFUSALS = ['EPERM', 'EINVAL', 'ENOTSUPP', 'ENOMEM', 'ENOSYS'];

/** The map types that are asked for, by number: of a device that runs programs itself (`ifindex` not 0) those that such devices have. */
export function mapTypesToProbe(ifindex: number): readonly MapType[] {
  return ifindex === 0 ? MAP_TYPES.slice(1) : ['hash', 'array'];
}

/** Whether the kernel, or the device, makes a map of the type; it is closed again. */
export function hasMapType(kernel: Kernel, type: MapType, ifindex: number): boolean {
  const attr = { ...SMALL, map_type: mapTypeNumber[type], ...SHAPES[type] };
  if (ifindex !== 0) return refusal(kernel, { ...attr, map_ifindex: ifindex }) === undefined;
  // A type that is none of the kernel's structs: a kernel without such maps does not come to see that.
  if (type === 'struct_ops') return refusal(kernel, attr) === 'ENOTSUPP';
  if (SHAPES[type] !== LOCAL_STORAGE && !OF_MAPS.has(type)) return refusal(kernel, attr) === undefined;
  const fd = orUndefined(REFUSALS, () => (OF_MAPS.has(type) ? innerMap(kernel) : storageTypes(kernel)));
  if (fd === undefined) return false;
  try {
    const more = OF_MAPS.has(type) ? { inner_map_fd: fd } : { btf_fd: fd, btf_key_type_id: 1, btf_value_type_id: 2 };
    return refusal(kernel, { ...attr, ...more }) === undefined;
  } finally {
    kernel.close(fd);
  }
}

/** The errno's name if there is no such map. */
function refusal(kernel: Kernel, attr: CreateAttr): string | undefined {
  try {
    kernel.close(kernel.bpf('BPF_MAP_CREATE', attr));
    return undefined;
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
}

function innerMap(kernel: Kernel): Fd {
  return kernel.bpf('BPF_MAP_CREATE', { ...SMALL, map_type: mapTypeNumber.hash });
}

/** Maps on sockets, files and tasks need BTF: types 1 and 2 are integers of the sizes of key and value. */
function storageTypes(kernel: Kernel): Fd {
  const builder = new BtfBuilder();
  builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
  builder.add({ kind: 'int', name: 'long', size: 8, bits: 64, bitOffset: 0, encoding: 'signed' });
  const btf = builder.bytes();
  return kernel.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length });
}
