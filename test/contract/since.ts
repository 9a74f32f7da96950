import { isAtLeast, running, type Version } from '../support/since.ts';

type Change = readonly [names: RegExp, since: Version, what: string];

/**
 * What Linux answers as the rows say only from a version on, and what it has been since then. Older kernels skip these rows. Versions are those that first
 * had it; stable series were given some of it later.
 */
// biome-ignore format: aligned table
const CHANGES: readonly Change[] = [
  [/^tcx programs and links: /,                              '6.6',  'tcx'],
  [/^tracepoints and perf events: .*info/,                  '6.18', 'what links of probes say'],
  [/^tracepoints and perf events: raw/,                      '6.10', 'cookies of raw tracepoints'],
  [/^tracepoints and perf events: link/,                     '5.15', 'links of perf events'],
  [/^types of programs: cgroup_sock_addr: attach types$/,    '6.7',  'programs for addresses of Unix sockets'],
  [/^types of programs: (netfilter|syscall)/,                '6.4',  'the type'],
  [/^types of programs: .*: (not )?sleepable$/,              '6.18', 'the sentence of the verifier'],
  [/^types of programs: sk_reuseport/,                       '5.14', 'programs that say where a socket goes'],
  [/^BPF_MAP_CREATE: array: more than there is memory$/,     '5.11', 'maps are charged to cgroups, not to a limit of locked memory'],
  [/^BPF_MAP_CREATE: \w+: value of 32 KiB \+ 1$/,            '6.1',  'the size of per-CPU values is checked first'],
  [/^elements: .*(hash: lookup and delete|lru_hash: take)/,  '5.14', 'hash maps have BPF_MAP_LOOKUP_AND_DELETE_ELEM'],
  [/^elements: prog_array: programs for two attach types$/,  '6.1',  'a prog array is of one expected_attach_type'],
  [/freeze: (twice|a read-only fd)$/,                        '6.4',  'freezing needs an fd that may write'],
  [/^info: what the kernel has nothing to say about stays$/, '6.18', 'the info struct is only written where there is something to say'],
  [/^info: a struct that is longer, and zero$/,              '6.18', 'the hash of a map is in its info struct'],
  [/^info: its tags?$/,                                      '6.18', 'tags are made with SHA-256'],
  [/^info: fdinfo of a hash$/,                               '5.16', 'map_extra is in fdinfo'],
  [/^info: fdinfo of a program$/,                            '6.18', 'tags are made with SHA-256'],
  [/^info: .*types/,                                         '5.11', "the kernel's types are a BTF object"],
  [/^iterators: info of a program$/,                         '5.18', 'programs say what they were made for'],
  [/^iterators: links$/,                                     '5.19', 'iterators over links'],
  [/^iterators: /,                                           '5.11', 'iterators over programs'],
  [/^info: memlock of /,                                     '6.4',  'maps say what they use, not what they were charged'],
  [/^bpffs: mount: a bpffs on a bpffs$/,                     '5.17', 'bpffs shows the source that it was mounted from'],
  [/^rtnetlink: (ingress in its place|another protocol in one priority)$/, '6.18', 'the sentence of the kernel'],
  [/^other types of maps: bloom_filter/,                     '5.16', 'bloom filters'],
  [/^other types of maps: user_ringbuf/,                     '6.1',  'user ring buffers'],
  [/^other types of maps: lpm_trie: a batch$/,               '6.1',  'tries are read in batches'],
  [/^other types of maps: lpm_trie: (NO)?EXIST /,            '6.13', 'tries look at BPF_EXIST and BPF_NOEXIST'],
  [/^map programs: (queues|blooms)$/,                        '6.4',  'helpers for maps return 64 bits: a negative answer is one'],
  [/^map programs: rings$/,                                  '6.12', 'the verifier sees that a record that was tested is given back; 6.1 does not'],
  [/^map programs: tries$/,                                  '6.13', 'tries look at BPF_NOEXIST'],
  [/^xdp: generic: (a program on the way out|to another CPU)/, '6.1', 'generic XDP looks at the programs of maps, and goes to other CPUs'],
  [/^xdp: .*: to all devices/,                               '5.14', 'bpf_redirect_map goes to all devices of a map'],
  [/^mirred: (without a device|to a device and a block|a filter that binds to one that is not there)$/, '6.8', 'mirred sends to blocks'],
  [/^modes and owners: mount -o .*delegate/,                 '6.9',  'what a mount delegates'],
  [/^modes and owners: (mount -o .*[ug]id|a directory with S_ISGID|the sticky root: its owner)/, '6.8', 'a mount has an owner'],
  [/^actions: (that is for no|one that keeps off hardware)/, '6.1',  'actions have flags for hardware and software'],
];

/** What Linux answers otherwise from a version on: the first that was seen to. */
// biome-ignore format: aligned table
const LATER: readonly Change[] = [
  [/^other types of maps: cpumap: a program (that is none|of another kind)$/, '7.3', 'ENOMEM for whatever is wrong with the program'],
  [/^map programs: blooms$/,                                                  '7.3', 'a value on the stack may be looked for in a bloom filter: since then the verifier takes it for written, not read'],
];

/** Why the running kernel, or one of this version, is not asked; `undefined` if it is. */
export function notAsked(name: string, version: Version = running): string | undefined {
  const [, since, what] = CHANGES.find(([names, from]) => names.test(name) && !isAtLeast(version, from)) ?? [];
  if (since !== undefined) return `Linux >= ${since}: ${what}`;
  const [, until, earlier] = LATER.find(([names, from]) => names.test(name) && isAtLeast(version, from)) ?? [];
  return until === undefined ? undefined : `Linux < ${until}: ${earlier}`;
}
