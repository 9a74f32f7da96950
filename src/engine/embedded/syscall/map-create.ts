import { ObjectError } from '../../../errors.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BtfObject } from '../btf-object.ts';
import { checkInner } from '../maps/inner.ts';
import type { MapAttr, MapType } from '../maps/map.ts';
import { mapTypeOf } from '../maps/types.ts';
import { checkFields, type ValueField, valueFields } from '../maps/value-fields.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';

type Attr = CheckedAttr<'BPF_MAP_CREATE'>;

const NUMA_NO_NODE = 0xffffffff;
/** For these types map_extra means something. */
const WITH_EXTRA: ReadonlySet<number> = new Set([mapTypeNumber.bloom_filter, mapTypeNumber.arena]);

/** BPF_MAP_CREATE: the new fd or -errno. */
export function mapCreate(process: Process, attr: Attr): number {
  const refused = checkCommon(attr);
  if (refused !== 0) return refused;
  const type = mapTypeOf(attr.map_type);
  if (type === undefined) return -errno.EINVAL;
  const mode = attr.map_flags & (BPF_F_RDONLY | BPF_F_WRONLY);
  const wanted = toMapAttr(attr);
  const unfit = type.check(wanted);
  if (unfit !== 0) return unfit;
  const misfit = type.checkKernelTypes?.(process.machine, wanted) ?? 0;
  if (misfit !== 0) return misfit;
  const inner = type.ofMaps === undefined ? undefined : process.map(attr.inner_map_fd);
  if (typeof inner === 'number') return inner;
  const unheld = inner === undefined ? 0 : checkInner(inner);
  if (unheld !== 0) return unheld;
  const description = mapBtf(process, attr, type, wanted);
  if (typeof description === 'number') return description;
  const btf = description?.object;
  // The numbers count only together with a BTF.
  const typed = {
    ...wanted,
    flags: wanted.flags & ~mode,
    btf,
    fields: description?.fields ?? [],
    inner,
    ...(btf === undefined ? { keyTypeId: 0, valueTypeId: 0 } : {}),
  };
  const map = type.create(process.machine, typed);
  if (typeof map === 'number') return map;
  btf?.get();
  // The reference of the creator is the new fd's.
  const fd = process.installMap(map, { canRead: mode !== BPF_F_WRONLY, canWrite: mode !== BPF_F_RDONLY });
  map.put();
  return fd;
}

/** What is asked of every type. */
function checkCommon(attr: Attr): number {
  const both = BPF_F_RDONLY | BPF_F_WRONLY;
  const numa = (attr.map_flags & BPF_F_NUMA_NODE) !== 0;
  const wrong =
    (attr.btf_vmlinux_value_type_id === 0
      ? attr.btf_key_type_id !== 0 && attr.btf_value_type_id === 0
      : attr.map_type !== mapTypeNumber.struct_ops || attr.btf_key_type_id !== 0 || attr.btf_value_type_id !== 0) ||
    (attr.map_extra !== 0n && !WITH_EXTRA.has(attr.map_type)) ||
    (attr.map_flags & both) === both ||
    (numa && attr.numa_node !== 0 && attr.numa_node !== NUMA_NO_NODE) ||
    // Devices that run programs themselves, tokens, and maps for one signed program are not here.
    attr.map_ifindex !== 0 ||
    attr.map_token_fd !== 0 ||
    attr.excl_prog_hash !== undefined ||
    attr.excl_prog_hash_size !== 0;
  return wrong ? -errno.EINVAL : 0;
}

function toMapAttr(attr: Attr): MapAttr {
  return {
    type: attr.map_type,
    keySize: attr.key_size,
    valueSize: attr.value_size,
    maxEntries: attr.max_entries,
    flags: attr.map_flags,
    mapExtra: attr.map_extra,
    name: attr.map_name,
    btf: undefined,
    keyTypeId: attr.btf_key_type_id,
    valueTypeId: attr.btf_value_type_id,
    structTypeId: attr.btf_vmlinux_value_type_id || undefined,
  };
}

interface Description {
  readonly object: BtfObject;
  readonly fields: readonly ValueField[];
}

/** The BTF that the map shall have; -EINVAL if its types are not of the sizes of key and value. */
function mapBtf(process: Process, attr: Attr, type: MapType, wanted: MapAttr): Description | undefined | number {
  if (attr.btf_key_type_id === 0 && attr.btf_value_type_id === 0 && wanted.structTypeId === undefined) return undefined;
  const object = process.btf(attr.btf_fd);
  if (typeof object === 'number') return object;
  if (object.name !== '') return process.fail(errno.EACCES, "a map has types of its own, not the kernel's");
  if (wanted.structTypeId !== undefined) return { object, fields: [] };
  const { btf } = object;
  const key = attr.btf_key_type_id;
  const value = attr.btf_value_type_id;
  try {
    const fits =
      (key === 0 ? type.checkBtf !== undefined : btf.size(key) === attr.key_size) &&
      btf.size(value) === attr.value_size;
    if (!fits)
      return process.fail(errno.EINVAL, 'the BTF types of key and value are not of the sizes of key and value');
    const valueType = btf.resolve(value);
    const fields = valueFields(btf, valueType);
    const misplaced = checkFields(fields, attr.map_type, attr.map_flags);
    if (misplaced !== 0) return process.fail(-misplaced, refusedFields(fields, type));
    const refused = type.checkBtf?.(key === 0 ? undefined : btf.resolve(key), valueType, wanted) ?? 0;
    return refused === 0
      ? { object, fields }
      : process.fail(-refused, 'the BTF types of key and value are not what the map takes');
  } catch (error) {
    if (error instanceof ObjectError) return process.fail(errno.EINVAL, error.message);
    throw error;
  }
}

function refusedFields(fields: readonly ValueField[], { name }: MapType): string {
  const kinds = new Set(fields.map(({ kind }) => (kind === 'kptr' || kind === 'uptr' ? `a ${kind}` : `a bpf_${kind}`)));
  return `its value has ${[...kinds].join(' and ')}, which ${name} maps with these flags cannot have`;
}
