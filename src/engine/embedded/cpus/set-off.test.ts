import { expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { encodeLink, request } from '../../../net/index.ts';
import { attachTypeNumber, BPF_F_NO_PREALLOC, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { RTM_NEWLINK } from '../../../uapi/netlink.ts';
import { createEmbeddedKernel } from '../embedded.ts';

const frames = Array.from({ length: 32 }, (_, i) => new Uint8Array(60).fill(i));

it('programs on several CPUs set off others, which change what they have in common', () => {
  using embedded = createEmbeddedKernel({ cpus: 2 });
  const { kernel, lab } = embedded;
  request(kernel, 'the test', RTM_NEWLINK, 0, encodeLink({ ifindex: 0, name: 'lo', flags: 1, change: 1 }));
  const shape = { key_size: 8, value_size: 8, max_entries: 16, map_flags: BPF_F_NO_PREALLOC };
  const map_fd = kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber.lpm_trie, ...shape });
  const load = (text: string) => {
    const insns = encodeInsns(parseAssembly(text, { map: () => map_fd }));
    const attr = { prog_type: progTypeNumber.sched_cls, insns, insn_cnt: insns.length / 8, license: 'GPL' };
    return kernel.bpf('BPF_PROG_LOAD', attr);
  };
  const key = (mark: number) => `
    r1 = 32
    *(u32 *)(r10 - 8) = r1
    r1 = ${mark << 24}
    *(u32 *)(r10 - 4) = r1
    r2 = r10
    r2 += -8
    r1 = map[name:m]`;
  const inner = Array.from(
    { length: 16 },
    (_, mark) => `
    ${key(mark)}
    r3 = ${mark}
    *(u64 *)(r10 - 16) = r3
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem`,
  );
  const target_ifindex = 1; // lo, whose programs on the way out run before the helper is done
  const attach_type = attachTypeNumber.tcx_egress;
  const prog_fd = load(`${inner.join('')}\nr0 = 2\nexit`); // TC_ACT_SHOT
  kernel.bpf('BPF_LINK_CREATE', { prog_fd, target_ifindex, attach_type });
  const outer = load(`
    r2 = ${target_ifindex}
    r3 = 0
    call bpf_clone_redirect
    ${key(7)}
    call bpf_map_lookup_elem
    if r0 == 0 goto none
    r0 = *(u64 *)(r0 + 0)
    exit
  none:
    r0 = 99
    exit`);
  for (const repeat of [1, 30]) {
    using batch = lab.batch(kernel, outer, frames, { cpus: 2 });
    expect(new Set(batch.run(repeat).verdicts)).toEqual(new Set([7]));
  }
  using alone = lab.batch(kernel, outer, frames, { cpus: 1 });
  expect(new Set(alone.run(100).verdicts)).toEqual(new Set([7]));
  for (let mark = 0; mark < 16; mark++) {
    const value = new Uint8Array(8);
    kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: Uint8Array.of(32, 0, 0, 0, 0, 0, 0, mark), value });
    expect(value[0]).toBe(mark);
  }
});
