import type { Fd } from './fd.ts';

/**
 * `union bpf_attr` of Linux 6.18, once: the types of {@link BpfAttr}, the encoder and decoder of the linux engine, the check of foreign
 * messages and strace all read this table. `[kind, offset]`; a field that a caller leaves out is zero.
 *
 * Kinds: `u32`, `u64` (bigint), `fd`, `name` (char[16]) are read by the kernel; `u32!` and `u64!` are read and then overwritten with what
 * the kernel answers. `in`, `out` and `inout` are pointers to buffers that the kernel reads, fills, or both; `path` is a pointer to a
 * NUL-terminated string; `strings` is a pointer to an array of such pointers; `fds` is a pointer to an array of int that the kernel reads;
 * `u32s` to one that it fills. `arrays` is no field of the union: the buffers that the pointers inside `info` shall point to, by the name of
 * the pointer (uapi/info.ts, `INFO_POINTERS`).
 *
 * Where the union has a union of its own, each name of it has a row, as in C: `kprobe_multi.cnt` is the member of that inner struct. Rows that
 * share bytes are other names for them, of which a caller gives one ({@link attrConflict}); what is not given is not printed.
 *
 * Source: BTF of Linux 6.18 and bpf(2).
 */
// biome-ignore format: aligned table
export const BPF_COMMANDS = {
  BPF_MAP_CREATE: { cmd: 0, returns: 'fd', fields: {
    map_type: ['u32', 0], key_size: ['u32', 4], value_size: ['u32', 8], max_entries: ['u32', 12], map_flags: ['u32', 16], inner_map_fd: ['fd', 20],
    numa_node: ['u32', 24], map_name: ['name', 28], map_ifindex: ['u32', 44], btf_fd: ['fd', 48], btf_key_type_id: ['u32', 52],
    btf_value_type_id: ['u32', 56], btf_vmlinux_value_type_id: ['u32', 60], map_extra: ['u64', 64], value_type_btf_obj_fd: ['fd', 72],
    map_token_fd: ['fd', 76], excl_prog_hash: ['in', 80], excl_prog_hash_size: ['u32', 88] } },
  BPF_MAP_LOOKUP_ELEM:  { cmd: 1, returns: 'void', fields: { map_fd: ['fd', 0], key: ['in', 8], value: ['inout', 16], flags: ['u64', 24] } },
  BPF_MAP_UPDATE_ELEM:  { cmd: 2, returns: 'void', fields: { map_fd: ['fd', 0], key: ['in', 8], value: ['in', 16], flags: ['u64', 24] } },
  BPF_MAP_DELETE_ELEM:  { cmd: 3, returns: 'void', fields: { map_fd: ['fd', 0], key: ['in', 8] } },
  BPF_MAP_GET_NEXT_KEY: { cmd: 4, returns: 'void', fields: { map_fd: ['fd', 0], key: ['in', 8], next_key: ['out', 16] } },
  BPF_PROG_LOAD: { cmd: 5, returns: 'fd', fields: {
    prog_type: ['u32', 0], insn_cnt: ['u32', 4], insns: ['in', 8], license: ['path', 16], log_level: ['u32', 24], log_size: ['u32', 28],
    log_buf: ['out', 32], kern_version: ['u32', 40], prog_flags: ['u32', 44], prog_name: ['name', 48], prog_ifindex: ['u32', 64],
    expected_attach_type: ['u32', 68], prog_btf_fd: ['fd', 72], func_info_rec_size: ['u32', 76], func_info: ['in', 80], func_info_cnt: ['u32', 88],
    line_info_rec_size: ['u32', 92], line_info: ['in', 96], line_info_cnt: ['u32', 104], attach_btf_id: ['u32', 108], attach_prog_fd: ['fd', 112],
    attach_btf_obj_fd: ['fd', 112], core_relo_cnt: ['u32', 116], fd_array: ['fds', 120], core_relos: ['in', 128], core_relo_rec_size: ['u32', 136], log_true_size: ['u32!', 140],
    prog_token_fd: ['fd', 144], fd_array_cnt: ['u32', 148], signature: ['in', 152], signature_size: ['u32', 160], keyring_id: ['u32', 164] } },
  BPF_OBJ_PIN: { cmd: 6, returns: 'void', fields: { pathname: ['path', 0], bpf_fd: ['fd', 8], file_flags: ['u32', 12], path_fd: ['fd', 16] } },
  BPF_OBJ_GET: { cmd: 7, returns: 'fd', fields: { pathname: ['path', 0], bpf_fd: ['fd', 8], file_flags: ['u32', 12], path_fd: ['fd', 16] } },
  // A device (tcx, netkit) is named by target_ifindex. relative_id is for BPF_F_ID.
  BPF_PROG_ATTACH: { cmd: 8, returns: 'void', fields: {
    target_fd: ['fd', 0], target_ifindex: ['u32', 0], attach_bpf_fd: ['fd', 4], attach_type: ['u32', 8], attach_flags: ['u32', 12],
    replace_bpf_fd: ['fd', 16], relative_fd: ['fd', 20], relative_id: ['u32', 20], expected_revision: ['u64', 24] } },
  BPF_PROG_DETACH: { cmd: 9, returns: 'void', fields: {
    target_fd: ['fd', 0], target_ifindex: ['u32', 0], attach_bpf_fd: ['fd', 4], attach_type: ['u32', 8], attach_flags: ['u32', 12],
    relative_fd: ['fd', 20], relative_id: ['u32', 20], expected_revision: ['u64', 24] } },
  BPF_PROG_TEST_RUN: { cmd: 10, returns: 'void', fields: {
    prog_fd: ['fd', 0], retval: ['u32!', 4], data_size_in: ['u32', 8], data_size_out: ['u32!', 12], data_in: ['in', 16], data_out: ['out', 24],
    repeat: ['u32', 32], duration: ['u32!', 36], ctx_size_in: ['u32', 40], ctx_size_out: ['u32!', 44], ctx_in: ['inout', 48], ctx_out: ['out', 56],
    flags: ['u32', 64], cpu: ['u32', 68], batch_size: ['u32', 72] } },
  BPF_PROG_GET_NEXT_ID:   { cmd: 11, returns: 'void', fields: { start_id: ['u32', 0], next_id: ['u32!', 4] } },
  BPF_MAP_GET_NEXT_ID:    { cmd: 12, returns: 'void', fields: { start_id: ['u32', 0], next_id: ['u32!', 4] } },
  BPF_PROG_GET_FD_BY_ID:  { cmd: 13, returns: 'fd', fields: { prog_id: ['u32', 0], open_flags: ['u32', 8], fd_by_id_token_fd: ['fd', 12] } },
  BPF_MAP_GET_FD_BY_ID:   { cmd: 14, returns: 'fd', fields: { map_id: ['u32', 0], open_flags: ['u32', 8], fd_by_id_token_fd: ['fd', 12] } },
  BPF_OBJ_GET_INFO_BY_FD: { cmd: 15, returns: 'void', fields: {
    bpf_fd: ['fd', 0], info_len: ['u32!', 4], info: ['inout', 8], arrays: ['arrays', 0] } },
  BPF_PROG_QUERY: { cmd: 16, returns: 'void', fields: {
    target_fd: ['fd', 0], target_ifindex: ['u32', 0], attach_type: ['u32', 4], query_flags: ['u32', 8], attach_flags: ['u32!', 12],
    prog_ids: ['u32s', 16], count: ['u32!', 24], prog_attach_flags: ['u32s', 32], link_ids: ['u32s', 40], link_attach_flags: ['u32s', 48], revision: ['u64!', 56] } },
  BPF_RAW_TRACEPOINT_OPEN: { cmd: 17, returns: 'fd', fields: { name: ['path', 0], prog_fd: ['fd', 8], cookie: ['u64', 16] } },
  BPF_BTF_LOAD: { cmd: 18, returns: 'fd', fields: {
    btf: ['in', 0], btf_log_buf: ['out', 8], btf_size: ['u32', 16], btf_log_size: ['u32', 20], btf_log_level: ['u32', 24],
    btf_log_true_size: ['u32!', 28], btf_flags: ['u32', 32], btf_token_fd: ['fd', 36] } },
  BPF_BTF_GET_FD_BY_ID: { cmd: 19, returns: 'fd', fields: { btf_id: ['u32', 0], open_flags: ['u32', 8], fd_by_id_token_fd: ['fd', 12] } },
  BPF_TASK_FD_QUERY: { cmd: 20, returns: 'void', fields: {
    pid: ['u32', 0], fd: ['u32', 4], flags: ['u32', 8], buf_len: ['u32!', 12], buf: ['out', 16], prog_id: ['u32!', 24], fd_type: ['u32!', 28],
    probe_offset: ['u64!', 32], probe_addr: ['u64!', 40] } },
  BPF_MAP_LOOKUP_AND_DELETE_ELEM: { cmd: 21, returns: 'void', fields: { map_fd: ['fd', 0], key: ['in', 8], value: ['out', 16], flags: ['u64', 24] } },
  BPF_MAP_FREEZE: { cmd: 22, returns: 'void', fields: { map_fd: ['fd', 0] } },
  BPF_BTF_GET_NEXT_ID: { cmd: 23, returns: 'void', fields: { start_id: ['u32', 0], next_id: ['u32!', 4] } },
  BPF_MAP_LOOKUP_BATCH: { cmd: 24, returns: 'void', fields: {
    in_batch: ['in', 0], out_batch: ['out', 8], keys: ['out', 16], values: ['out', 24], count: ['u32!', 32], map_fd: ['fd', 36],
    elem_flags: ['u64', 40], flags: ['u64', 48] } },
  BPF_MAP_LOOKUP_AND_DELETE_BATCH: { cmd: 25, returns: 'void', fields: {
    in_batch: ['in', 0], out_batch: ['out', 8], keys: ['out', 16], values: ['out', 24], count: ['u32!', 32], map_fd: ['fd', 36],
    elem_flags: ['u64', 40], flags: ['u64', 48] } },
  BPF_MAP_UPDATE_BATCH: { cmd: 26, returns: 'void', fields: {
    keys: ['in', 16], values: ['in', 24], count: ['u32!', 32], map_fd: ['fd', 36], elem_flags: ['u64', 40], flags: ['u64', 48] } },
  BPF_MAP_DELETE_BATCH: { cmd: 27, returns: 'void', fields: {
    keys: ['in', 16], count: ['u32!', 32], map_fd: ['fd', 36], elem_flags: ['u64', 40], flags: ['u64', 48] } },
  // prog_fd is map_fd for struct_ops; target_fd a cgroup, network namespace, map, perf event or program, by attach_type.
  BPF_LINK_CREATE: { cmd: 28, returns: 'fd', fields: {
    prog_fd: ['fd', 0], map_fd: ['fd', 0], target_fd: ['fd', 4], target_ifindex: ['u32', 4], attach_type: ['u32', 8], flags: ['u32', 12],
    target_btf_id: ['u32', 16], iter_info: ['in', 16], iter_info_len: ['u32', 24],
    'perf_event.bpf_cookie': ['u64', 16],
    'kprobe_multi.flags': ['u32', 16], 'kprobe_multi.cnt': ['u32', 20], 'kprobe_multi.syms': ['strings', 24], 'kprobe_multi.addrs': ['in', 32],
    'kprobe_multi.cookies': ['in', 40],
    'tracing.target_btf_id': ['u32', 16], 'tracing.cookie': ['u64', 24],
    'netfilter.pf': ['u32', 16], 'netfilter.hooknum': ['u32', 20], 'netfilter.priority': ['u32', 24], 'netfilter.flags': ['u32', 28],
    'tcx.relative_fd': ['fd', 16], 'tcx.relative_id': ['u32', 16], 'tcx.expected_revision': ['u64', 24],
    'uprobe_multi.path': ['path', 16], 'uprobe_multi.offsets': ['in', 24], 'uprobe_multi.ref_ctr_offsets': ['in', 32],
    'uprobe_multi.cookies': ['in', 40], 'uprobe_multi.cnt': ['u32', 48], 'uprobe_multi.flags': ['u32', 52], 'uprobe_multi.pid': ['u32', 56],
    'netkit.relative_fd': ['fd', 16], 'netkit.relative_id': ['u32', 16], 'netkit.expected_revision': ['u64', 24],
    'cgroup.relative_fd': ['fd', 16], 'cgroup.relative_id': ['u32', 16], 'cgroup.expected_revision': ['u64', 24] } },
  BPF_LINK_UPDATE: { cmd: 29, returns: 'void', fields: {
    link_fd: ['fd', 0], new_prog_fd: ['fd', 4], new_map_fd: ['fd', 4], flags: ['u32', 8], old_prog_fd: ['fd', 12], old_map_fd: ['fd', 12] } },
  BPF_LINK_GET_FD_BY_ID: { cmd: 30, returns: 'fd', fields: { link_id: ['u32', 0], open_flags: ['u32', 8], fd_by_id_token_fd: ['fd', 12] } },
  BPF_LINK_GET_NEXT_ID:  { cmd: 31, returns: 'void', fields: { start_id: ['u32', 0], next_id: ['u32!', 4] } },
  BPF_ENABLE_STATS:      { cmd: 32, returns: 'fd', fields: { type: ['u32', 0] } },
  BPF_ITER_CREATE:       { cmd: 33, returns: 'fd', fields: { link_fd: ['fd', 0], flags: ['u32', 4] } },
  BPF_LINK_DETACH:       { cmd: 34, returns: 'void', fields: { link_fd: ['fd', 0] } },
  BPF_PROG_BIND_MAP:     { cmd: 35, returns: 'void', fields: { prog_fd: ['fd', 0], map_fd: ['fd', 4], flags: ['u32', 8] } },
  BPF_TOKEN_CREATE:      { cmd: 36, returns: 'fd', fields: { flags: ['u32', 0], bpffs_fd: ['fd', 4] } },
  // The result is how many bytes were read.
  BPF_PROG_STREAM_READ_BY_FD: { cmd: 37, returns: 'number', fields: {
    stream_buf: ['out', 0], stream_buf_len: ['u32', 8], stream_id: ['u32', 12], prog_fd: ['fd', 16] } },
} as const satisfies Record<string, { cmd: number; returns: 'fd' | 'number' | 'void'; fields: Record<string, readonly [AttrKind, number]> }>;

/** What each kind of field is in TypeScript, and how many bytes it takes in the union. */
export interface AttrKinds {
  u32: number;
  u64: bigint;
  fd: Fd | number;
  name: string;
  'u32!': number;
  'u64!': bigint;
  in: Uint8Array;
  out: Uint8Array;
  inout: Uint8Array;
  path: string;
  strings: readonly string[];
  fds: readonly (Fd | number)[];
  u32s: Uint32Array;
  arrays: Readonly<Record<string, Uint8Array>>;
}
export type AttrKind = keyof AttrKinds;

export type BpfCmd = keyof typeof BPF_COMMANDS;

type Fields<C extends BpfCmd> = (typeof BPF_COMMANDS)[C]['fields'];

/** The attributes of one command. Fields of kind `u32!`/`u64!`, and the buffers that the kernel fills, are changed in place. */
export type BpfAttr<C extends BpfCmd> = {
  // The kind of each field is its first element by construction of the table. The table is `readonly`, the attributes are not.
  -readonly [F in keyof Fields<C>]?:
    | (Fields<C>[F] extends readonly [infer K extends AttrKind, number] ? AttrKinds[K] : never)
    | undefined;
};

/** What a call returns, by the row's `returns`. */
interface Results {
  fd: Fd;
  number: number;
  void: undefined;
}
export type BpfResult<C extends BpfCmd> = Results[(typeof BPF_COMMANDS)[C]['returns']];

/** Bytes of each kind in the union. */
export const ATTR_KIND_SIZE = {
  u32: 4,
  u64: 8,
  fd: 4,
  name: 16,
  'u32!': 4,
  'u64!': 8,
  in: 8,
  out: 8,
  inout: 8,
  path: 8,
  strings: 8,
  fds: 8,
  u32s: 8,
  arrays: 0,
} as const satisfies Record<AttrKind, number>;

/** The rows of one command, for code that walks them without knowing which command it is. */
export function attrFields(cmd: BpfCmd): readonly AttrField[] {
  return fieldLists.get(cmd) ?? [];
}
export type AttrField = readonly [name: string, kind: AttrKind, offset: number];

/** Bytes of the union that this command uses: the end of its last field. */
export function attrSize(cmd: BpfCmd): number {
  return Math.max(...attrFields(cmd).map(([, kind, offset]) => offset + ATTR_KIND_SIZE[kind]));
}

/**
 * Two fields that were given and share bytes, or are of two members of an inner union, without being the same: whoever gives both means two things.
 * `undefined` for none. Zero is as good as not given.
 */
export function attrConflict(
  cmd: BpfCmd,
  attr: Readonly<Record<string, unknown>>,
): readonly [string, string] | undefined {
  for (const [one, other] of overlaps.get(cmd) ?? []) {
    const [a, b] = [attr[one], attr[other]];
    if (isGiven(a) && isGiven(b) && a !== b) return [one, other];
  }
  return undefined;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== 0 && value !== 0n;
}

/** Rows of each command that are other names for one number: same kind of number, same offset. */
export function attrAliases(cmd: BpfCmd): readonly (readonly [string, string])[] {
  return aliases.get(cmd) ?? [];
}

const fieldLists = new Map<string, readonly AttrField[]>(
  Object.entries(BPF_COMMANDS).map(([cmd, { fields }]) => {
    const rows: Readonly<Record<string, readonly [AttrKind, number]>> = fields;
    return [cmd, Object.entries(rows).map(([name, [kind, offset]]): AttrField => [name, kind, offset])];
  }),
);

function pairs(cmd: BpfCmd, related: (a: AttrField, b: AttrField) => boolean): (readonly [string, string])[] {
  const fields = attrFields(cmd).filter(([, kind]) => kind !== 'arrays');
  return fields.flatMap((a, i) => fields.slice(i + 1).flatMap((b) => (related(a, b) ? [[a[0], b[0]] as const] : [])));
}

function areVariants(a: string, b: string): boolean {
  const [of = '', member] = a.split('.');
  const [otherOf = '', otherMember] = b.split('.');
  return member !== undefined && otherMember !== undefined && of !== otherOf;
}

function perCommand(
  related: (a: AttrField, b: AttrField) => boolean,
): ReadonlyMap<BpfCmd, readonly (readonly [string, string])[]> {
  // Object.keys widens the keys to string; they are the table's own.
  return new Map((Object.keys(BPF_COMMANDS) as BpfCmd[]).map((cmd) => [cmd, pairs(cmd, related)]));
}

/** Of two members of the inner union a caller means one: a number of one could lie where the kernel reads an address of the other. */
const overlaps = perCommand(
  ([nameA, kindA, a], [nameB, kindB, b]) =>
    (a < b + ATTR_KIND_SIZE[kindB] && b < a + ATTR_KIND_SIZE[kindA]) || areVariants(nameA, nameB),
);
const NUMBERS: ReadonlySet<AttrKind> = new Set(['u32', 'fd', 'u64']);
const aliases = perCommand(
  ([, kindA, a], [, kindB, b]) =>
    a === b && NUMBERS.has(kindA) && NUMBERS.has(kindB) && ATTR_KIND_SIZE[kindA] === ATTR_KIND_SIZE[kindB],
);
