import { pointerTo } from './btf-access.ts';
import { accessStruct } from './btf-walk.ts';
import type { Env } from './env.ts';
import type { Access } from './memory.ts';
import { type Reg, UNKNOWN } from './reg.ts';

/** The kernel's struct of a map's type. */
const STRUCTS: Readonly<Record<string, string>> = {
  hash: 'bpf_htab',
  percpu_hash: 'bpf_htab',
  lru_hash: 'bpf_htab',
  lru_percpu_hash: 'bpf_htab',
  hash_of_maps: 'bpf_htab',
  array: 'bpf_array',
  percpu_array: 'bpf_array',
  prog_array: 'bpf_array',
  perf_event_array: 'bpf_array',
  cgroup_array: 'bpf_array',
  array_of_maps: 'bpf_array',
  stack_trace: 'bpf_stack_map',
  lpm_trie: 'lpm_trie',
  devmap: 'bpf_dtab',
  devmap_hash: 'bpf_dtab',
  cpumap: 'bpf_cpu_map',
  xskmap: 'xsk_map',
  sockmap: 'bpf_stab',
  sockhash: 'bpf_shtab',
  queue: 'bpf_queue_stack',
  stack: 'bpf_queue_stack',
  ringbuf: 'bpf_ringbuf_map',
  user_ringbuf: 'bpf_ringbuf_map',
  bloom_filter: 'bpf_bloom_filter',
  cgroup_storage: 'bpf_cgroup_storage_map',
  percpu_cgroup_storage: 'bpf_cgroup_storage_map',
  reuseport_sockarray: 'reuseport_array',
  sk_storage: 'bpf_local_storage_map',
  inode_storage: 'bpf_local_storage_map',
  task_storage: 'bpf_local_storage_map',
  cgrp_storage: 'bpf_local_storage_map',
  struct_ops: 'bpf_struct_ops_map',
  arena: 'bpf_arena',
};

/** A program reads members of a map's struct. */
export function accessMapPointer(env: Env, reg: Reg, { regno, offset, size, write, value }: Access): void {
  const { kernelBtf } = env.program;
  if (kernelBtf === undefined) env.fail('ENOTSUPP', 'map_ptr access not supported without CONFIG_DEBUG_INFO_BTF');
  const name = STRUCTS[reg.map?.type ?? ''];
  const typeId = name === undefined ? undefined : kernelBtf.find('struct', name);
  if (name === undefined || typeId === undefined)
    env.fail('ENOTSUPP', `map_ptr access not supported for map type ${reg.map?.typeNumber}`);
  if (offset < 0) env.fail('EACCES', `R${regno} is ${name} invalid negative access: off=${offset}`);
  if (write) env.fail('EACCES', `only read from ${name} is supported`);
  const found = accessStruct(kernelBtf, typeId, offset, size);
  if (found.kind === 'error') env.fail(found.code, found.message);
  if (value < 0) return;
  env.setReg(value, found.kind === 'pointer' ? pointerTo(env, kernelBtf, found.typeId, 0) : UNKNOWN);
}
