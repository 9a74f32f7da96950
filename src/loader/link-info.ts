import { cString, type StructValue } from '../bytes/struct.ts';
import type { Kernel } from '../sys/kernel.ts';
import { ATTACH_TYPES, type AttachType, LINK_TYPES } from '../uapi/bpf.ts';
import type { Fd, LinkId, MapId, ProgId } from '../uapi/fd.ts';
import { bpfLinkInfo, type INFO_POINTERS } from '../uapi/info.ts';
import { CGROUP_ITER_ORDERS, PERF_LINK_TYPES } from '../uapi/link.ts';
import { orUndefined } from './calls.ts';

/** What a kernel says of one link. */
export type LinkInfo = Common & LinkTarget;

interface Common {
  readonly id: LinkId;
  /** 0 for struct_ops, which hold a map. */
  readonly progId: ProgId;
}

/** A number where this version of skep has no name. */
type Attach = AttachType | number;

/** Where it is attached, by the type of the link. An `ifindex` or `cgroupId` of 0: its place is gone, or it was detached. */
export type LinkTarget =
  | { readonly type: 'raw_tracepoint'; readonly name: string; readonly cookie: bigint }
  | {
      readonly type: 'tracing';
      readonly attachType: Attach;
      /** A program's id, or that of a BTF object; 0: none. */
      readonly targetObjId: number;
      readonly targetBtfId: number;
      readonly cookie: bigint;
    }
  | { readonly type: 'cgroup'; readonly cgroupId: bigint; readonly attachType: Attach }
  | {
      readonly type: 'iter';
      /** `bpf_map_elem`, `task`, … */
      readonly target: string;
      readonly mapId: MapId | undefined;
      readonly cgroup: { readonly id: bigint; readonly order: string } | undefined;
      readonly tid: number;
      readonly pid: number;
    }
  | { readonly type: 'netns'; readonly netnsIno: number; readonly attachType: Attach }
  | { readonly type: 'xdp'; readonly ifindex: number }
  | { readonly type: 'tcx' | 'netkit'; readonly ifindex: number; readonly attachType: Attach }
  | { readonly type: 'sockmap'; readonly mapId: MapId; readonly attachType: Attach }
  | { readonly type: 'struct_ops'; readonly mapId: MapId }
  | {
      readonly type: 'netfilter';
      readonly pf: number;
      readonly hook: number;
      readonly priority: number;
      readonly flags: number;
    }
  | {
      readonly type: 'kprobe_multi';
      readonly returns: boolean;
      readonly missed: bigint;
      /** Addresses are 0 where the kernel does not show them. */
      readonly functions: readonly { readonly address: bigint; readonly cookie: bigint }[];
    }
  | {
      readonly type: 'uprobe_multi';
      readonly returns: boolean;
      readonly path: string;
      readonly pid: number;
      readonly places: readonly { readonly offset: bigint; readonly refCtrOffset: bigint; readonly cookie: bigint }[];
    }
  | { readonly type: 'perf_event'; readonly event: PerfTarget }
  /** A number: a type that this version of skep does not know. */
  | { readonly type: 'unspec' | number };

/** What a perf_event link hangs on. `unspec`: the kernel does not say (Linux < 6.6). */
export type PerfTarget =
  | { readonly kind: 'unspec' }
  | {
      readonly kind: 'uprobe' | 'uretprobe';
      readonly file: string;
      readonly offset: number;
      readonly cookie: bigint;
      readonly refCtrOffset: bigint;
    }
  | {
      readonly kind: 'kprobe' | 'kretprobe';
      readonly func: string;
      readonly offset: number;
      readonly address: bigint;
      readonly missed: bigint;
      readonly cookie: bigint;
    }
  | { readonly kind: 'tracepoint'; readonly name: string; readonly cookie: bigint }
  | { readonly kind: 'event'; readonly type: number; readonly config: bigint; readonly cookie: bigint };

type Raw = StructValue<typeof bpfLinkInfo.fields>;
type Pointer = keyof typeof INFO_POINTERS;

/** Room for the name of a tracepoint, function or file, which the kernel cuts to it. Bytes. */
const NAME_ROOM = 256;
const PATH_ROOM = 4096;
/** Functions of one multi-probe whose addresses are asked for. */
const MAX_FUNCTIONS = 1 << 20;

/** Asks for the info struct of an open fd, and then, where that has texts or lists, for those. */
export function linkInfo(kernel: Kernel, fd: Fd): LinkInfo {
  const raw = ask(kernel, fd, {}, {});
  return {
    id: raw.id as LinkId, // the brand's origin
    progId: raw.prog_id as ProgId, // the brand's origin
    ...linkTarget(new Texts(kernel, fd), raw),
  };
}

function linkTarget(texts: Texts, raw: Raw): LinkTarget {
  const type = LINK_TYPES[raw.type] ?? raw.type;
  switch (type) {
    case 'raw_tracepoint':
      return {
        type,
        name: texts.text('raw_tracepoint.tp_name', 'raw_tracepoint.tp_name_len', NAME_ROOM),
        cookie: raw['raw_tracepoint.cookie'],
      };
    case 'tracing':
      return {
        type,
        attachType: attachType(raw['tracing.attach_type']),
        targetObjId: raw['tracing.target_obj_id'],
        targetBtfId: raw['tracing.target_btf_id'],
        cookie: raw['tracing.cookie'],
      };
    case 'cgroup':
      return { type, cgroupId: raw['cgroup.cgroup_id'], attachType: attachType(raw['cgroup.attach_type']) };
    case 'iter':
      return iterTarget(texts, raw);
    case 'netns':
      return { type, netnsIno: raw['netns.netns_ino'], attachType: attachType(raw['netns.attach_type']) };
    case 'xdp':
      return { type, ifindex: raw['xdp.ifindex'] };
    case 'tcx':
    case 'netkit':
      return { type, ifindex: raw['tcx.ifindex'], attachType: attachType(raw['tcx.attach_type']) };
    case 'sockmap':
      return {
        type,
        mapId: raw['sockmap.map_id'] as MapId, // the brand's origin
        attachType: attachType(raw['sockmap.attach_type']),
      };
    case 'struct_ops':
      return { type, mapId: raw['struct_ops.map_id'] as MapId }; // the brand's origin
    case 'netfilter':
      return {
        type,
        pf: raw['netfilter.pf'],
        hook: raw['netfilter.hooknum'],
        priority: raw['netfilter.priority'],
        flags: raw['netfilter.flags'],
      };
    case 'kprobe_multi':
      return kprobeMulti(texts, raw);
    case 'uprobe_multi':
      return uprobeMulti(texts, raw);
    case 'perf_event':
      return { type, event: perfTarget(texts, raw) };
    default:
      return { type };
  }
}

function iterTarget(texts: Texts, raw: Raw): LinkTarget {
  const target = texts.text('iter.target_name', 'iter.target_name_len', NAME_ROOM);
  const ofMap = target === 'bpf_map_elem' || target === 'bpf_sk_storage_map';
  const ofTask = target.startsWith('task');
  const order = raw['iter.cgroup.order'];
  return {
    type: 'iter',
    target,
    mapId: ofMap ? (raw['iter.map.map_id'] as MapId) : undefined, // the brand's origin
    cgroup:
      target === 'cgroup'
        ? { id: raw['iter.cgroup.cgroup_id'], order: CGROUP_ITER_ORDERS[order] ?? String(order) }
        : undefined,
    tid: ofTask ? raw['iter.task.tid'] : 0,
    pid: ofTask ? raw['iter.task.pid'] : 0,
  };
}

function kprobeMulti(texts: Texts, raw: Raw): LinkTarget {
  const count = Math.min(raw['kprobe_multi.count'], MAX_FUNCTIONS);
  const [addresses, cookies] = texts.lists('kprobe_multi.count', count, ['kprobe_multi.addrs', 'kprobe_multi.cookies']);
  return {
    type: 'kprobe_multi',
    returns: (raw['kprobe_multi.flags'] & 1) !== 0,
    missed: raw['kprobe_multi.missed'],
    functions: Array.from({ length: count }, (_, i) => ({ address: addresses?.[i] ?? 0n, cookie: cookies?.[i] ?? 0n })),
  };
}

function uprobeMulti(texts: Texts, raw: Raw): LinkTarget {
  const count = Math.min(raw['uprobe_multi.count'], MAX_FUNCTIONS);
  const [offsets, counters, cookies] = texts.lists('uprobe_multi.count', count, [
    'uprobe_multi.offsets',
    'uprobe_multi.ref_ctr_offsets',
    'uprobe_multi.cookies',
  ]);
  return {
    type: 'uprobe_multi',
    returns: (raw['uprobe_multi.flags'] & 1) !== 0,
    path: texts.text('uprobe_multi.path', 'uprobe_multi.path_size', PATH_ROOM),
    pid: raw['uprobe_multi.pid'],
    places: Array.from({ length: count }, (_, i) => ({
      offset: offsets?.[i] ?? 0n,
      refCtrOffset: counters?.[i] ?? 0n,
      cookie: cookies?.[i] ?? 0n,
    })),
  };
}

function perfTarget(texts: Texts, raw: Raw): PerfTarget {
  const kind = PERF_LINK_TYPES[raw['perf_event.type']] ?? 'unspec';
  switch (kind) {
    case 'uprobe':
    case 'uretprobe':
      return {
        kind,
        file: texts.text('perf_event.uprobe.file_name', 'perf_event.uprobe.name_len', PATH_ROOM),
        offset: raw['perf_event.uprobe.offset'],
        cookie: raw['perf_event.uprobe.cookie'],
        refCtrOffset: raw['perf_event.uprobe.ref_ctr_offset'],
      };
    case 'kprobe':
    case 'kretprobe':
      return {
        kind,
        func: texts.text('perf_event.kprobe.func_name', 'perf_event.kprobe.name_len', NAME_ROOM),
        offset: raw['perf_event.kprobe.offset'],
        address: raw['perf_event.kprobe.addr'],
        missed: raw['perf_event.kprobe.missed'],
        cookie: raw['perf_event.kprobe.cookie'],
      };
    case 'tracepoint':
      return {
        kind,
        name: texts.text('perf_event.tracepoint.tp_name', 'perf_event.tracepoint.name_len', NAME_ROOM),
        cookie: raw['perf_event.tracepoint.cookie'],
      };
    case 'event':
      return {
        kind,
        type: raw['perf_event.event.type'],
        config: raw['perf_event.event.config'],
        cookie: raw['perf_event.event.cookie'],
      };
    case 'unspec':
      return { kind };
  }
}

function attachType(n: number): Attach {
  return ATTACH_TYPES[n] ?? n;
}

/** The second calls, with buffers. */
class Texts {
  readonly #kernel: Kernel;
  readonly #fd: Fd;

  constructor(kernel: Kernel, fd: Fd) {
    this.#kernel = kernel;
    this.#fd = fd;
  }

  text(pointer: Pointer, length: keyof Raw, room: number): string {
    const bytes = new Uint8Array(room);
    ask(this.#kernel, this.#fd, { [length]: room }, { [pointer]: bytes });
    return new TextDecoder().decode(Uint8Array.from(cString(bytes), (char) => char.charCodeAt(0)));
  }

  /** Lists of 64-bit numbers of one length. A kernel whose struct ends before the later ones (cookies: Linux < 6.9) is asked for the first alone. */
  lists(length: keyof Raw, count: number, pointers: readonly Pointer[]): readonly BigUint64Array[] {
    if (count === 0) return [];
    const read = (which: readonly Pointer[]): readonly BigUint64Array[] => {
      const buffers = which.map(() => new Uint8Array(8 * count));
      const arrays = Object.fromEntries(which.map((pointer, i) => [pointer, buffers[i] ?? new Uint8Array(0)]));
      ask(this.#kernel, this.#fd, { [length]: count }, arrays);
      return buffers.map((bytes) => new BigUint64Array(bytes.buffer));
    };
    return orUndefined('E2BIG', () => read(pointers)) ?? read(pointers.slice(0, 1));
  }
}

function ask(kernel: Kernel, fd: Fd, given: Partial<Raw>, arrays: Record<string, Uint8Array>): Raw {
  const info = bpfLinkInfo.encode(given);
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', {
    bpf_fd: fd,
    info_len: info.length,
    info,
    ...(Object.keys(arrays).length > 0 && { arrays }),
  });
  return bpfLinkInfo.decode(info);
}
