import { expect, it } from 'vitest';
import { mapBtf } from '../../../../test/contract/btf.ts';
import { bytecode, I } from '../../../../test/support/bytecode.ts';
import { parseBtf } from '../../../btf/index.ts';
import { O_DIRECTORY } from '../../../sys/kernel.ts';
import type { BpfAttr } from '../../../uapi/attr.ts';
import {
  attachTypeNumber,
  BPF_F_LINK,
  BPF_F_MMAPABLE,
  MAP_TYPES,
  type MapType,
  mapTypeNumber,
  progTypeNumber,
} from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { createEmbeddedKernel } from '../embedded.ts';
import { type OpsLayout, opsLayout } from '../struct-ops/layout.ts';
import { embeddedKernelBtf } from '../types/kernel-btf.ts';
import { mapTypeOf } from './types.ts';

const CYCLES = 3000;
const { kernel, lab, memorySize } = ((embedded) => ({
  kernel: embedded.kernel,
  lab: embedded.lab,
  memorySize: () => embedded.memorySize,
}))(createEmbeddedKernel());
const inner = kernel.bpf('BPF_MAP_CREATE', {
  map_type: mapTypeNumber.array,
  key_size: 4,
  value_size: 8,
  max_entries: 4,
});
const template = kernel.bpf('BPF_MAP_CREATE', {
  map_type: mapTypeNumber.array,
  key_size: 4,
  value_size: 8,
  max_entries: 4,
});
const prog = kernel.bpf('BPF_PROG_LOAD', {
  prog_type: 3,
  insns: Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
  insn_cnt: 2,
  license: 'GPL',
});
const event = kernel.perfEventOpen({ type: 1, config: 10n, sample_type: 1n << 10n }, -1, 0, -1, 0);

const cgroup = kernel.open('/sys/fs/cgroup', O_DIRECTORY);
lab.setUp('lo');
const socket = lab.socket(kernel, { type: 'udp', reusePort: true });
socket.bind({ address: '127.0.0.1', port: 53 });

const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
const SMALL = { key_size: 4, value_size: 8, max_entries: 4 };
const SLOTS = { key_size: 4, value_size: 4, max_entries: 4 };
const KEYLESS = { key_size: 0, value_size: 8, max_entries: 4 };
const bytes = mapBtf();
const btf_fd = kernel.bpf('BPF_BTF_LOAD', { btf: bytes, btf_size: bytes.length });
const STORAGE = {
  ...{ key_size: 4, value_size: 8, max_entries: 0, map_flags: 1 },
  ...{ btf_fd, btf_key_type_id: 1, btf_value_type_id: 2 },
};
const PLACES = { key_size: 16, value_size: 8, max_entries: 0 };
const RING = { key_size: 0, value_size: 0, max_entries: 4096 };

const tcp = opsLayout(parseBtf(embeddedKernelBtf()), 'tcp_congestion_ops') as OpsLayout; // the embedded kernel has it
const OPS = {
  ...{ key_size: 4, value_size: tcp.valueSize, max_entries: 1, map_flags: BPF_F_LINK },
  ...{ btf_fd, btf_vmlinux_value_type_id: tcp.valueTypeId },
};
const filledOps = opsValue();

/** A congestion control with what it has to have. */
function opsValue(): Uint8Array {
  const value = new Uint8Array(tcp.valueSize);
  for (const [index, { name, offset }] of tcp.members.entries()) {
    if (name === 'name') value.set(new TextEncoder().encode('cycle'), tcp.start + offset);
    if (!['ssthresh', 'undo_cwnd', 'cong_avoid'].includes(name)) continue;
    const insns = bytecode(I.mov(0, 1), I.exit);
    const made = { prog_type: progTypeNumber.struct_ops, insns, insn_cnt: 2, license: 'GPL' };
    const fd = kernel.bpf('BPF_PROG_LOAD', { ...made, attach_btf_id: tcp.typeId, expected_attach_type: index });
    value.set(u32(fd), tcp.start + offset);
  }
  return value;
}

/** How each type is made that is not as SMALL, and what is put in. */
const SHAPES: Partial<Record<MapType, readonly [attr: BpfAttr<'BPF_MAP_CREATE'>, value?: () => Uint8Array]>> = {
  prog_array: [SLOTS, () => u32(prog)],
  perf_event_array: [SLOTS, () => u32(event)],
  percpu_hash: [SMALL, () => new Uint8Array(16)],
  percpu_array: [SMALL, () => new Uint8Array(16)],
  lru_percpu_hash: [SMALL, () => new Uint8Array(16)],
  lpm_trie: [{ key_size: 8, value_size: 8, max_entries: 4, map_flags: 1 }],
  array_of_maps: [{ ...SLOTS, inner_map_fd: template }, () => u32(inner)],
  hash_of_maps: [{ ...SLOTS, inner_map_fd: template }, () => u32(inner)],
  devmap: [SLOTS, () => u32(1)],
  xskmap: [SLOTS],
  devmap_hash: [SLOTS, () => u32(1)],
  cgroup_array: [SLOTS, () => u32(cgroup)],
  cpumap: [{ ...SLOTS, max_entries: 2 }, () => u32(64)],
  sockmap: [SLOTS, () => u32(socket.fd)],
  sockhash: [SLOTS, () => u32(socket.fd)],
  reuseport_sockarray: [{ ...SLOTS, max_entries: 1 }, () => u32(socket.fd)],
  queue: [KEYLESS],
  stack: [KEYLESS],
  bloom_filter: [KEYLESS],
  ringbuf: [RING],
  user_ringbuf: [RING],
  stack_trace: [SMALL],
  arena: [{ key_size: 0, value_size: 0, max_entries: 4, map_flags: BPF_F_MMAPABLE }],
  sk_storage: [STORAGE],
  inode_storage: [STORAGE],
  task_storage: [STORAGE],
  cgroup_storage: [PLACES],
  percpu_cgroup_storage: [PLACES],
  cgrp_storage: [STORAGE],
  struct_ops: [OPS, () => filledOps],
};

it.each(MAP_TYPES.filter((name) => mapTypeOf(mapTypeNumber[name]) !== undefined))(
  'a %s gives back its memory and all that it holds',
  (name) => {
    const [attr, value] = SHAPES[name] ?? [SMALL];
    const cycle = (): void => {
      const map_fd = kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber[name], ...attr });
      if (name === 'cgroup_storage' || name === 'percpu_cgroup_storage') attachUsing(map_fd);
      else if (name === 'cgrp_storage')
        kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: u32(cgroup), value: new Uint8Array(8) });
      else if (name === 'inode_storage')
        kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: u32(inner), value: new Uint8Array(8) });
      else if (name !== 'stack_trace' && name !== 'xskmap') fill(map_fd, attr, value?.() ?? new Uint8Array(8));
      kernel.close(map_fd);
    };
    for (let i = 0; i < 100; i++) cycle();
    const before = memorySize();
    for (let i = 0; i < CYCLES; i++) cycle();
    expect(memorySize()).toBe(before);
    const ids = { start_id: 0, next_id: 0 };
    for (const known of [1, 2]) {
      kernel.bpf('BPF_MAP_GET_NEXT_ID', ids);
      expect(ids.next_id).toBe(known);
      ids.start_id = ids.next_id;
    }
    expect(() => kernel.bpf('BPF_MAP_GET_NEXT_ID', ids)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  },
);

/** A value comes when a program that uses the map is attached, and stays when that goes. */
function attachUsing(map: Fd): void {
  const insns = bytecode(I.mapFd(1, map), I.mov(0, 1), I.exit);
  const attr = { prog_type: progTypeNumber.cgroup_device, insns, insn_cnt: insns.length / 8, license: 'GPL' };
  const attach_bpf_fd = kernel.bpf('BPF_PROG_LOAD', attr);
  const where = { target_fd: cgroup, attach_type: attachTypeNumber.cgroup_device, attach_bpf_fd };
  kernel.bpf('BPF_PROG_ATTACH', where);
  kernel.bpf('BPF_PROG_DETACH', where);
  kernel.close(attach_bpf_fd);
}

function fill(
  map_fd: Fd,
  { key_size = 0, value_size = 0, max_entries = 0 }: BpfAttr<'BPF_MAP_CREATE'>,
  value: Uint8Array,
): void {
  if (value_size === 0) return;
  for (let i = 0; i < Math.min(max_entries, 4); i++) {
    const key = key_size === 0 ? undefined : new Uint8Array(key_size);
    key?.set([key_size === 8 ? 32 : i, 0, 0, 0, i].slice(0, key_size));
    kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key, value });
  }
}
