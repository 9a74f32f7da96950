import { parseBtf } from '../../src/btf/index.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { attachTypeNumber, linkTypeNumber, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfLinkInfo, bpfProgInfo } from '../../src/uapi/info.ts';
import { outcome, type Session } from './session.ts';
import type { Row } from './suite.ts';

const BPF_FUNC_seq_write = 127;

/** One instruction. */
function insn(opcode: number, dst: number, src: number, off: number, imm: number): number[] {
  return [opcode, (src << 4) | dst, off & 0xff, (off >> 8) & 0xff, ...new Uint8Array(Int32Array.of(imm).buffer)];
}

/** The types of the kernel in use. */
function types(s: Session): ReturnType<typeof parseBtf> {
  const fd = s.own(s.kernel.open('/sys/kernel/btf/vmlinux', 0));
  const bytes = new Uint8Array(1 << 26);
  let length = 0;
  for (let n = 1; n > 0; length += n) n = s.kernel.read(fd, bytes.subarray(length));
  s.close(fd);
  return parseBtf(bytes.subarray(0, length));
}

/** Offset in bytes of a member of a struct of the kernel in use. */
function offset(btf: ReturnType<typeof parseBtf>, struct: string, member: string): number {
  const type = btf.type(btf.find('struct', struct) ?? 0);
  const found = type.kind === 'struct' ? type.members.find(({ name }) => name === member) : undefined;
  if (found === undefined) throw new Error(`no ${struct}.${member}`);
  return found.bitOffset / 8;
}

/** A program for objects of this kind that writes the id of each, which lies behind these members; -1 behind the last of them. */
function writer(
  s: Session,
  target: string,
  way: readonly (readonly [string, string])[],
  attr: BpfAttr<'BPF_PROG_LOAD'> = {},
): Fd {
  const btf = types(s);
  const path = way.flatMap(([struct, member], i) => {
    const load = i === way.length - 1 ? 0x61 : 0x79;
    return insn(load, 7, 7, offset(btf, struct, member), 0);
  });
  // The context: meta, then the object. seq is the first member of meta.
  const code = [
    ...insn(0x79, 6, 1, 0, 0),
    ...insn(0x79, 6, 6, 0, 0),
    ...insn(0x79, 7, 1, 8, 0),
    ...insn(0x55, 7, 0, 2, 0),
    ...insn(0xb7, 7, 0, 0, -1),
    ...insn(0x05, 0, 0, way.length, 0),
    ...path,
    ...insn(0x63, 10, 7, -4, 0),
    ...insn(0xbf, 1, 6, 0, 0),
    ...insn(0xbf, 2, 10, 0, 0),
    ...insn(0x07, 2, 0, 0, -4),
    ...insn(0xb7, 3, 0, 0, 4),
    ...insn(0x85, 0, 0, 0, BPF_FUNC_seq_write),
    ...insn(0xb7, 0, 0, 0, 0),
    ...insn(0x95, 0, 0, 0, 0),
  ];
  return s.prog({
    prog_type: progTypeNumber.tracing,
    expected_attach_type: attachTypeNumber.trace_iter,
    attach_btf_id: btf.find('func', `bpf_iter_${target}`) ?? 0,
    insns: Uint8Array.from(code),
    insn_cnt: code.length / 8,
    ...attr,
  });
}

const MAPS = ['bpf_map', [['bpf_map', 'id']]] as const;
const PROGS = [
  'bpf_prog',
  [
    ['bpf_prog', 'aux'],
    ['bpf_prog_aux', 'id'],
  ],
] as const;
const LINKS = ['bpf_link', [['bpf_link', 'id']]] as const;

function link(s: Session, prog_fd: Fd, attr: BpfAttr<'BPF_LINK_CREATE'> = {}): Fd {
  return s.own(s.kernel.bpf('BPF_LINK_CREATE', { prog_fd, attach_type: attachTypeNumber.trace_iter, ...attr }));
}

/** All that is read from an fd, `size` bytes at a time, as signed words. */
function words(s: Session, fd: Fd, size = 4096): number[] {
  const buffer = new Uint8Array(size);
  const all: number[] = [];
  for (let n = s.kernel.read(fd, buffer); n > 0; n = s.kernel.read(fd, buffer)) all.push(...buffer.subarray(0, n));
  return [...new Int32Array(Uint8Array.from(all).buffer)];
}

function read(s: Session, link_fd: Fd, size?: number): number[] {
  return words(s, s.own(s.kernel.bpf('BPF_ITER_CREATE', { link_fd })), size);
}

/** Whether ids that were read grow, have this one among them, and end with -1. */
function sound(ids: readonly number[], id: number): readonly boolean[] {
  const grow = ids.slice(0, -1).every((n, i) => i === 0 || n > (ids[i - 1] ?? 0));
  return [grow, ids.includes(id), ids.at(-1) === -1];
}

/** Loads a program of one instruction pair for a hook. */
function load(s: Session, attach_btf_id: number, expected_attach_type: number = attachTypeNumber.trace_iter): unknown {
  return s.prog({ prog_type: progTypeNumber.tracing, expected_attach_type, attach_btf_id });
}

export const iteratorRows: readonly Row[] = [
  [
    'maps',
    (s) => {
      const id = s.mapId(s.map('hash'));
      return sound(read(s, link(s, writer(s, ...MAPS))), id);
    },
    [true, true, true],
  ],
  [
    'programs',
    (s) => {
      const prog = writer(s, ...PROGS);
      return sound(read(s, link(s, prog)), s.progId(prog));
    },
    [true, true, true],
  ],
  [
    'links',
    (s) => {
      const fd = link(s, writer(s, ...LINKS));
      return sound(read(s, fd), s.info(fd, bpfLinkInfo).id);
    },
    [true, true, true],
  ],
  [
    'a few bytes at a time',
    (s) => {
      const id = s.mapId(s.map('hash'));
      const fd = link(s, writer(s, ...MAPS));
      return sound(read(s, fd, 3), id);
    },
    [true, true, true],
  ],
  [
    'an iterator begins anew',
    (s) => {
      const fd = link(s, writer(s, ...MAPS));
      s.map('hash');
      const first = read(s, fd);
      return [first.length > 1, read(s, fd).length - first.length];
    },
    [true, 0],
  ],
  [
    'what was read to the end stays at its end',
    (s) => {
      const fd = s.own(s.kernel.bpf('BPF_ITER_CREATE', { link_fd: link(s, writer(s, ...MAPS)) }));
      words(s, fd);
      return words(s, fd).length;
    },
    0,
  ],
  [
    'a pin is read',
    (s) => {
      const id = s.mapId(s.map('hash'));
      s.pin(link(s, writer(s, ...MAPS)), '/sys/fs/bpf/iter');
      const fd = s.own(s.kernel.open('/sys/fs/bpf/iter', 0));
      s.kernel.unlink('/sys/fs/bpf/iter');
      return sound(words(s, fd), id);
    },
    [true, true, true],
  ],
  [
    'info of a link',
    (s) => {
      const target_name = new Uint8Array(16);
      const given = { 'iter.target_name_len': 16 };
      const info = s.info(link(s, writer(s, ...MAPS)), bpfLinkInfo, given, { 'iter.target_name': target_name });
      return [info.type, new TextDecoder().decode(target_name.subarray(0, 8))];
    },
    [linkTypeNumber.iter, 'bpf_map\0'],
  ],
  [
    'info of a program',
    (s) => {
      const { attach_btf_obj_id, attach_btf_id } = s.info(writer(s, ...MAPS), bpfProgInfo);
      return [attach_btf_obj_id, attach_btf_id === types(s).find('func', 'bpf_iter_bpf_map')];
    },
    [1, true],
  ],
  ['no type', (s) => load(s, 0), 'EINVAL'],
  ['a type that is no function', (s) => load(s, 1), 'EINVAL'],
  ['a type that is not there', (s) => load(s, 2 ** 31 - 2), 'EINVAL'],
  ['a program of another type is made for nothing', (s) => s.prog({ attach_btf_id: 1 }), 'EINVAL'],
  ['without the GPL', (s) => writer(s, ...MAPS, { license: 'MIT' }), 'EINVAL'],
  ['a link with flags', (s) => link(s, writer(s, ...MAPS), { flags: 1 }), 'EINVAL'],
  ['a link with a target', (s) => link(s, writer(s, ...MAPS), { target_fd: 1 }), 'EINVAL'],
  ['a link of another program', (s) => link(s, s.prog()), 'EINVAL'],
  ['a link of no program', (s) => link(s, s.map('hash')), 'EINVAL'],
  ['info without bytes', (s) => link(s, writer(s, ...MAPS), { iter_info_len: 4 }), 'EINVAL'],
  [
    'an iterator with flags',
    (s) => s.kernel.bpf('BPF_ITER_CREATE', { link_fd: link(s, writer(s, ...MAPS)), flags: 1 }),
    'EINVAL',
  ],
  ['an iterator of no link', (s) => s.kernel.bpf('BPF_ITER_CREATE', { link_fd: s.map('hash') }), 'EINVAL'],
  ['an iterator of no fd', (s) => s.kernel.bpf('BPF_ITER_CREATE', { link_fd: 999 }), 'EBADF'],
  ['detaching', (s) => s.kernel.bpf('BPF_LINK_DETACH', { link_fd: link(s, writer(s, ...MAPS)) }), 'EOPNOTSUPP'],
  [
    'another program in its place',
    (s) => {
      const [link_fd, old_prog_fd] = [link(s, writer(s, ...MAPS)), s.prog()];
      const update = (new_prog_fd: Fd, more = {}) =>
        outcome(() => s.kernel.bpf('BPF_LINK_UPDATE', { link_fd, new_prog_fd, ...more }));
      return [
        update(writer(s, ...MAPS)),
        update(writer(s, ...PROGS)),
        update(writer(s, ...MAPS), { old_prog_fd, flags: 4 }),
      ];
    },
    ['ok', 'EINVAL', 'EPERM'],
  ],
];
