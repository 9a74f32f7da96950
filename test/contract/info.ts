import { bpfBtfInfo, bpfMapInfo, bpfProgInfo } from '../../src/uapi/info.ts';
import { mapBtf } from './btf.ts';
import { number, outcome, possibleCpus, type Session, u32 } from './session.ts';
import type { Row } from './suite.ts';

/** The fdinfo lines of a map or program, without those that every file has. */
function fdinfo(s: Session, fd: ReturnType<Session['map']>): Record<string, string> {
  const lines = s.text(`/proc/self/fdinfo/${fd}`).trim().split('\n');
  return Object.fromEntries(
    lines.map((line) => line.split(':\t')).filter(([name = '']) => !['pos', 'flags', 'mnt_id', 'ino'].includes(name)),
  );
}

/** The parts of a map's info that do not differ from run to run. */
function mapFacts(s: Session, fd: ReturnType<Session['map']>): unknown {
  const { type, key_size, value_size, max_entries, map_flags, name, map_extra, btf_key_type_id, btf_value_type_id } =
    s.info(fd, bpfMapInfo);
  return { type, key_size, value_size, max_entries, map_flags, name, map_extra, btf_key_type_id, btf_value_type_id };
}

const HASH = {
  type: 1,
  key_size: 4,
  value_size: 8,
  max_entries: 4,
  map_flags: 0,
  name: '',
  map_extra: 0n,
  btf_key_type_id: 0,
  btf_value_type_id: 0,
};

/** BPF_OBJ_GET_INFO_BY_FD of a hash map with a struct of `length` bytes of which all past the known ones are `fill`. */
function longInfo(s: Session, length: number, fill: number): unknown {
  const info = new Uint8Array(length);
  info.fill(fill, bpfMapInfo.size);
  const attr = { bpf_fd: s.map('hash'), info_len: length, info };
  s.kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', attr);
  return attr.info_len;
}

function memlock(s: Session, fd: ReturnType<Session['map']>): number {
  return Number(fdinfo(s, fd).memlock);
}

/** Two maps of one type, and how many bytes more the second one takes. Four entries, keys of 4 and values of 8 bytes, unless said otherwise. */
// biome-ignore format: aligned table
const MEMORY: readonly (readonly [Parameters<Session['map']>[0], object, object, (cpus: number) => number])[] = [
  ['array',           {},                  { max_entries: 5 },                    () => 8],
  ['array',           {},                  { value_size: 9 },                     () => 4 * 8],
  ['array',           { map_flags: 1024 }, { map_flags: 1024, max_entries: 513 }, () => 4096],
  ['percpu_array',    {},                  { value_size: 12 },                    (cpus) => 4 * 8 * cpus],
  ['percpu_array',    {},                  { max_entries: 5 },                    (cpus) => 8 + 8 * cpus],
  ['prog_array',      {},                  { max_entries: 9 },                    () => 5 * 8],
  ['hash',            {},                  { value_size: 24 },                    (cpus) => 16 * (4 + cpus)],
  ['hash',            {},                  { key_size: 12 },                      (cpus) => 8 * (4 + cpus)],
  ['hash',            { map_flags: 1 },    { map_flags: 1, value_size: 24 },      () => 0],
  ['hash',            { map_flags: 1 },    { map_flags: 1, max_entries: 5 },      () => 4 * 16],
  ['percpu_hash',     {},                  { value_size: 12 },                    (cpus) => 4 * 8 * cpus],
  ['lru_hash',        {},                  { value_size: 24 },                    () => 4 * 16],
  ['lru_percpu_hash', {},                  { value_size: 12 },                    (cpus) => 4 * 8 * cpus],
];

export const infoRows: readonly Row[] = [
  ['a map', (s) => mapFacts(s, s.map('hash', { map_name: 'counts' })), { ...HASH, name: 'counts' }],
  [
    'flags, without those of the fd',
    (s) => mapFacts(s, s.map('hash', { map_flags: 1 | 8 })),
    { ...HASH, map_flags: 1 },
  ],
  [
    'a map with BTF',
    (s) => mapFacts(s, s.map('hash', { btf_fd: s.btf(), btf_key_type_id: 1, btf_value_type_id: 2 })),
    { ...HASH, btf_key_type_id: 1, btf_value_type_id: 2 },
  ],
  [
    'the BTF of a map lives with it',
    (s) => {
      const btf = s.btf();
      const id = s.info(btf, bpfBtfInfo).id;
      const map = s.map('hash', { btf_fd: btf, btf_key_type_id: 1, btf_value_type_id: 2 });
      s.close(btf);
      const again = s.own(s.kernel.bpf('BPF_BTF_GET_FD_BY_ID', { btf_id: id }));
      return [s.info(map, bpfMapInfo).btf_id === id, s.info(again, bpfBtfInfo).btf_size];
    },
    [true, mapBtf().length],
  ],
  ['what the kernel has nothing to say about stays', (s) => s.info(s.map('hash'), bpfMapInfo, { btf_id: 7 }).btf_id, 7],
  ['a struct that is longer, and zero', (s) => longInfo(s, 200, 0), 104],
  ['a struct that is longer, and not zero', (s) => longInfo(s, 200, 1), 'E2BIG'],
  ['a struct of more than a page', (s) => longInfo(s, 4104, 0), 'E2BIG'],
  [
    'a struct that is shorter',
    (s) => {
      const info = new Uint8Array(32).fill(0xff, 16);
      const attr = { bpf_fd: s.map('hash'), info_len: 16, info };
      s.kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', attr);
      return [attr.info_len, number(info, 12), info[16]];
    },
    [16, 8, 0xff],
  ],
  [
    'a struct that is not there',
    (s) => s.kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: s.map('hash'), info_len: 104 }),
    'EFAULT',
  ],
  ['a bad fd', (s) => s.info(999 as ReturnType<Session['map']>, bpfMapInfo), 'EBADFD'], // no kernel has handed it out

  [
    'a program',
    (s) => {
      const { type, name, gpl_compatible, xlated_prog_len, nr_map_ids, created_by_uid } = s.info(
        s.prog({ prog_name: 'nothing' }),
        bpfProgInfo,
      );
      return { type, name, gpl_compatible: gpl_compatible & 1, xlated_prog_len, nr_map_ids, created_by_uid };
    },
    { type: 3, name: 'nothing', gpl_compatible: 1, xlated_prog_len: 16, nr_map_ids: 0, created_by_uid: 0 },
  ],
  ['a program without GPL', (s) => s.info(s.prog({ license: 'MIT' }), bpfProgInfo).gpl_compatible & 1, 0],
  ['its tag', (s) => [...s.info(s.prog(), bpfProgInfo).tag], [0x59, 0xf4, 0xa9, 0x31, 0x74, 0x4d, 0xcd, 0xc6]],
  [
    'its maps',
    (s) => {
      const [a, b] = [s.map('array'), s.map('hash')];
      const prog = s.progUsing(a);
      s.kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: prog, map_fd: b });
      const map_ids = new Uint8Array(8);
      const { nr_map_ids } = s.info(prog, bpfProgInfo, { nr_map_ids: 2 }, { map_ids });
      return [nr_map_ids, number(map_ids) === s.mapId(a), number(map_ids, 4) === s.mapId(b)];
    },
    [2, true, true],
  ],
  [
    'fewer of its maps than there are',
    (s) => {
      const [a, b] = [s.map('array'), s.map('hash')];
      const prog = s.progUsing(a);
      s.kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: prog, map_fd: b });
      const map_ids = new Uint8Array(8);
      const { nr_map_ids } = s.info(prog, bpfProgInfo, { nr_map_ids: 1 }, { map_ids });
      return [nr_map_ids, number(map_ids) === s.mapId(a), number(map_ids, 4)];
    },
    [2, true, 0],
  ],
  [
    'more room than maps',
    (s) => {
      const map = s.map('array');
      const map_ids = new Uint8Array(16);
      const { nr_map_ids } = s.info(s.progUsing(map), bpfProgInfo, { nr_map_ids: 4 }, { map_ids });
      return [nr_map_ids, number(map_ids) === s.mapId(map), number(map_ids, 4)];
    },
    [1, true, 0],
  ],
  ['its maps, without room', (s) => s.info(s.progUsing(s.map('array')), bpfProgInfo, { nr_map_ids: 1 }), 'EFAULT'],
  [
    'its instructions: the map is named by its id',
    (s) => {
      const map = s.map('array');
      const prog = s.progUsing(map);
      const { xlated_prog_len } = s.info(prog, bpfProgInfo);
      const xlated_prog_insns = new Uint8Array(xlated_prog_len);
      s.info(prog, bpfProgInfo, { xlated_prog_len }, { xlated_prog_insns });
      return [xlated_prog_insns[0], (xlated_prog_insns[1] ?? 0) >> 4, number(xlated_prog_insns, 4) === s.mapId(map)];
    },
    [0x18, 1, true],
  ],
  [
    'its tags',
    (s) => {
      const prog_tags = new Uint8Array(8);
      const { nr_prog_tags } = s.info(s.prog(), bpfProgInfo, { nr_prog_tags: 1 }, { prog_tags });
      return [nr_prog_tags, prog_tags[0], prog_tags[7]];
    },
    [1, 0x59, 0xc6],
  ],
  [
    'records of a size that the kernel does not know',
    (s) => s.info(s.prog(), bpfProgInfo, { nr_func_info: 1, func_info_rec_size: 12 }),
    'EINVAL',
  ],
  [
    'the sizes of records',
    (s) => {
      const info = s.info(s.prog(), bpfProgInfo);
      return [info.func_info_rec_size, info.line_info_rec_size, info.nr_func_info, info.nr_line_info];
    },
    [8, 16, 0, 0],
  ],

  [
    'a BTF',
    (s) => {
      const size = mapBtf().length;
      const btf = new Uint8Array(size);
      const info = s.info(s.btf(), bpfBtfInfo, { btf_size: size }, { btf });
      return [info.btf_size, info.kernel_btf, info.name_len, btf.every((byte, i) => byte === mapBtf()[i])];
    },
    [mapBtf().length, 0, 0, true],
  ],
  [
    'a part of a BTF',
    (s) => {
      const btf = new Uint8Array(8);
      return [s.info(s.btf(), bpfBtfInfo, { btf_size: 4 }, { btf }).btf_size, [...btf]];
    },
    [mapBtf().length, [0x9f, 0xeb, 1, 0, 0, 0, 0, 0]],
  ],
  ['BTF: nothing', (s) => s.kernel.bpf('BPF_BTF_LOAD', {}), 'EINVAL'],
  ['BTF: no magic', (s) => loadBtf(s, (bytes) => bytes.fill(0, 0, 2)), 'EINVAL'],
  ['BTF: another version', (s) => loadBtf(s, (bytes) => bytes.fill(2, 2, 3)), 'ENOTSUPP'],
  ['BTF: flags', (s) => loadBtf(s, (bytes) => bytes.fill(1, 3, 4)), 'ENOTSUPP'],
  ['BTF: big-endian', (s) => loadBtf(s, (bytes) => bytes.subarray(0, 2).reverse()), 'EINVAL'],
  ['BTF: a kind that is not known', (s) => loadBtf(s, (bytes) => bytes.fill(31, 24 + 7, 24 + 8)), 'EINVAL'],
  ['BTF: a member of no type', (s) => loadBtf(s, (bytes) => bytes.fill(99, 24 + 32 + 16, 24 + 32 + 17)), 'EINVAL'],
  ['BTF: cut off', (s) => s.kernel.bpf('BPF_BTF_LOAD', { btf: mapBtf(), btf_size: 40 }), 'EINVAL'],
  [
    'BTF: shorter than it says',
    (s) => s.kernel.bpf('BPF_BTF_LOAD', { btf: new Uint8Array(10), btf_size: 40 }),
    'EFAULT',
  ],
  [
    'BTF: too long',
    (s) => s.kernel.bpf('BPF_BTF_LOAD', { btf: new Uint8Array(2 ** 24 + 1), btf_size: 2 ** 24 + 1 }),
    'E2BIG',
  ],
  [
    'BTF: unknown flags',
    (s) => s.kernel.bpf('BPF_BTF_LOAD', { btf: mapBtf(), btf_size: mapBtf().length, btf_flags: 1 }),
    'EINVAL',
  ],

  [
    'fdinfo of a hash',
    (s) => {
      const { memlock, map_id, ...rest } = fdinfo(s, s.map('hash'));
      return [rest, Number(memlock) > 0, Number(map_id) > 0];
    },
    [
      {
        map_type: '1',
        key_size: '4',
        value_size: '8',
        max_entries: '4',
        map_flags: '0x0',
        map_extra: '0x0',
        frozen: '0',
      },
      true,
      true,
    ],
  ],
  [
    'fdinfo of a program',
    (s) => {
      const info = fdinfo(s, s.prog());
      return [info.prog_type, info.prog_tag, info.memlock, info.run_cnt];
    },
    ['3', '59f4a931744dcdc6', '4096', '0'],
  ],
  [
    'fdinfo of a prog array says whose it is',
    (s) => {
      const array = s.map('prog_array');
      const before = fdinfo(s, array).owner_prog_type;
      s.update(array, 0, u32(s.prog()));
      return [before, fdinfo(s, array).owner_prog_type];
    },
    [undefined, '3'],
  ],
  [
    'an LRU with lists of their own has as many elements on each CPU',
    (s) => {
      const cpus = possibleCpus(s);
      const { max_entries } = s.info(s.map('lru_hash', { map_flags: 2, max_entries: 5 }), bpfMapInfo);
      return max_entries === Math.ceil(5 / cpus) * cpus;
    },
    true,
  ],
  ["the kernel's own types", (s) => kernelTypes(s), ['vmlinux\0', 7, 1, true]],
  ["the kernel's own types: no room for the name", (s) => kernelTypes(s, 4), 'ENOSPC'],
  ["the kernel's own types: a name without a buffer", (s) => s.info(vmlinux(s), bpfBtfInfo, { name_len: 8 }), 'EINVAL'],
  [
    "the kernel's own types are a file",
    (s) => {
      const fd = s.own(s.kernel.open('/sys/kernel/btf/vmlinux', 0));
      const [file, btf] = [new Uint8Array(24), new Uint8Array(24)];
      s.info(vmlinux(s), bpfBtfInfo, { btf_size: 24 }, { btf });
      return s.kernel.read(fd, file) === 24 && file.every((byte, i) => byte === btf[i]);
    },
    true,
  ],
  [
    "the kernel's own types are not for maps",
    (s) => s.map('hash', { btf_fd: vmlinux(s), btf_key_type_id: 1, btf_value_type_id: 1 }),
    'EACCES',
  ],
  [
    "a user's types have no name",
    (s) => {
      const { name_len, kernel_btf } = s.info(s.btf(), bpfBtfInfo);
      return [name_len, kernel_btf];
    },
    [0, 0],
  ],
  // The sizes of the kernel's own structs differ from build to build; what a larger map takes more does not.
  ...MEMORY.map(
    ([type, small, large, more]): Row => [
      `memlock of ${type} ${JSON.stringify(large)}`,
      (s) => memlock(s, s.map(type, large)) - memlock(s, s.map(type, small)) - more(possibleCpus(s)),
      0,
    ],
  ),
  [
    'a link id after the last',
    (s) => outcome(() => s.kernel.bpf('BPF_LINK_GET_NEXT_ID', { start_id: 2 ** 31 - 2 })),
    'ENOENT',
  ],
];

/** The BTF object with the first id: that of the kernel itself. */
function vmlinux(s: Session): ReturnType<Session['map']> {
  const next = { start_id: 0, next_id: 0 };
  s.kernel.bpf('BPF_BTF_GET_NEXT_ID', next);
  return s.own(s.kernel.bpf('BPF_BTF_GET_FD_BY_ID', { btf_id: next.next_id }));
}

/** Its name, the length of that, whether it is the kernel's, and whether it has a size. */
function kernelTypes(s: Session, name_len = 8): unknown {
  const name = new Uint8Array(name_len);
  const info = s.info(vmlinux(s), bpfBtfInfo, { name_len }, { name });
  return [new TextDecoder().decode(name), info.name_len, info.kernel_btf, info.btf_size > 0];
}

function loadBtf(s: Session, spoil: (bytes: Uint8Array) => unknown): unknown {
  const btf = mapBtf();
  spoil(btf);
  return s.own(s.kernel.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length }));
}
