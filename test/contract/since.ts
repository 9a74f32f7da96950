import { existsSync, readFileSync } from 'node:fs';
import type { TestContext } from 'vitest';
import { isAtLeast, running, type Version } from '../support/since.ts';

type Change = readonly [names: RegExp, since: Version, what: string];

/**
 * What Linux answers as the rows say only from a version on, and what it has been since then. Older kernels skip these rows. Versions are those that first
 * had it; stable series were given some of it later.
 */
// biome-ignore format: aligned table
const CHANGES: readonly Change[] = [
  [/^tcx programs and links: /,                              '6.6',  'tcx'],
  [/^programs that are safe, and those that are not: /,      '6.18', 'the sentences of the verifier'],
  [/^where programs may be attached: /,                      '6.13', 'links of socket maps, and where a program may be attached is asked first'],
  [/^tracepoints and perf events: .*info/,                  '6.18', 'what links of probes say'],
  [/^tracepoints and perf events: raw/,                      '6.10', 'cookies of raw tracepoints'],
  [/^tracepoints and perf events: link/,                     '5.15', 'links of perf events'],
  [/^variables of the kernel: /,                             '6.18', 'not tried before'],
  [/^options of TCP headers: /,                              '6.18', 'not tried before'],
  [/^functions, lines and relocations of a program: /,       '6.18', 'the sentences of the verifier'],
  [/^instructions that are none: /,                          '6.18', 'the sentences of the verifier'],
  [/^programs as they are shown: /,                          '6.18', 'what does nothing is left out'],
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
  [/^programs in the place of functions: (moves|one in a place)/, '6.13', 'what a program does to packets, and prog arrays, are looked at'],
  [/^map programs: (queues|blooms)$/,                        '6.4',  'helpers for maps return 64 bits: a negative answer is one'],
  [/^map programs: rings$/,                                  '6.12', 'the verifier sees that a record that was tested is given back; 6.1 does not'],
  [/^map programs: tries$/,                                  '6.13', 'tries look at BPF_NOEXIST'],
  [/^types of programs: lwt_seg6local: test run$/,           '6.1',  'no test runs, since 6.11; 6.1 was given it'],
  [/^types of programs: flow[_ ]dissector: (test run|a page|flags)$/, '6.1', 'a test run returns what the program does'],
  [/^types of programs: socket lookup: a device$/,           '5.17', 'programs see the device'],
  [/^other types of maps: \w+_of_maps: a batch shows /,      '5.19', 'maps of maps are read in batches'],
  [/^fields that the kernel keeps: (a timer( and a work queue)?|lru_hash: a timer is not shown)$/, '5.15', 'timers'],
  [/^fields that the kernel keeps: (no field|a typedef of a lock|a const lock|an array of locks|two timers|a timer at an odd place|a node of a list)$/,
                                                             '5.16', 'bloom filters'],
  [/^fields that the kernel keeps: a kptr to /,              '5.17', 'type tags'],
  [/^fields that the kernel keeps: hash: taken /,            '5.14', 'hash maps have BPF_MAP_LOOKUP_AND_DELETE_ELEM'],
  [/^values of objects, and stacks: task_storage(: (CLONE|the largest value|a value beyond|of .*|batches))?$/, '5.11', 'values of tasks'],
  [/^fields that the kernel keeps: (a lock( in a struct| at an odd place| of 8 bytes| and a timer)?|two locks|\w+: a lock, (WRONLY_PROG|frozen))$/,
                                                             '6.2',  'locks are looked at when the map is made; earlier only programs notice what is wrong with them'],
  [/^functions, lines and relocations of a program: /,       '6.18', 'what is wrong with them as it is said since then'],
  [/^where programs may be attached: /,                      '6.18', 'types of hooks as they are since then'],
  [/^bpffs: the lists of the kernel itself$/,                '6.18', 'lists that CONFIG_BPF_PRELOAD puts there'],
  [/^netfilter: /,                                           '6.18', 'answers as they are since then'],
  [/^elements of maps: /,                                    '6.12', 'answers as they are since then'],
  [/^programs on functions: /,                               '6.12', 'the functions that test runs call'],
  [/^(functions of the kernel|structs of the kernel|objects of programs): /,       '6.18', 'the functions'],
  [/^(more functions of the kernel|XDP frames in fragments): /, '6.18', 'the functions'],
  [/^(helpers about the system|SYN cookies|bytes of packets in events|hooks of LSM for cgroups): /, '6.18', 'not tried before'],
  [/^fields that the kernel keeps: a list of nothing$/,      '6.2',  'lists'],
  [/^fields that the kernel keeps: a tree of nothing$/,      '6.3',  'trees'],
  [/^fields that the kernel keeps: a refcount$/,             '6.4',  'refcounts'],
  [/^fields that the kernel keeps: (an? (untrusted )?kptr( at an odd place)?|\w+: a kptr is not shown, and not written|1[12] kptrs|\w+: kptrs of each CPU .*)$/,
                                                             '6.4',  'kptrs to types of the program'],
  [/^fields that the kernel keeps: a per-CPU kptr$/,         '6.7',  'per-CPU kptrs'],
  [/^fields that the kernel keeps: a work queue$/,           '6.10', 'work queues'],
  [/^fields that the kernel keeps: a pointer to memory of user space$/, '6.13', 'pointers to memory of user space'],
  [/^fields that the kernel keeps: (a resilient lock|both locks)$/, '6.15', 'resilient locks'],
  [/^values of objects, and stacks: \w+: memlock$/,          '6.18', 'the structs of the kernel are that large'],
  [/^values of objects, and stacks: stack_trace: an empty one$/, '6.18', 'stacks have BPF_MAP_LOOKUP_AND_DELETE_ELEM'],
  [/^inet requests: (lo stays|moving to a name that is taken|with an index that is taken)$/, '6.12', 'the sentence of the kernel; it is of 6.15'],
  [/^inet requests: .*(the address again|an address (without|with a prefix|on a device|that is not there))/,
                                                             '6.6',  'sentences for addresses'],
  [/^inet requests: deleting a device takes the peer along$/, '5.13', 'a device is moved to an index that is asked for, or not at all'],
  [/^inet requests: (a device that is down has no route|the routes of its addresses)$/, '5.14', 'the lowest address of a network is like others'],
  [/^routing helpers: bpf_fib_lookup: without looking for it$/, '6.1', 'neighbours are not looked for, since 6.3; 6.1 was given it'],
  [/^routing helpers: bpf_fib_lookup: a table that is /,     '6.1',  'tables have names, since 6.5; 6.1 was given it'],
  [/^routing helpers: bpf_fib_lookup: .*with the source address$/, '6.1', 'the source address, since 6.7; 6.1 was given it'],
  [/^routing helpers: bpf_fib_lookup.*: (a neighbour that is known|by a gateway|back where it came from|one that does not|on the way out$|the main table alone$|a length that does not fit)/,
                                                             '5.12', 'bpf_fib_lookup says the MTU'],
  [/^routing helpers: redirect: a device that is moved /,    '6.6',  'tcx'],
  [/^routing helpers: redirect: cookies /,                   '6.15', 'bpf_get_netns_cookie in filters'],
  [/^(more functions of the kernel|helpers about the system): /, '6.18', 'functions and helpers as they are since then'],
  [/^helpers: /,                                             '6.18', 'helpers, formats and answers as they are since then'],
  [/^what is in values: /,                                   '6.18', 'timers, and what updates do to them, as they are since then'],
  [/^xdp: generic: (a program on the way out|to another CPU)/, '6.1', 'generic XDP looks at the programs of maps, and goes to other CPUs'],
  [/^xdp: .*: to all devices/,                               '5.14', 'bpf_redirect_map goes to all devices of a map'],
  [/^mirred: (without a device|to a device and a block|a filter that binds to one that is not there)$/, '6.8', 'mirred sends to blocks'],
  [/^modes and owners: mount -o .*delegate/,                 '6.9',  'what a mount delegates'],
  [/^modes and owners: (mount -o .*[ug]id|a directory with S_ISGID|the sticky root: its owner)/, '6.8', 'a mount has an owner'],
  [/^modes and owners: (what a user makes is theirs|a directory that others may not (write to|search)|get: .*|the sticky root: who may take away what)$/,
                                                             '5.19', 'users without rights pin and get, also where they may load nothing'],
  [/^values of objects, and stacks: cgrp_storage/,           '6.2',  'values of cgroups'],
  [/^maps of XDP sockets: memlock$/,                         '6.18', 'the structs of the kernel are that large'],
  [/^mirred: (with a verdict that there is not|that goes to a chain, of no filter|refused ones leave nothing|a filter with one of its own|the filters go|the devices go, the actions stay)$/,
                                                             '6.1',  'an action that is refused leaves nothing behind'],
  [/^mirred: for no software$/,                              '6.1',  'actions have flags for hardware and software'],
  [/^actions: (that is for no|one that keeps off hardware)/, '6.1',  'actions have flags for hardware and software'],  [/^arenas: (?!start with|are not for|that are zeros|the whole of it|nothing is left)/, '6.18', 'pages as they are handed out since then'],
];

/** What Linux answers otherwise from a version on: the first that was seen to. */
// biome-ignore format: aligned table
const LATER: readonly Change[] = [
  [/^other types of maps: cpumap: a program (that is none|of another kind)$/, '7.3', 'ENOMEM for whatever is wrong with the program'],
  [/^map programs: blooms$/,                                                  '7.3', 'a value on the stack may be looked for in a bloom filter: since then the verifier takes it for written, not read'],
  [/^types of programs: (raw_)?tracepoint: sleepable$/,                       '7.3', 'programs of tracepoints cannot sleep'],
  [/^types of programs: (?!kprobe|syscall).*: sleepable$/,                    '7.3', 'the sentence of the verifier'],
  [/^values of objects, and stacks: (\w+_storage: of nothing|(sk|task)_storage: of .*)$/, '7.3', 'the flag 8 is none, and the fd is looked at first; now it is BPF_F_CPU, which these maps do not have'],
  [/^programs that are safe, and those that are not: /,                       '7.3', 'the log is another'],
  [/^programs as they are shown: /,                                           '7.3', 'more is left out'],
  [/^functions, lines and relocations of a program: relocations: without other records$/, '7.3', 'nothing is done for them'],
  [/^where programs may be attached: sched_cls/,                              '7.3', 'what was loaded for tcx is attached to netkit'],
  [/^bpffs: the lists of the kernel itself$/,                                 '7.3', 'seen on kernels with CONFIG_BPF_PRELOAD alone'],
  [/^objects of programs: workqueues$/,                                       '7.3', 'bpf_wq_set_callback_impl has other arguments'],
  [/^maps of XDP sockets: memlock$/,                                          '7.3', 'the structs of the kernel are that large'],
  [/^values of cgroups: \w+: memlock$/,                                       '7.3', 'the structs of the kernel are that large'],
  [/^values of cgroups: percpu_cgroup_storage: user space writes$/,           '7.3', 'a flag says for which CPU, which was none'],
  [/^values of objects, and stacks: \w+_storage: memlock$/,                   '7.3', 'the structs of the kernel are that large'],
  [/^instructions that are none: /,                                           '7.3', 'instructions are looked at when a path comes to them; now all are before'],
  [/^what programs ask of sockets: option SO_RCVLOWAT, tcp$/,                 '7.3', 'a negative number is the largest; now it is what there is room for'],
];

/**
 * What needs memory that Linux hands out without locks, from the version on in which that was seen: where the processor has no CMPXCHG16B (an emulated one, say)
 * there is none, and the answer is ENOMEM.
 */
// biome-ignore format: aligned table
const LOCKLESS: readonly Change[] = [
  [/^values of objects, and stacks: inode_storage: of /,                      '7.3', 'values of inodes'],
  [/^values of sockets: (a value that|and what it begins|deleted|of a socket that is closed)/, '7.3', 'values of sockets'],
  [/^values of cgroups: cgrp_storage: /,                                      '7.3', 'values of cgroups'],
  [/^values of objects, and stacks: cgrp_storage: of a (map|directory)$/,     '7.3', 'values of cgroups'],
  [/^objects of programs: in_maps$/,                                          '7.3', 'objects'],
  [/^helpers: values of tasks$/,                                              '7.3', 'values of tasks'],
  [/^structs of the kernel: (tasks|cgroups)$/,                                '7.3', 'values of tasks and cgroups'],
  [/^what is in values: (timers|fires|in_)/,                                            '7.3', 'timers'],
];

const CPUS = '/proc/cpuinfo';
/** Where /proc does not say what the processor has, it is taken to have it. */
export const hasCmpxchg16b = !existsSync(CPUS) || !/^flags\s*:(?!.*\bcx16\b)/m.test(readFileSync(CPUS, 'utf8'));

/** Why the running kernel, or one of this version, is not asked; `undefined` if it is. */
export function notAsked(name: string, version: Version = running): string | undefined {
  const [, since, what] = CHANGES.find(([names, from]) => names.test(name) && !isAtLeast(version, from)) ?? [];
  if (since !== undefined) return `Linux >= ${since}: ${what}`;
  const from = (changes: readonly Change[]) =>
    changes.find(([names, from]) => names.test(name) && isAtLeast(version, from)) ?? [];
  const [, until, earlier] = from(LATER);
  if (until !== undefined) return `Linux < ${until}: ${earlier}`;
  const [, lockless, needing] = hasCmpxchg16b ? [] : from(LOCKLESS);
  return lockless === undefined ? undefined : `Linux < ${lockless}, or a processor with CMPXCHG16B: ${needing}`;
}

/** Before each test of a group: skips it, and says why, where the running kernel is not asked. */
export function skipNotAsked(group: string): (context: TestContext) => void {
  return (context) => {
    const reason = notAsked(`${group}: ${context.task.name}`);
    if (reason !== undefined) context.skip(reason);
  };
}
