import { ATTACH_TYPES, type AttachType, PROG_TYPES, type ProgType } from '../../uapi/bpf.ts';
import { versionCode } from '../kconfig.ts';
import { ProgramProbe } from '../probes/program.ts';
import { lackingType } from './map.ts';
import { numberOf, type Rule } from './reason.ts';

/** Types whose programs say at load what they will be attached to. */
const TOLD: ReadonlySet<ProgType> = new Set(['cgroup_sock_addr', 'cgroup_sockopt', 'sk_lookup', 'netfilter']);
/** Types that are made for one function of a kernel or program. */
const TARGETED: ReadonlySet<ProgType> = new Set(['tracing', 'lsm', 'ext', 'struct_ops']);

/** Why BPF_PROG_LOAD may have refused without a word of the verifier's. */
export const programRefused: Rule = (refusal) => {
  const { error, kernel } = refusal;
  if (error.syscall !== 'BPF_PROG_LOAD' || !['EINVAL', 'E2BIG'].includes(error.code)) return [];
  const number = numberOf(refusal, 'prog_type');
  const type = PROG_TYPES[number];
  if (type === undefined || number === 0) return [{ why: `no kernel has programs of type ${number}` }];
  if (numberOf(refusal, 'insn_cnt') === 0) return [{ why: 'the program has no instructions' }];
  if (error.code === 'E2BIG') {
    return [{ why: `the program is too long: ${numberOf(refusal, 'insn_cnt')} instructions, or too many to verify` }];
  }
  if (!new ProgramProbe(kernel, 0).hasType(type)) return [lackingType(`programs of type ${type}`)];
  if (TOLD.has(type) && refusal.attr.expected_attach_type === undefined)
    return [{ why: `a program of type ${type} says at load what it is for: expected_attach_type is not given` }];
  if (TARGETED.has(type) && numberOf(refusal, 'attach_btf_id') === 0)
    return [{ why: `a program of type ${type} is made for one function: attach_btf_id is not given` }];
  return [];
};

/** Attach types that came later than the command that takes them, as KERNEL_VERSION's first two numbers. Source: the kernel's history. */
// biome-ignore format: by version
const SINCE: readonly (readonly [since: readonly [number, number], types: readonly AttachType[]])[] = [
  [[5, 18], ['trace_kprobe_multi']],
  [[6, 0], ['lsm_cgroup']],
  [[6, 4], ['netfilter', 'struct_ops']],
  [[6, 6], ['tcx_ingress', 'tcx_egress', 'trace_uprobe_multi']],
  [[6, 7], ['netkit_primary', 'netkit_peer', 'cgroup_unix_connect', 'cgroup_unix_sendmsg', 'cgroup_unix_recvmsg',
            'cgroup_unix_getpeername', 'cgroup_unix_getsockname']],
  [[6, 10], ['trace_kprobe_session']],
  [[6, 13], ['trace_uprobe_session']],
];

const ATTACHING = /^BPF_(LINK_CREATE|PROG_ATTACH|PROG_QUERY)$/;

/** Why a command that attaches may have been refused. */
export const attachRefused: Rule = (refusal) => {
  const { error, kernel } = refusal;
  if (!ATTACHING.test(error.syscall)) return [];
  const type = ATTACH_TYPES[numberOf(refusal, 'attach_type')];
  if (error.code === 'EINVAL' && type !== undefined) {
    const since = SINCE.find(([, types]) => types.includes(type))?.[0];
    const version = versionCode(kernel);
    if (since !== undefined && version !== undefined && version >> 8 < ((since[0] << 8) | since[1])) {
      return [{ why: `${type} came with Linux ${since.join('.')}; this kernel says that it is ${dotted(version)}` }];
    }
    return [
      {
        why: `the program is not of the kind that ${type} takes, or this kernel does not know the attach type or a flag`,
      },
    ];
  }
  if (error.code === 'EPERM' && type?.startsWith('cgroup_')) {
    return [
      {
        why: 'a program on this cgroup or one above it lets no other be attached (neither BPF_F_ALLOW_MULTI nor BPF_F_ALLOW_OVERRIDE, or another of them)',
        fix: 'skep cgroup tree',
      },
    ];
  }
  if (error.code === 'EBUSY' && type === 'xdp')
    return [{ why: 'the device has an XDP program already, by another way of attaching', fix: 'skep net show' }];
  return [];
};

function dotted(version: number): string {
  return `${version >> 16}.${(version >> 8) & 0xff}.${version & 0xff}`;
}
