import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Btf, parseBtf } from '../btf/index.ts';
import type { Struct, StructFields } from '../bytes/struct.ts';
import { attrConflict, attrFields, attrSize, BPF_COMMANDS, type BpfCmd } from './attr.ts';
import { bpfBtfInfo, bpfLinkInfo, bpfMapInfo, bpfProgInfo, bpfTokenInfo } from './info.ts';
import { bpfIterLinkInfo } from './link.ts';
import { PERF_EVENT_ATTR } from './perf.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const absent = existsSync(VMLINUX) ? undefined : `${VMLINUX} is not there`;
if (absent !== undefined) console.log(`skipped: the kernel's own layout: ${absent}`);

const COMMANDS = Object.keys(BPF_COMMANDS) as BpfCmd[]; // Object.keys loses the keys

describe('the table of bpf(2)', () => {
  it('has every command once, without a gap', () => {
    expect(COMMANDS.map((cmd) => BPF_COMMANDS[cmd].cmd).sort((a, b) => a - b)).toEqual([...COMMANDS.keys()]);
  });

  it.each<[BpfCmd, object, unknown]>([
    ['BPF_LINK_CREATE', { prog_fd: 3, 'kprobe_multi.flags': 1, 'kprobe_multi.cnt': 1 }, undefined],
    ['BPF_LINK_CREATE', { 'kprobe_multi.cnt': 1, 'tracing.cookie': 4096n }, ['kprobe_multi.cnt', 'tracing.cookie']],
    ['BPF_LINK_CREATE', { 'tcx.relative_fd': 4, 'kprobe_multi.flags': 1 }, ['kprobe_multi.flags', 'tcx.relative_fd']],
    ['BPF_LINK_CREATE', { 'kprobe_multi.cnt': 1, iter_info: new Uint8Array(16) }, ['iter_info', 'kprobe_multi.cnt']],
    ['BPF_LINK_CREATE', { 'tcx.relative_fd': 0, 'kprobe_multi.flags': 1 }, undefined],
    ['BPF_LINK_CREATE', { prog_fd: 3, map_fd: 3 }, undefined],
    ['BPF_LINK_CREATE', { prog_fd: 3, map_fd: 4 }, ['prog_fd', 'map_fd']],
    ['BPF_PROG_ATTACH', { target_fd: 3, target_ifindex: 4 }, ['target_fd', 'target_ifindex']],
  ])('%s of %o says one thing', (cmd, attr, want) => {
    expect(attrConflict(cmd, { ...attr })).toEqual(want);
  });
});

/** `path offset size` of every member that is no struct or union, as the kernel's BTF has it. */
function leaves(btf: Btf, id: number, at = 0, path: readonly string[] = []): string[] {
  const type = btf.resolve(id);
  if (type.kind !== 'struct' && type.kind !== 'union') return [`${path.join('.')} ${at} ${btf.size(id)}`];
  return type.members.flatMap((member) => {
    const inner = member.name === '' ? path : [...path, member.name];
    return leaves(btf, member.typeId, at + member.bitOffset / 8, inner);
  });
}

describe.skipIf(absent !== undefined)("the kernel's own layout", () => {
  const btf = absent === undefined ? parseBtf(readFileSync(VMLINUX)) : undefined;
  const members = (kind: 'struct' | 'union', name: string): string[] => {
    const id = btf?.find(kind, name);
    return btf === undefined || id === undefined ? [] : leaves(btf, id);
  };

  it('of union bpf_attr: every member has a row at its place', () => {
    const rows = new Set(COMMANDS.flatMap((cmd) => attrFields(cmd).map(([name, , offset]) => `${name} ${offset}`)));
    // The commands' own structs have names in C (`link_create.tcx.relative_fd`), which the table does not repeat.
    const missing = members('union', 'bpf_attr').filter((leaf) => {
      const [path = '', offset] = leaf.split(' ');
      const names = [path, path.split('.').slice(1).join('.')];
      // prog_cnt is the old name of count.
      return !names.some((name) => rows.has(`${name} ${offset}`)) && !path.endsWith('.prog_cnt');
    });
    expect(missing).toEqual([]);
  });

  it('of union bpf_attr: no command is longer than it', () => {
    const id = btf?.find('union', 'bpf_attr');
    const size = id === undefined ? 0 : (btf?.size(id) ?? 0);
    expect(COMMANDS.filter((cmd) => attrSize(cmd) > size)).toEqual([]);
  });

  it.each<['struct' | 'union', string, Struct<StructFields>]>([
    ['struct', 'bpf_map_info', bpfMapInfo],
    ['struct', 'bpf_prog_info', bpfProgInfo],
    ['struct', 'bpf_btf_info', bpfBtfInfo],
    ['struct', 'bpf_link_info', bpfLinkInfo],
    ['struct', 'bpf_token_info', bpfTokenInfo],
    ['union', 'bpf_iter_link_info', bpfIterLinkInfo],
  ])('of %s %s', (kind, name, layout) => {
    const rows = Object.entries(layout.fields).map(([field, [, offset]]) => `${field} ${offset}`);
    const wanted = members(kind, name).map((leaf) => leaf.split(' ').slice(0, 2).join(' '));
    // `gpl_compatible` is one bit of a word that has no name.
    expect(wanted.filter((leaf) => !rows.includes(leaf) && !/^( |gpl_compatible )/.test(leaf))).toEqual([]);
  });

  it('of struct perf_event_attr: each row is a member at its place', () => {
    const wanted = members('struct', 'perf_event_attr').map((leaf) => leaf.split(' ').slice(0, 2).join(' '));
    const rows = Object.entries(PERF_EVENT_ATTR).map(([name, [, offset]]) => `${name} ${offset}`);
    expect(rows.filter((row) => !wanted.includes(row))).toEqual(['flags 40']);
  });
});
