import { ObjectError, UsageError } from '../errors.ts';
import type { MapSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { BpfAttr } from '../uapi/attr.ts';
import { BPF_F_TOKEN_FD, type MapType, mapTypeNumber } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';
import { orUndefined, saying } from './calls.ts';

/** Types whose key and value the kernel refuses to describe with BTF. */
const WITHOUT_BTF = new Set<MapType>([
  'perf_event_array',
  'cgroup_array',
  'stack_trace',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'devmap_hash',
  'cpumap',
  'xskmap',
  'sockmap',
  'sockhash',
  'queue',
  'stack',
  'arena',
]);

/** Types whose `max_entries` must be 0. */
const WITHOUT_ENTRIES = new Set<MapType>([
  'cgroup_storage',
  'percpu_cgroup_storage',
  'sk_storage',
  'inode_storage',
  'task_storage',
  'cgrp_storage',
]);

/** The fds that a map is made with. */
export interface MapFds {
  /** The object's BTF. */
  readonly btf: Fd | undefined;
  /** The right to make it, where that is not the process's own. */
  readonly token: Fd | undefined;
  /** The template of a map-in-map. */
  readonly inner?: Fd | undefined;
}

/** BPF_MAP_CREATE, and for internal maps the content and the freeze. */
export function createMap(kernel: Kernel, map: MapSpec, fds: MapFds): Fd {
  if (map.maxEntries === 0 && !WITHOUT_ENTRIES.has(map.type)) {
    throw new UsageError(
      `map ${map.name} has max_entries 0: whoever loads it must say how many; say it with the option maxEntries (on the command line: max_entries ${map.name}=N)`,
    );
  }
  if (fds.inner === undefined && (map.type === 'array_of_maps' || map.type === 'hash_of_maps')) {
    throw new UsageError(
      `map ${map.name} holds maps, and its definition does not say which kind: its own loader does; make or open one, and share it (option reuse; on the command line: map name ${map.name} pinned PATH)`,
    );
  }
  const attr = {
    map_type: mapTypeNumber[map.type],
    key_size: map.keySize,
    value_size: map.valueSize,
    max_entries: map.maxEntries,
    map_flags: map.flags,
    map_name: map.kernelName,
    map_extra: map.mapExtra,
    inner_map_fd: fds.inner,
    numa_node: map.numaNode,
    ...mapToken(map.flags, fds.token),
  };
  const typed =
    fds.btf === undefined || WITHOUT_BTF.has(map.type) || (map.keyTypeId === 0 && map.valueTypeId === 0)
      ? undefined
      : { ...attr, btf_fd: fds.btf, btf_key_type_id: map.keyTypeId, btf_value_type_id: map.valueTypeId };
  // As libbpf: a map that the kernel refuses with BTF may be fine without.
  const fd =
    (typed && orUndefined(['EINVAL', 'ENOTSUPP'], () => kernel.bpf('BPF_MAP_CREATE', typed))) ??
    saying(describe(map), () => kernel.bpf('BPF_MAP_CREATE', attr));
  try {
    fill(kernel, map, fd);
  } catch (error) {
    kernel.close(fd);
    throw error;
  }
  return fd;
}

/** What a map's attributes say of a token. */
export function mapToken(flags: number, token: Fd | undefined): BpfAttr<'BPF_MAP_CREATE'> {
  return token === undefined ? {} : { map_flags: flags | BPF_F_TOKEN_FD, map_token_fd: token };
}

function fill(kernel: Kernel, map: MapSpec, fd: Fd): void {
  const { initial } = map;
  if (initial !== undefined) {
    if (initial.length !== map.valueSize) {
      throw new ObjectError(`map ${map.name}: ${initial.length} bytes of content for a value of ${map.valueSize}`);
    }
    kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: fd, key: new Uint8Array(map.keySize), value: initial });
  }
  // Linux < 5.2 cannot freeze; there BPF_F_RDONLY_PROG alone keeps programs from writing.
  if (map.frozen) orUndefined('EINVAL', () => [kernel.bpf('BPF_MAP_FREEZE', { map_fd: fd })]);
}

function describe(map: MapSpec): string {
  return `of ${map.name} (${map.type}, key ${map.keySize}, value ${map.valueSize}, max_entries ${map.maxEntries}, flags 0x${map.flags.toString(16)})`;
}
