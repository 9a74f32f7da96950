import { toHex } from '../bytes/hex.ts';
import { cString } from '../bytes/struct.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { MapType, ProgType } from '../uapi/bpf.ts';
import { MAP_TYPES, PROG_TYPES } from '../uapi/bpf.ts';
import type { BtfId, Fd, MapId, ProgId } from '../uapi/fd.ts';
import { bpfBtfInfo, bpfMapInfo, bpfProgInfo } from '../uapi/info.ts';
import { closing, fdinfo, ids, orUndefined, saying } from './calls.ts';

/** What a kernel says of one map. */
export interface MapInfo {
  readonly id: MapId;
  /** A number where this version of skep has no name for the type. */
  readonly type: MapType | number;
  readonly name: string;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  readonly mapExtra: bigint;
  /** `undefined`: the map has no BTF. */
  readonly btfId: BtfId | undefined;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Of a struct_ops map the type of its value, in the kernel's BTF; else 0. */
  readonly structTypeId: number;
  /** Bytes; `undefined` where procfs does not tell. */
  readonly memlock: number | undefined;
  readonly frozen: boolean;
  /** Prog arrays that have held a program. */
  readonly ownerProgType: ProgType | number | undefined;
  readonly ownerJited: boolean | undefined;
}

/** What a kernel says of one program. */
export interface ProgramInfo {
  readonly id: ProgId;
  readonly type: ProgType | number;
  readonly name: string;
  /** 16 hex digits. */
  readonly tag: string;
  readonly gplCompatible: boolean;
  /** Nanoseconds since boot. */
  readonly loadTime: bigint;
  readonly uid: number;
  /** Bytes after the kernel's rewriting. */
  readonly xlatedSize: number;
  /** Bytes of machine code; 0: interpreted. */
  readonly jitedSize: number;
  readonly memlock: number | undefined;
  readonly mapIds: readonly MapId[];
  readonly btfId: BtfId | undefined;
  /** What a tracing program is made for: the BTF object of the kernel, a module or a program, and the type in it. 0: nothing. */
  readonly attachBtfObjectId: number;
  readonly attachBtfId: number;
  /** Instructions that the verifier followed, over all paths. 0: the kernel does not say (Linux < 5.16). */
  readonly verifiedInsns: number;
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
}

/** What a kernel says of one BTF object. */
export interface BtfInfo {
  readonly id: number;
  /** `vmlinux` or the name of a module; empty for BTF that a user loaded. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Whether it is that of the kernel or of a module. */
  readonly kernel: boolean;
}

/** Bytes for the name of a BTF object: that of a module has 55 at most. */
const BTF_NAME_SIZE = 64;

/** Asks for the info struct of an open fd. */
export function mapInfo(kernel: Kernel, fd: Fd): MapInfo {
  const bytes = new Uint8Array(bpfMapInfo.size);
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: bytes.length, info: bytes });
  const info = bpfMapInfo.decode(bytes);
  const proc = fdinfo(kernel, fd);
  const owner = proc.get('owner_prog_type');
  return {
    id: info.id as MapId, // the brand's origin
    type: MAP_TYPES[info.type] ?? info.type,
    name: info.name,
    keySize: info.key_size,
    valueSize: info.value_size,
    maxEntries: info.max_entries,
    flags: info.map_flags,
    mapExtra: info.map_extra,
    btfId: info.btf_id === 0 ? undefined : (info.btf_id as BtfId), // the brand's origin
    keyTypeId: info.btf_key_type_id,
    valueTypeId: info.btf_value_type_id,
    structTypeId: info.btf_vmlinux_value_type_id,
    memlock: number(proc.get('memlock')),
    frozen: proc.get('frozen') === '1',
    ownerProgType: owner === undefined ? undefined : (PROG_TYPES[Number(owner)] ?? Number(owner)),
    ownerJited: owner === undefined ? undefined : proc.get('owner_jited') === '1',
  };
}

export function programInfo(kernel: Kernel, fd: Fd): ProgramInfo {
  const first = new Uint8Array(bpfProgInfo.size);
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: first.length, info: first });
  const info = bpfProgInfo.decode(first);
  const mapIds = new Uint8Array(4 * info.nr_map_ids);
  if (info.nr_map_ids > 0) {
    const second = bpfProgInfo.encode({ nr_map_ids: info.nr_map_ids });
    kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', {
      bpf_fd: fd,
      info_len: second.length,
      info: second,
      arrays: { map_ids: mapIds },
    });
  }
  const view = new DataView(mapIds.buffer);
  return {
    id: info.id as ProgId, // the brand's origin
    type: PROG_TYPES[info.type] ?? info.type,
    name: info.name,
    tag: toHex(info.tag),
    gplCompatible: (info.gpl_compatible & 1) !== 0,
    loadTime: info.load_time,
    uid: info.created_by_uid,
    xlatedSize: info.xlated_prog_len,
    jitedSize: info.jited_prog_len,
    memlock: number(fdinfo(kernel, fd).get('memlock')),
    mapIds: Array.from({ length: info.nr_map_ids }, (_, i) => view.getUint32(4 * i, true) as MapId), // the brand's origin
    btfId: info.btf_id === 0 ? undefined : (info.btf_id as BtfId), // the brand's origin
    attachBtfObjectId: info.attach_btf_obj_id,
    attachBtfId: info.attach_btf_id,
    verifiedInsns: info.verified_insns,
    runTimeNs: info.run_time_ns,
    runCount: info.run_cnt,
  };
}

/** The kernel-rewritten instructions, 8 bytes each; empty where the kernel does not show them. */
export function xlatedInsns(kernel: Kernel, fd: Fd): Uint8Array {
  const first = new Uint8Array(bpfProgInfo.size);
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: first.length, info: first });
  const { xlated_prog_len } = bpfProgInfo.decode(first);
  const insns = new Uint8Array(xlated_prog_len);
  const second = bpfProgInfo.encode({ xlated_prog_len });
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', {
    bpf_fd: fd,
    info_len: second.length,
    info: second,
    arrays: { xlated_prog_insns: insns },
  });
  // A kernel that hides them answers with a null pointer in the struct and leaves the buffer alone.
  return bpfProgInfo.decode(second).xlated_prog_len === 0 ? new Uint8Array(0) : insns;
}

/** The type of a program's first function, in the program's BTF; `undefined` if the program has none. */
export function mainFunctionType(kernel: Kernel, fd: Fd): number | undefined {
  const first = new Uint8Array(bpfProgInfo.size);
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: first.length, info: first });
  const { nr_func_info, func_info_rec_size } = bpfProgInfo.decode(first);
  if (nr_func_info === 0) return undefined;
  const func_info = new Uint8Array(func_info_rec_size);
  const info = bpfProgInfo.encode({ nr_func_info: 1, func_info_rec_size });
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: info.length, info, arrays: { func_info } });
  // struct bpf_func_info: u32 insn_off, u32 type_id.
  return new DataView(func_info.buffer).getUint32(4, true);
}

export function btfInfo(kernel: Kernel, fd: Fd): BtfInfo {
  const name = new Uint8Array(BTF_NAME_SIZE);
  const bytes = bpfBtfInfo.encode({ name_len: BTF_NAME_SIZE });
  const ask = { bpf_fd: fd, info_len: bytes.length, info: bytes };
  const answer = orUndefined('E2BIG', () => [kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { ...ask, arrays: { name } })]);
  // Linux < 5.11 knows no names, and refuses a struct that asks for one.
  if (answer === undefined) kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { ...ask, info: bytes.fill(0) });
  const info = bpfBtfInfo.decode(bytes);
  return { id: info.id, name: cString(name), size: info.btf_size, kernel: info.kernel_btf !== 0 };
}

/** Opens a BTF object by its id for as long as `use` runs. */
export function withBtf<T>(kernel: Kernel, id: number, use: (fd: Fd) => T): T {
  const fd = saying(`id ${id}`, () => kernel.bpf('BPF_BTF_GET_FD_BY_ID', { btf_id: id }));
  return closing(kernel, fd, () => use(fd));
}

/** The raw BTF of a loaded BTF object. */
export function btfBytes(kernel: Kernel, fd: Fd): Uint8Array {
  const first = new Uint8Array(bpfBtfInfo.size);
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: first.length, info: first });
  const { btf_size } = bpfBtfInfo.decode(first);
  const btf = new Uint8Array(btf_size);
  const second = bpfBtfInfo.encode({ btf_size });
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: second.length, info: second, arrays: { btf } });
  return btf;
}

/** Every map that the kernel has, by growing id. Maps that vanish while this walks are left out. */
export function* listMaps(kernel: Kernel): Generator<MapInfo> {
  for (const id of ids(kernel, 'BPF_MAP_GET_NEXT_ID')) {
    const fd = orUndefined('ENOENT', () => kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: id }));
    if (fd !== undefined) yield closing(kernel, fd, () => mapInfo(kernel, fd));
  }
}

/** Every program that the kernel has, by growing id. */
export function* listPrograms(kernel: Kernel): Generator<ProgramInfo> {
  for (const id of ids(kernel, 'BPF_PROG_GET_NEXT_ID')) {
    const fd = orUndefined('ENOENT', () => kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id: id }));
    if (fd !== undefined) yield closing(kernel, fd, () => programInfo(kernel, fd));
  }
}

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
