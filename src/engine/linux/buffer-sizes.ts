import type { BPF_COMMANDS, BpfCmd } from '../../uapi/attr.ts';
import type { MapSizes } from './map-sizes.ts';

/**
 * How many bytes the kernel reads or fills at each pointer: the product of two factors. A factor is a number, a field of the same attributes, or
 * a size of the map that `map_fd` is. What a caller gives that is shorter is refused, and the kernel is shown exactly this many bytes.
 */
export const BUFFER_SIZES = {
  BPF_MAP_CREATE: { excl_prog_hash: [1, 'excl_prog_hash_size'] },
  BPF_MAP_LOOKUP_ELEM: { key: [1, 'map.key'], value: [1, 'map.value'] },
  BPF_MAP_UPDATE_ELEM: { key: [1, 'map.key'], value: [1, 'map.value'] },
  BPF_MAP_DELETE_ELEM: { key: [1, 'map.key'] },
  BPF_MAP_GET_NEXT_KEY: { key: [1, 'map.key'], next_key: [1, 'map.key'] },
  BPF_MAP_LOOKUP_AND_DELETE_ELEM: { key: [1, 'map.key'], value: [1, 'map.value'] },
  BPF_MAP_LOOKUP_BATCH: {
    in_batch: [1, 'map.cursor'],
    out_batch: [1, 'map.cursor'],
    keys: ['count', 'map.key'],
    values: ['count', 'map.value'],
  },
  BPF_MAP_LOOKUP_AND_DELETE_BATCH: {
    in_batch: [1, 'map.cursor'],
    out_batch: [1, 'map.cursor'],
    keys: ['count', 'map.key'],
    values: ['count', 'map.value'],
  },
  BPF_MAP_UPDATE_BATCH: { keys: ['count', 'map.key'], values: ['count', 'map.value'] },
  BPF_MAP_DELETE_BATCH: { keys: ['count', 'map.key'] },
  BPF_PROG_LOAD: {
    insns: [8, 'insn_cnt'],
    log_buf: [1, 'log_size'],
    func_info: ['func_info_cnt', 'func_info_rec_size'],
    line_info: ['line_info_cnt', 'line_info_rec_size'],
    fd_array: [4, 'fd_array_cnt'],
    core_relos: ['core_relo_cnt', 'core_relo_rec_size'],
    signature: [1, 'signature_size'],
  },
  BPF_PROG_TEST_RUN: {
    data_in: [1, 'data_size_in'],
    data_out: [1, 'data_size_out'],
    ctx_in: [1, 'ctx_size_in'],
    ctx_out: [1, 'ctx_size_out'],
  },
  BPF_OBJ_GET_INFO_BY_FD: { info: [1, 'info_len'] },
  BPF_PROG_QUERY: {
    prog_ids: [4, 'count'],
    prog_attach_flags: [4, 'count'],
    link_ids: [4, 'count'],
    link_attach_flags: [4, 'count'],
  },
  BPF_BTF_LOAD: { btf: [1, 'btf_size'], btf_log_buf: [1, 'btf_log_size'] },
  BPF_LINK_CREATE: {
    iter_info: [1, 'iter_info_len'],
    'kprobe_multi.syms': [8, 'kprobe_multi.cnt'],
    'kprobe_multi.addrs': [8, 'kprobe_multi.cnt'],
    'kprobe_multi.cookies': [8, 'kprobe_multi.cnt'],
    'uprobe_multi.offsets': [8, 'uprobe_multi.cnt'],
    'uprobe_multi.ref_ctr_offsets': [8, 'uprobe_multi.cnt'],
    'uprobe_multi.cookies': [8, 'uprobe_multi.cnt'],
  },
  BPF_PROG_STREAM_READ_BY_FD: { stream_buf: [1, 'stream_buf_len'] },
  BPF_TASK_FD_QUERY: { buf: [1, 'buf_len'] },
} as const satisfies { readonly [C in BpfCmd as PointerOf<C> extends never ? never : C]: Rules<C> };

type PointerKind = 'in' | 'out' | 'inout' | 'u32s' | 'fds' | 'strings';
type Fields<C extends BpfCmd> = (typeof BPF_COMMANDS)[C]['fields'];
type FieldsOfKind<C extends BpfCmd, K> = {
  [F in keyof Fields<C>]: Fields<C>[F] extends readonly [infer Kind, number] ? (Kind extends K ? F : never) : never;
}[keyof Fields<C>];
type PointerOf<C extends BpfCmd> = FieldsOfKind<C, PointerKind>;
type MapFactor = 'map.key' | 'map.value' | 'map.cursor';
type Factor<C extends BpfCmd> = number | MapFactor | FieldsOfKind<C, 'u32' | 'u32!'>;
type Rules<C extends BpfCmd> = { readonly [F in PointerOf<C>]: readonly [Factor<C>, Factor<C>] };

type AnyFactor = number | string;
const byName: Readonly<
  Record<string, Readonly<Record<string, readonly [AnyFactor, AnyFactor] | undefined>> | undefined>
> = BUFFER_SIZES;

/** Whether the sizes of a command depend on the map. */
export function needsMap(cmd: BpfCmd): boolean {
  return Object.values(byName[cmd] ?? {}).some((rule) => rule?.some((f) => String(f).startsWith('map.')));
}

/** Bytes that the kernel touches at one pointer of `cmd`, given the numbers of its attributes. `map` may be absent only if no rule asks. */
export function bufferSize(
  cmd: BpfCmd,
  field: string,
  numbers: Readonly<Record<string, number>>,
  map: MapSizes | undefined,
): number {
  const value = (factor: AnyFactor): number => {
    if (typeof factor === 'number') return factor;
    switch (factor) {
      case 'map.key':
        return map?.key ?? 0;
      case 'map.value':
        return map?.value ?? 0;
      case 'map.cursor':
        return map?.cursor ?? 0;
      default:
        return numbers[factor] ?? 0;
    }
  };
  const rule = byName[cmd]?.[field];
  return rule === undefined ? 0 : value(rule[0]) * value(rule[1]);
}
