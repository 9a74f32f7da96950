import { readlinkSync } from 'node:fs';
import { NotSupportedError, SysError } from '../../errors.ts';
import type { BpfAttr } from '../../uapi/attr.ts';
import { errno } from '../../uapi/errno.ts';
import { bpfBtfInfo, bpfMapInfo, bpfProgInfo, INFO_POINTERS } from '../../uapi/info.ts';

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

/**
 * Checks BPF_OBJ_GET_INFO_BY_FD. The kernel takes pointers and counts out of the info struct itself, so the caller's pointers are never passed
 * on, and the counts are held against the buffers. Throws SysError: EFAULT if a buffer is missing or too short, EINVAL if `arrays` names a
 * pointer that this kind of object does not have, E2BIG if the struct says anything past what is known of it.
 */
export function planInfo(attr: BpfAttr<'BPF_OBJ_GET_INFO_BY_FD'>): InfoPlan {
  const length = Number(attr.info_len ?? 0);
  const given = attr.info;
  if (!(given instanceof Uint8Array) || !(length >= 0 && length <= given.length)) {
    throw fault(`info is ${given?.length ?? 0} bytes long, but info_len says ${length}`);
  }
  const info = given.slice(0, length);
  const arrays = Object.entries(attr.arrays ?? {});
  const kinds: Readonly<Record<string, Kind>> = KINDS;
  const name = fdKind(Number(attr.bpf_fd ?? 0)) ?? '';
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind === undefined) {
    // A link, or something that will be refused: nothing that the struct says is passed on, so there is nothing to follow.
    info.fill(0);
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
    throw new SysError(errno.EINVAL, 'BPF_OBJ_GET_INFO_BY_FD', { detail: `the info of this fd has no array ${name}` });
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

/** What an fd is, by the name that the kernel gives its file: `bpf-map`, `bpf-prog`, `btf`, …; `undefined` if that cannot be told. */
export function fdKind(fd: number): string | undefined {
  try {
    return /^anon_inode:\[?([\w-]+)\]?$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch {
    return undefined; // no such fd, or no procfs
  }
}

function fault(detail: string): SysError {
  return new SysError(errno.EFAULT, 'BPF_OBJ_GET_INFO_BY_FD', { detail });
}
