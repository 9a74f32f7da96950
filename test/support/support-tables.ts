import { allowedHelpers } from '../../src/engine/embedded/helpers/allowed.ts';
import { HELPER_BY_NAME } from '../../src/engine/embedded/helpers/table.ts';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { PROG_TYPE_BY_NUMBER } from '../../src/engine/embedded/progs/table.ts';
import { isLinkPlace } from '../../src/engine/embedded/syscall/link.ts';
import { isAttachPlace } from '../../src/engine/embedded/syscall/prog-attach.ts';
import { KFUNCS } from '../../src/engine/embedded/verifier/kfunc-table.ts';
import { SysError } from '../../src/errors.ts';
import { encodeInsns, INSN_SIZE, parseAssembly } from '../../src/isa/index.ts';
import { probeFeatures } from '../../src/loader/features.ts';
import { kernelBtf } from '../../src/loader/kernel-btf.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { BPF_COMMANDS, type BpfCmd } from '../../src/uapi/attr.ts';
import {
  ATTACH_TYPES,
  type AttachType,
  attachTypeNumber,
  type MapType,
  mapTypeNumber,
  type ProgType,
  progTypeNumber,
} from '../../src/uapi/bpf.ts';
import { type FeatureKind, sinceByName } from './since.ts';

/**
 * The tables of docs/support.md, in Markdown: since which Linux there is a thing, and whether the embedded kernel has it, as it says itself when
 * it is asked.
 */
export function supportTables(): string {
  const { kernel } = createEmbeddedKernel();
  const { mapTypes, programTypes } = probeFeatures(kernel);
  const has = (kind: Readonly<Record<string, boolean | undefined>>) => (name: string) => (kind[name] ? 'yes' : '');
  return [
    ...table('Map types', 'map', has(mapTypes)),
    ...table('Program types', 'prog', has(programTypes)),
    ...table('Attach types', 'attach', (name) => attaching(kernel, name)),
    ...table('Links', 'link', (name) => (hasLink(kernel, name) ? 'yes' : '')),
    ...table('Commands of bpf(2)', 'command', (name) => (hasCommand(kernel, name) ? 'yes' : '')),
    ...table('Helpers', 'helper', callers),
    ...kfuncTable(kernel),
  ].join('\n');
}

/** Why the embedded kernel lacks a thing, for those that are not merely to come; the first that fits. */
const WHY: readonly (readonly [RegExp, string])[] = [
  [/lirc|^rc_/, 'it has no infrared receivers'],
  [/^lwt_/, 'no program runs on its routes'],
  [/netkit/, 'it has no netkit devices'],
  [/BPF_TOKEN_CREATE/, 'it has no users: every process may do everything'],
  [/^sk_reuseport_select/, 'as on Linux: `SO_ATTACH_REUSEPORT_EBPF` attaches them (`lab.socket`)'],
  [
    /(kprobe|uprobe)_(multi|session)|^(perf_event_read|perf_prog_read|read_branch|override_return)/,
    'it has no code to trace but what the lab names',
  ],
  [/^(skc_to_|d_path|sock_from_file|inode_storage_(get|delete))/, 'its own types have not what it is for'],
  [/^task_pt_regs$/, 'its processes have no registers'],
  [/^probe_write_user$/, 'it has no memory of processes'],
  [/^ima_|^bprm_/, 'nothing is measured or started here'],
];

/** One that makes links of the type, where it is not named as the link is. */
const LINK_ATTACH_TYPE: Readonly<Record<string, string>> = {
  tcx: 'tcx_ingress',
  netkit: 'netkit_primary',
  cgroup: 'cgroup_inet_ingress',
  netns: 'sk_lookup',
  iter: 'trace_iter',
  tracing: 'trace_fentry',
  kprobe_multi: 'trace_kprobe_multi',
  uprobe_multi: 'trace_uprobe_multi',
  sockmap: 'sk_skb_verdict',
};

function table(title: string, kind: FeatureKind, embedded: (name: string) => string): string[] {
  const rows = [...sinceByName(kind)].map(([name, since]) => {
    const here = embedded(name);
    const why = here === '' ? (WHY.find(([names]) => names.test(name))?.[1] ?? 'not yet') : '';
    return `| ${name} | ${since} | ${here || 'no'} | ${why} |`;
  });
  return [`### ${title}`, '', '| | Linux since | embedded | why not |', '| --- | --- | --- | --- |', ...rows, ''];
}

/** Functions that the verifier knows of Linux 6.18, and whether the embedded kernel's types have them. */
function kfuncTable(kernel: Kernel): string[] {
  const types = kernelBtf(kernel);
  const rows = [...KFUNCS.keys()].map((name) => {
    const why = WHY_NO_KFUNC.find(([names]) => names.test(name))?.[1] ?? 'not yet';
    return types.find('func', name) === undefined ? `| ${name} | no | ${why} |` : `| ${name} | yes |  |`;
  });
  return ['### Functions of the kernel (kfuncs)', '', '| | embedded | why not |', '| --- | --- | --- |', ...rows, ''];
}

const WHY_NO_KFUNC: readonly (readonly [RegExp, string])[] = [
  [/_ct_/, 'it has no connection tracking'],
  [/^bpf_(lookup_\w+_key|key_put|verify_pkcs7|crypto_)/, 'it has no keys and no ciphers'],
  [/kmem_cache|dmabuf|_vma_|user_task/, 'it has no memory of processes'],
  [/xattr|_file$|d_path/, 'it has no files that processes open'],
  [/^cubictcp_/, 'its `cubic` is a name alone'],
  [/^(dctcp|bbr)_/, 'it has no DCTCP and no BBR'],
  [/^bpf_task_work_/, 'no task of its own comes back to user space'],
  [/xfrm_state/, 'it has no IPsec'],
  [/^bpf_kfunc_call_/, "what it takes is of Linux's own tests"],
  [/^bpf_xdp_metadata/, 'it has no devices with such hints'],
  [/^crash_kexec$/, 'it has nothing to boot'],
  [/^css_|_css_/, 'it has no controllers of cgroups'],
  [/^bpf_session_/, 'it has no code to trace but what the lab names'],
  [/sun_path$/, 'it has no Unix sockets'],
  [/tx_tstamp$/, 'its devices do not say when they have sent'],
  [/^bpf_sk_assign_tcp_reqsk$/, 'who answers a SYN is its TCP alone'],
  [/^bpf_sock_destroy$/, 'no iterator goes over its sockets'],
];

/**
 * The types whose programs may call a helper of the embedded kernel, whatever they are loaded for: from the lists that its verifier goes by, since
 * no probe can load programs of functions and iterators.
 */
function callers(name: string): string {
  if (!HELPER_BY_NAME.has(name)) return '';
  const types = [...PROG_TYPE_BY_NUMBER.values()].map((type) => type.name);
  return types.filter((type) => ATTACH_TYPES.some((_, hook) => allows(type, hook, name))).join(', ');
}

function allows(type: ProgType, hook: number, name: string): boolean {
  return allowedHelpers(type, hook).some((allowed) => allowed === name);
}

/** How the kernel attaches programs to a hook, of which there is none at hand: whatever else it says, it knows it. */
function attaching(kernel: Kernel, name: string): string {
  const attach_type = ATTACH_TYPES.find((type) => type === name);
  if (attach_type === undefined) return '';
  const map = MAP_PLACES[attach_type];
  if (map !== undefined) return inMap(kernel, attach_type, map);
  const number = attachTypeNumber[attach_type];
  const attr = { attach_type: number };
  const ways = [
    isAttachPlace(number) && knows(() => kernel.bpf('BPF_PROG_ATTACH', attr)) && 'attach',
    isLinkPlace(number) && knows(() => kernel.bpf('BPF_LINK_CREATE', attr)) && 'link',
  ];
  return ways.filter((way) => way !== false).join(', ');
}

/** Hooks whose programs stand in values of maps, as on Linux. */
const MAP_PLACES: Readonly<Partial<Record<AttachType, MapType>>> = { xdp_devmap: 'devmap', xdp_cpumap: 'cpumap' };

/** Puts a program of the hook into a map. */
function inMap(kernel: Kernel, attachType: AttachType, type: MapType): string {
  const insns = encodeInsns(parseAssembly('r0 = 2\nexit'));
  const expected_attach_type = attachTypeNumber[attachType];
  const program = { prog_type: progTypeNumber.xdp, expected_attach_type, insns, insn_cnt: insns.length / INSN_SIZE };
  const prog_fd = kernel.bpf('BPF_PROG_LOAD', { ...program, license: 'GPL' });
  const map = { map_type: mapTypeNumber[type], key_size: 4, value_size: 8, max_entries: 1 };
  const map_fd = kernel.bpf('BPF_MAP_CREATE', map);
  // The device `lo`, or a queue of one frame; and the program.
  const value = new Uint8Array(Uint32Array.of(1, prog_fd).buffer);
  kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: new Uint8Array(4), value });
  return `in values of a ${type}`;
}

function hasLink(kernel: Kernel, name: string): boolean {
  if (name === 'raw_tracepoint') return hasCommand(kernel, 'BPF_RAW_TRACEPOINT_OPEN');
  return attaching(kernel, LINK_ATTACH_TYPE[name] ?? name).includes('link');
}

function hasCommand(kernel: Kernel, name: string): boolean {
  const cmd = Object.keys(BPF_COMMANDS).find((known) => known === name) as BpfCmd | undefined; // a key of the table
  return cmd !== undefined && knows(() => kernel.bpf(cmd, {}));
}

function knows(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (error instanceof SysError) return error.code !== 'ENOTSUPP';
    throw error;
  }
}
