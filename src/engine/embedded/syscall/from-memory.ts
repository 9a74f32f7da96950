import { cString } from '../../../bytes/struct.ts';
import {
  ATTR_KIND_SIZE,
  type AttrField,
  attrFields,
  attrSize,
  BPF_COMMANDS,
  type BpfAttr,
  type BpfCmd,
} from '../../../uapi/attr.ts';
import { ATTACH_TYPES } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { LinearMemory } from '../memory.ts';
import type { Process } from '../process.ts';

/** Bytes of union bpf_attr as Linux 6.18 knows it, and of what it looks at at all. */
const ATTR_SIZE = 168;
const PAGE_SIZE = 4096;
/** Bytes of a text, as far as one is read. */
const MAX_TEXT = 128;
/** Bytes of anything else: as many as the longest program and the largest BTF have. */
const MAX_BYTES = 16 * 1024 * 1024;
/** What fd_array is read of where its length is not said. */
const MAX_FDS = 64;

/** What programs may call bpf(2) for. Source: bpf_sys_bpf of Linux 6.18. */
const CALLABLE = [
  'BPF_MAP_CREATE',
  'BPF_MAP_UPDATE_ELEM',
  'BPF_MAP_DELETE_ELEM',
  'BPF_MAP_FREEZE',
  'BPF_MAP_GET_FD_BY_ID',
  'BPF_PROG_LOAD',
  'BPF_BTF_LOAD',
  'BPF_LINK_CREATE',
  'BPF_RAW_TRACEPOINT_OPEN',
] as const satisfies readonly BpfCmd[];
type Callable = (typeof CALLABLE)[number];
const BY_NUMBER: ReadonlyMap<number, Callable> = new Map(CALLABLE.map((cmd) => [BPF_COMMANDS[cmd].cmd, cmd]));

type Numbers = Readonly<Record<string, number | bigint | string>>;
const product = (numbers: Numbers, ...names: readonly string[]): number =>
  names.reduce((bytes, name) => bytes * Number(numbers[name] ?? 0), 1);

/** How many bytes are read where a field points to. */
const SIZES: Readonly<Record<string, (numbers: Numbers, process: Process) => number>> = {
  key: (numbers, process) => mapOf(numbers, process)?.attr.keySize ?? 0,
  value: (numbers, process) => mapOf(numbers, process)?.userValueSize ?? 0,
  excl_prog_hash: (numbers) => product(numbers, 'excl_prog_hash_size'),
  insns: (numbers) => 8 * product(numbers, 'insn_cnt'),
  func_info: (numbers) => product(numbers, 'func_info_cnt', 'func_info_rec_size'),
  line_info: (numbers) => product(numbers, 'line_info_cnt', 'line_info_rec_size'),
  core_relos: (numbers) => product(numbers, 'core_relo_cnt', 'core_relo_rec_size'),
  signature: (numbers) => product(numbers, 'signature_size'),
  btf: (numbers) => product(numbers, 'btf_size'),
  iter_info: (numbers) => product(numbers, 'iter_info_len'),
};

function mapOf({ map_fd }: Numbers, process: Process) {
  const map = process.map(Number(map_fd));
  return typeof map === 'number' ? undefined : map;
}

export function isCallable(number: number): boolean {
  return BY_NUMBER.has(number);
}

/** The attributes of a command that are `size` bytes of linear memory, with what they point to; or -errno. */
export function readAttr(
  process: Process,
  memory: LinearMemory,
  number: number,
  at: number,
  size: number,
): { readonly cmd: Callable; readonly attr: BpfAttr<Callable> } | number {
  const cmd = BY_NUMBER.get(number);
  if (cmd === undefined) return -errno.EINVAL;
  if (size > PAGE_SIZE || memory.u8.subarray(at + ATTR_SIZE, at + Math.max(size, ATTR_SIZE)).some((byte) => byte !== 0))
    return -errno.E2BIG;
  const bytes = new Uint8Array(ATTR_SIZE);
  bytes.set(memory.u8.subarray(at, at + Math.min(size, ATTR_SIZE)));
  if (bytes.subarray(attrSize(cmd)).some((byte) => byte !== 0)) return -errno.EINVAL;
  const fields = fieldsOf(cmd, new DataView(bytes.buffer));
  const numbers = Object.fromEntries(fields.map(([name, kind, offset]) => [name, readNumber(bytes, kind, offset)]));
  const attr: Record<string, unknown> = { ...numbers };
  for (const [name, kind, offset] of fields) {
    if (!isPointer(kind)) continue;
    const pointer = new DataView(bytes.buffer).getBigUint64(offset, true);
    attr[name] = pointer === 0n ? undefined : readPointer(process, memory, numbers, name, kind, Number(pointer));
  }
  // The fields of the table, each of its kind.
  return { cmd, attr: attr as BpfAttr<Callable> };
}

/** Of what BPF_LINK_CREATE says in the same bytes in several ways, that of the attach type. */
function fieldsOf(cmd: Callable, view: DataView): readonly AttrField[] {
  if (cmd !== 'BPF_LINK_CREATE') return attrFields(cmd);
  const place = ATTACH_TYPES[view.getUint32(8, true)] ?? '';
  const own = OWN_FIELDS.find(([places]) => places.test(place))?.[1] ?? /^$/;
  return attrFields(cmd).filter(([name]) => /^(prog_fd|target_fd|attach_type|flags)$/.test(name) || own.test(name));
}
const OWN_FIELDS: readonly (readonly [RegExp, RegExp])[] = [
  [/^trace_iter$/, /^iter_info/],
  [/^perf_event$/, /^perf_event\./],
  [/^(trace_|modify_return|lsm_mac)/, /^tracing\./],
  [/^netfilter$/, /^netfilter\./],
  [/^tcx_/, /^tcx\./],
  [/^cgroup_/, /^cgroup\./],
];

function isPointer(kind: AttrField[1]): boolean {
  return ATTR_KIND_SIZE[kind] === 8 && kind !== 'u64' && kind !== 'u64!';
}

function readNumber(bytes: Uint8Array, kind: AttrField[1], offset: number): number | bigint | string {
  const view = new DataView(bytes.buffer);
  if (kind === 'name') return cString(bytes.subarray(offset, offset + ATTR_KIND_SIZE.name));
  if (kind === 'fd') return view.getInt32(offset, true);
  return ATTR_KIND_SIZE[kind] === 4
    ? view.getUint32(offset, true)
    : kind === 'arrays'
      ? 0
      : view.getBigUint64(offset, true);
}

/** What is not there in memory comes back shorter, which the command then refuses; and what it would fill is nobody's: programs have no buffers of a process. */
function readPointer(
  process: Process,
  memory: LinearMemory,
  numbers: Numbers,
  name: string,
  kind: AttrField[1],
  pointer: number,
): unknown {
  if (!memory.check(pointer, 1)) return kind === 'path' ? undefined : new Uint8Array(0);
  if (kind === 'path') return cString(memory.u8.subarray(pointer, pointer + MAX_TEXT));
  if (kind === 'fds') {
    const count = Math.min(product(numbers, 'fd_array_cnt') || MAX_FDS, MAX_FDS);
    return Array.from({ length: count }, (_, i) =>
      memory.check(pointer + 4 * i, 4) ? memory.dv.getInt32(pointer + 4 * i, true) : -1,
    );
  }
  return memory.u8.slice(pointer, pointer + Math.min(SIZES[name]?.(numbers, process) ?? 0, MAX_BYTES));
}
