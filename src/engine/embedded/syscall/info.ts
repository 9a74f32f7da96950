import type { Struct, StructFields, StructValue } from '../../../bytes/struct.ts';
import { errno } from '../../../uapi/errno.ts';
import { bpfBtfInfo, bpfLinkInfo, bpfMapInfo, bpfProgInfo, INFO_POINTERS } from '../../../uapi/info.ts';
import type { BtfObject } from '../btf-object.ts';
import type { Link, LinkText } from '../links/link.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Process } from '../process.ts';
import { isGplCompatible } from '../progs/license.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { CheckedAttr } from './attr.ts';
import { copyText } from './copy.ts';

type Attr = CheckedAttr<'BPF_OBJ_GET_INFO_BY_FD'>;

/** Longer info structs are refused unread. */
const PAGE_SIZE = 4096;
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const JITED_LINE_INFO_SIZE = 8;

/** BPF_OBJ_GET_INFO_BY_FD. */
export function objGetInfoByFd(process: Process, attr: Attr): number {
  const file = process.files.get(attr.bpf_fd);
  switch (file?.kind) {
    case undefined:
      return -errno.EBADFD; // this call alone says it so
    case 'map':
      return fill(process, attr, bpfMapInfo, (info) => mapInfo(process, file.map, info));
    case 'prog':
      return fill(process, attr, bpfProgInfo, (info, arrays) => progInfo(file.prog, info, arrays));
    case 'btf':
      return fill(process, attr, bpfBtfInfo, (info, arrays) =>
        btfInfo(process, file.btf, info, arrays, attr.arrays?.name),
      );
    case 'link':
      return linkInfo(process, attr, file.link);
    default:
      return -errno.EINVAL;
  }
}

/** A link's info is a union: only the fields of its own type are written. */
function linkInfo(process: Process, attr: Attr, link: Link): number {
  const known = checkInfo(process, attr, bpfLinkInfo.size);
  if (known < 0) return known;
  const text = link.text();
  const array = Object.keys(attr.arrays ?? {}).find((name) => name !== text?.pointer);
  if (array !== undefined) return process.fail(errno.EINVAL, `the info of this fd has no array ${array}`);
  const bytes = new Uint8Array(bpfLinkInfo.size);
  bytes.set(attr.info?.subarray(0, known) ?? []);
  const copied = text === undefined ? 0 : linkText(process, attr, text, bytes);
  if (copied < 0 && copied !== -errno.ENOSPC) return copied;
  bpfLinkInfo.encode({ type: link.type, id: link.id, prog_id: link.prog?.id ?? 0, ...link.info() }, bytes);
  attr.info?.set(bytes.subarray(0, known));
  attr.info_len = known;
  return copied;
}

/** The text, and its bytes with the NUL; the caller says in `info` how much room there is. */
function linkText(process: Process, attr: Attr, { pointer, length, text }: LinkText, info: Uint8Array): number {
  const [, at] = bpfLinkInfo.fields[length];
  const view = new DataView(info.buffer);
  const room = view.getUint32(at, true);
  const buffer = attr.arrays?.[pointer];
  if ((room === 0) !== (buffer === undefined)) return -errno.EINVAL;
  view.setUint32(at, new TextEncoder().encode(text).length + 1, true);
  return copyText(process, pointer, buffer, room, text);
}

/** How many bytes of the caller's struct count, or -errno. */
function checkInfo(process: Process, attr: Attr, size: number): number {
  const length = attr.info_len;
  if (length > PAGE_SIZE) return -errno.E2BIG;
  const given = attr.info ?? new Uint8Array(0);
  if (given.length < length) {
    return process.fail(errno.EFAULT, `info is ${given.length} bytes long, but info_len says ${length}`);
  }
  if (given.subarray(size, length).some((byte) => byte !== 0)) {
    return process.fail(errno.E2BIG, `info has to be zero past its ${size} bytes`);
  }
  return Math.min(length, size);
}

/**
 * The caller's struct is read, changed, and written back as far as it reaches: what the kernel has nothing to say about stays as it is. Pointers
 * come back as zero; the buffers are in `arrays`.
 */
function fill<F extends StructFields>(
  process: Process,
  attr: Attr,
  layout: Struct<F>,
  set: (info: StructValue<F>, arrays: Arrays) => number,
): number {
  const known = checkInfo(process, attr, layout.size);
  if (known < 0) return known;
  const given = attr.info ?? new Uint8Array(0);
  const arrays = new Arrays(process, attr.arrays ?? {}, layout.fields);
  if (arrays.unknown !== undefined) {
    return process.fail(errno.EINVAL, `the info of this fd has no array ${arrays.unknown}`);
  }
  const info = layout.decode(given.slice(0, known));
  const result = set(info, arrays);
  // A text that was cut off is told of, and all the rest is there.
  if (result !== 0 && result !== -errno.ENOSPC) return result;
  const bytes = layout.encode(info);
  for (const [name, [kind, offset]] of Object.entries(layout.fields)) {
    // Of maps and programs `name` is no pointer.
    if (kind === 'u64' && Object.hasOwn(INFO_POINTERS, name)) bytes.fill(0, offset, offset + 8);
  }
  given.set(bytes.subarray(0, known));
  attr.info_len = known;
  return result;
}

/** The buffers that the pointers in an info struct stand for. */
class Arrays {
  readonly #process: Process;
  readonly #buffers: Readonly<Record<string, Uint8Array>>;
  /** A buffer whose name is no pointer of the struct. */
  readonly unknown: string | undefined;

  constructor(process: Process, buffers: Readonly<Record<string, Uint8Array>>, fields: StructFields) {
    this.#process = process;
    this.#buffers = buffers;
    this.unknown = Object.keys(buffers).find(
      (name) => !Object.hasOwn(INFO_POINTERS, name) || !Object.hasOwn(fields, name),
    );
  }

  /** Copies as much of `bytes` as the caller asks for. 0, or -EFAULT if the buffer is missing or has no room for that. */
  put(name: keyof typeof INFO_POINTERS, bytes: Uint8Array, wanted: number): number {
    const size = Math.min(bytes.length, wanted);
    if (size === 0) return 0;
    const buffer = Object.hasOwn(this.#buffers, name) ? this.#buffers[name] : undefined;
    if (buffer === undefined || buffer.length < size) {
      const found = buffer === undefined ? 'missing' : `${buffer.length} bytes long`;
      return this.#process.fail(errno.EFAULT, `${name} is ${found}, but ${size} bytes are asked for`);
    }
    buffer.set(bytes.subarray(0, size));
    return 0;
  }
}

function mapInfo(process: Process, map: BpfMap, info: StructValue<typeof bpfMapInfo.fields>): number {
  const { attr } = map;
  if (info.hash_size !== 0) {
    return process.fail(errno.EINVAL, 'the embedded kernel does not compute the hash of a map');
  }
  Object.assign(info, {
    type: attr.type,
    id: map.id,
    key_size: attr.keySize,
    value_size: attr.valueSize,
    max_entries: attr.maxEntries,
    map_flags: attr.flags,
    map_extra: attr.mapExtra,
    name: attr.name,
    btf_vmlinux_value_type_id: attr.structTypeId ?? 0,
    btf_vmlinux_id: attr.structTypeId === undefined ? 0 : map.machine.vmlinux.id,
  } satisfies Partial<typeof info>);
  if (attr.btf !== undefined) {
    info.btf_id = attr.btf.id;
    info.btf_key_type_id = attr.keyTypeId;
    info.btf_value_type_id = attr.valueTypeId;
  }
  return 0;
}

function progInfo(prog: BpfProg, info: StructValue<typeof bpfProgInfo.fields>, arrays: Arrays): number {
  const { attr } = prog;
  if (
    !recordSizeFits(info.nr_func_info, info.func_info_rec_size, FUNC_INFO_SIZE) ||
    !recordSizeFits(info.nr_line_info, info.line_info_rec_size, LINE_INFO_SIZE) ||
    !recordSizeFits(info.nr_jited_line_info, info.jited_line_info_rec_size, JITED_LINE_INFO_SIZE)
  ) {
    return -errno.EINVAL;
  }
  const ids = new Uint8Array(Uint32Array.from(prog.maps, (map) => map.id).buffer);
  const funcs = records(attr.funcInfo, FUNC_INFO_SIZE);
  const lines = records(attr.lineInfo, LINE_INFO_SIZE);
  const fault =
    arrays.put('map_ids', ids, 4 * info.nr_map_ids) ||
    arrays.put('xlated_prog_insns', attr.xlated, info.xlated_prog_len) ||
    arrays.put('func_info', funcs, FUNC_INFO_SIZE * info.nr_func_info) ||
    arrays.put('line_info', lines, LINE_INFO_SIZE * info.nr_line_info) ||
    arrays.put('prog_tags', attr.tag, attr.tag.length * info.nr_prog_tags);
  if (fault !== 0) return fault;
  Object.assign(info, {
    type: attr.type,
    id: prog.id,
    tag: attr.tag,
    jited_prog_len: 0,
    xlated_prog_len: attr.xlated.length,
    load_time: attr.loadTime,
    created_by_uid: 0,
    nr_map_ids: prog.maps.length,
    name: attr.name,
    gpl_compatible: isGplCompatible(attr.license) ? 1 : 0,
    nr_jited_ksyms: 0,
    nr_jited_func_lens: 0,
    btf_id: attr.btf?.id ?? 0,
    func_info_rec_size: FUNC_INFO_SIZE,
    nr_func_info: funcs.length / FUNC_INFO_SIZE,
    nr_line_info: lines.length / LINE_INFO_SIZE,
    nr_jited_line_info: 0,
    line_info_rec_size: LINE_INFO_SIZE,
    jited_line_info_rec_size: JITED_LINE_INFO_SIZE,
    nr_prog_tags: 1,
    run_time_ns: prog.runTimeNs,
    run_cnt: prog.runCount,
    recursion_misses: 0n,
    verified_insns: attr.verifiedInsns,
    attach_btf_obj_id: targetBtfId(prog),
    attach_btf_id: attr.attachBtfId,
  } satisfies Partial<typeof info>);
  return 0;
}

/** The id of the BTF that the function is of which a program is made for; 0: none, or none any more. */
function targetBtfId({ machine, aim, attr: { attachBtfId, extended } }: BpfProg): number {
  if (extended !== undefined) return aim?.attr.btf?.id ?? 0;
  return attachBtfId === 0 ? 0 : machine.vmlinux.id;
}

/** A caller who asks for records has to know their size; who does not may leave it zero. */
function recordSizeFits(count: number, size: number, known: number): boolean {
  return (count === 0 && size === 0) || size === known;
}

/** Records cut down to the size that the kernel knows. */
function records(table: BpfProg['attr']['funcInfo'], size: number): Uint8Array {
  if (table === undefined) return new Uint8Array(0);
  const bytes = new Uint8Array(table.count * size);
  for (let i = 0; i < table.count; i++) {
    const at = i * table.recordSize;
    bytes.set(table.bytes.subarray(at, at + Math.min(size, table.recordSize)), i * size);
  }
  return bytes;
}

function btfInfo(
  process: Process,
  { bytes, id, name }: BtfObject,
  info: StructValue<typeof bpfBtfInfo.fields>,
  arrays: Arrays,
  buffer: Uint8Array | undefined,
): number {
  const room = info.name_len;
  if ((room === 0) !== (buffer === undefined)) return -errno.EINVAL;
  const fault = arrays.put('btf', bytes, info.btf_size);
  if (fault !== 0) return fault;
  const kernel_btf = name === '' ? 0 : 1;
  Object.assign(info, { btf_size: bytes.length, id, name_len: name.length, kernel_btf } satisfies Partial<typeof info>);
  return copyText(process, 'name', buffer, room, name);
}
