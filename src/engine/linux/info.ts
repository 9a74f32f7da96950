import { readlinkSync } from 'node:fs';
import { NotSupportedError, SysError } from '../../errors.ts';
import type { BpfAttr } from '../../uapi/attr.ts';
import { LINK_TYPES } from '../../uapi/bpf.ts';
import { errno } from '../../uapi/errno.ts';
import { bpfBtfInfo, bpfLinkInfo, bpfMapInfo, bpfProgInfo, INFO_POINTERS } from '../../uapi/info.ts';
import { PERF_LINK_TYPES } from '../../uapi/link.ts';

/**
 * What each kind of object has in its info struct that the kernel follows: for each pointer the field, or the two fields, that say how many
 * bytes it fills.
 */
const KINDS = {
  'bpf-prog': {
    info: bpfProgInfo,
    pointers: {
      jited_prog_insns: ['jited_prog_len', 1],
      xlated_prog_insns: ['xlated_prog_len', 1],
      map_ids: ['nr_map_ids', 4],
      jited_ksyms: ['nr_jited_ksyms', 8],
      jited_func_lens: ['nr_jited_func_lens', 4],
      func_info: ['nr_func_info', 'func_info_rec_size'],
      line_info: ['nr_line_info', 'line_info_rec_size'],
      jited_line_info: ['nr_jited_line_info', 'jited_line_info_rec_size'],
      prog_tags: ['nr_prog_tags', 8],
    },
  },
  'bpf-map': { info: bpfMapInfo, pointers: { hash: ['hash_size', 1] } },
  btf: { info: bpfBtfInfo, pointers: { btf: ['btf_size', 1], name: ['name_len', 1] } },
  'link raw_tracepoint': {
    info: bpfLinkInfo,
    pointers: { 'raw_tracepoint.tp_name': ['raw_tracepoint.tp_name_len', 1] },
  },
  'link iter': { info: bpfLinkInfo, pointers: { 'iter.target_name': ['iter.target_name_len', 1] } },
  'link kprobe_multi': {
    info: bpfLinkInfo,
    pointers: { 'kprobe_multi.addrs': ['kprobe_multi.count', 8], 'kprobe_multi.cookies': ['kprobe_multi.count', 8] },
  },
  'link uprobe_multi': {
    info: bpfLinkInfo,
    pointers: {
      'uprobe_multi.path': ['uprobe_multi.path_size', 1],
      'uprobe_multi.offsets': ['uprobe_multi.count', 8],
      'uprobe_multi.ref_ctr_offsets': ['uprobe_multi.count', 8],
      'uprobe_multi.cookies': ['uprobe_multi.count', 8],
    },
  },
  'link uprobe': { info: bpfLinkInfo, pointers: { 'perf_event.uprobe.file_name': ['perf_event.uprobe.name_len', 1] } },
  'link kprobe': { info: bpfLinkInfo, pointers: { 'perf_event.kprobe.func_name': ['perf_event.kprobe.name_len', 1] } },
  'link tracepoint': {
    info: bpfLinkInfo,
    pointers: { 'perf_event.tracepoint.tp_name': ['perf_event.tracepoint.name_len', 1] },
  },
} as const satisfies Record<string, Kind>;

interface Kind {
  readonly info: { readonly size: number; readonly fields: Readonly<Record<string, readonly [string, number]>> };
  readonly pointers: { readonly [P in keyof typeof INFO_POINTERS]?: readonly [count: string, unit: string | number] };
}

/** One array that the kernel may fill. */
export interface InfoArray {
  /** Byte offset of its pointer in the info struct. */
  readonly offset: number;
  /** The caller's buffer, as long as the kernel may write. */
  readonly bytes: Uint8Array;
}

/** What is given to the kernel instead of the caller's info struct, and what comes back from it. */
export interface InfoPlan {
  /** A copy of the caller's `info` in which no pointer is set. */
  readonly info: Uint8Array;
  readonly arrays: readonly InfoArray[];
  /** Sets the pointers in an answered struct to zero: addresses are no business of the caller's. */
  clean(info: Uint8Array): void;
}

/** Which of the unions in a link's info is its own: of two links with the same bytes one may have a pointer where the other has a number. */
function linkKind(info: Uint8Array): string {
  const { type, 'perf_event.type': perf } = bpfLinkInfo.decode(info);
  const name = LINK_TYPES[type];
  return `link ${name === 'perf_event' ? PERF_LINK_TYPES[perf]?.replace('ret', '') : name}`; // a return probe has its probe's bytes
}

/**
 * Checks BPF_OBJ_GET_INFO_BY_FD. The kernel takes pointers and counts out of the info struct itself, so the caller's pointers are never passed
 * on, and the counts are held against the buffers. Throws SysError: EFAULT if a buffer is missing or too short, EINVAL if `arrays` names a
 * pointer that this kind of object does not have, E2BIG if the struct says anything past what is known of it.
 *
 * @param ask the info of an fd with nothing given, by which the type of a link is told
 */
export function planInfo(attr: BpfAttr<'BPF_OBJ_GET_INFO_BY_FD'>, ask: (info: Uint8Array) => void): InfoPlan {
  const length = Number(attr.info_len ?? 0);
  const given = attr.info;
  if (!(given instanceof Uint8Array) || !(length >= 0 && length <= given.length)) {
    throw fault(`info is ${given?.length ?? 0} bytes long, but info_len says ${length}`);
  }
  const info = given.slice(0, length);
  const arrays = Object.entries(attr.arrays ?? {});
  const kinds: Readonly<Record<string, Kind>> = KINDS;
  let name = fdKind(Number(attr.bpf_fd ?? 0)) ?? '';
  if (arrays.length > 0 && LINK_FILES.has(name)) {
    const link = new Uint8Array(bpfLinkInfo.size);
    ask(link);
    name = linkKind(link);
  }
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind === undefined) {
    // A link of which no array is asked, or something that will be refused: nothing that the struct says is passed on, so nothing is followed.
    info.fill(0);
    if (name.startsWith('link ')) throw noArray(arrays[0]?.[0] ?? '');
    if (arrays.length > 0) {
      throw new NotSupportedError('BPF_OBJ_GET_INFO_BY_FD with arrays for this fd', {
        instead: 'mount procfs at /proc, which tells what an fd is',
      });
    }
    return { info, arrays: [], clean() {} };
  }
  if (info.subarray(kind.info.size).some((byte) => byte !== 0)) {
    throw new SysError(errno.E2BIG, 'BPF_OBJ_GET_INFO_BY_FD', {
      detail: `info has to be zero past its ${kind.info.size} bytes`,
    });
  }
  const clean = (answer: Uint8Array): void => {
    for (const name of Object.keys(kind.pointers)) clearPointer(answer, name);
  };
  clean(info);
  return { info, arrays: arrays.map(([name, bytes]) => planArray(kind, info, name, bytes)), clean };
}

function planArray(kind: Kind, info: Uint8Array, name: string, bytes: unknown): InfoArray {
  const offset = pointerOffset(name);
  const rule = offset === undefined ? undefined : Object.entries(kind.pointers).find(([p]) => p === name)?.[1];
  if (offset === undefined || rule === undefined || offset + 8 > info.length) {
    throw noArray(name);
  }
  if (!(bytes instanceof Uint8Array)) throw fault(`array ${name} is no Uint8Array`);
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
  const number = (field: string | number): number => {
    if (typeof field === 'number') return field;
    const at = kind.info.fields[field]?.[1] ?? info.length;
    return at + 4 <= info.length ? view.getUint32(at, true) : 0;
  };
  const need = number(rule[0]) * number(rule[1]);
  if (need > bytes.length)
    throw fault(`${name} is ${bytes.length} bytes long, but ${String(rule[0])} asks for ${need}`);
  return { offset, bytes: bytes.subarray(0, need) };
}

function pointerOffset(name: string): number | undefined {
  const offsets: Readonly<Record<string, number>> = INFO_POINTERS;
  return Object.hasOwn(offsets, name) ? offsets[name] : undefined;
}

function clearPointer(info: Uint8Array, name: string): void {
  const offset = pointerOffset(name);
  if (offset !== undefined) info.fill(0, offset, offset + 8);
}

/** The names of a link's file: with an underscore before Linux 6.13. */
const LINK_FILES: ReadonlySet<string> = new Set(['bpf_link', 'bpf-link']);

/** What an fd is, by the name that the kernel gives its file: `bpf-map`, `bpf-prog`, `btf`, …; `undefined` if that cannot be told. */
export function fdKind(fd: number): string | undefined {
  try {
    return /^anon_inode:\[?([\w-]+)\]?$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch {
    return undefined; // no such fd, or no procfs
  }
}

function noArray(name: string): SysError {
  return new SysError(errno.EINVAL, 'BPF_OBJ_GET_INFO_BY_FD', {
    detail: `the info of this fd has no array ${name.slice(0, 64)}`,
  });
}

function fault(detail: string): SysError {
  return new SysError(errno.EFAULT, 'BPF_OBJ_GET_INFO_BY_FD', { detail });
}
