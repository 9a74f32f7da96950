import { describe, expect, it } from 'vitest';
import { machine, type Shown } from '../../test/support/machine.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { TRACEFS_MAGIC } from '../sys/kernel.ts';
import { BPF_FS_MAGIC } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import { diagnose, type Finding } from './doctor.ts';

const STATUS = 'Name:\tnode\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n';
/** CONFIG_ options as they are asked for: whatever there is, is y. */
const CONFIG = [
  'BPF_SYSCALL BPF_JIT DEBUG_INFO_BTF CGROUP_BPF NET_CLS_BPF NET_ACT_BPF NET_SCH_INGRESS NET_CLS_ACT XDP_SOCKETS BPF_STREAM_PARSER',
  'BPF_EVENTS KPROBE_EVENTS UPROBE_EVENTS FPROBE DYNAMIC_FTRACE_WITH_DIRECT_CALLS BPF_LSM SECURITY_LOCKDOWN_LSM',
]
  .flatMap((line) => line.split(' '))
  .map((name) => `CONFIG_${name}=y\n`)
  .join('');

/** A machine that lacks nothing. */
const WELL: Shown = {
  files: {
    '/proc/version': 'Linux version 6.18.0 (someone@somewhere) #1 SMP\n',
    '/proc/sys/kernel/osrelease': '6.18.0\n',
    '/proc/self/status': STATUS,
    '/proc/self/uid_map': '         0          0 4294967295\n',
    '/proc/self/limits': 'Max locked memory         8388608              8388608              bytes     \n',
    '/proc/sys/kernel/cap_last_cap': '40\n',
    '/proc/sys/kernel/unprivileged_bpf_disabled': '2\n',
    '/proc/sys/net/core/bpf_jit_enable': '1\n',
    '/proc/sys/net/core/bpf_jit_harden': '0\n',
    '/proc/sys/kernel/perf_event_paranoid': '2\n',
    '/proc/sys/kernel/kptr_restrict': '1\n',
    '/proc/mounts': 'none /sys/fs/cgroup cgroup2 rw 0 0\n',
    '/proc/config.gz': CONFIG,
    '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
    '/sys/kernel/btf/vmlinux': '',
  },
  mounts: { '/sys/fs/bpf': BPF_FS_MAGIC, '/sys/kernel/tracing': TRACEFS_MAGIC },
  bpf: 0,
};

function shows(files: Readonly<Record<string, string | number>>, more: Partial<Shown> = {}): Shown {
  return { ...WELL, ...more, files: { ...WELL.files, ...files } };
}

function finding(shown: Shown, what: string): Pick<Finding, 'status' | 'found' | 'fix'> {
  const found = diagnose(machine(shown)).filter((one) => one.what === what);
  expect(found).toHaveLength(1);
  const { status, found: there, fix } = found[0] as Finding; // the length was checked
  return { status, found: there, fix };
}

const gone = errno.ENOENT;
const status = (uid: number, caps: string, seccomp = 0) =>
  `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${caps}\nSeccomp:\t${seccomp}\n`;
const user = { '/proc/self/status': status(1000, '0000000000000000') };
/** CAP_SYS_ADMIN alone. */
const ADMIN = '0000000000200000';
/** CAP_BPF alone. */
const BPF = '0000008000000000';
const without = (option: string) => ({ '/proc/config.gz': CONFIG.replace(`CONFIG_${option}=y\n`, '') });
const asModule = (option: string) => ({ '/proc/config.gz': CONFIG.replace(`${option}=y`, `${option}=m`) });
const unshown = { '/proc/config.gz': gone };
const old = { '/proc/sys/kernel/osrelease': '5.4.0\n' };

it('a machine that lacks nothing needs nothing mended', () => {
  const findings = diagnose(machine(WELL));
  expect(findings.filter(({ status, fix }) => status !== 'ok' || fix !== undefined)).toEqual([]);
  expect(new Set(findings.map(({ what }) => what)).size).toBe(findings.length);
  expect(findings.filter(({ essential }) => essential).map(({ what }) => what)).toEqual([
    'bpf(2)',
    'CAP_BPF',
    'CONFIG_BPF_SYSCALL',
  ]);
});

it('the embedded kernel needs nothing', () => {
  expect(diagnose(createEmbeddedKernel().kernel)).toEqual([]);
});

it('nothing of it changes the machine', () => {
  const seen = new Set<string>();
  const watched = new Proxy(machine(WELL), {
    get(target, key) {
      if (typeof key === 'string') seen.add(key);
      return Reflect.get(target, key);
    },
  });
  diagnose(watched);
  expect([...seen].sort()).toEqual(['bpf', 'close', 'fsType', 'open', 'read', 'stat']);
});

// What the machine shows, and what the check says. Whatever is `ok` in WELL has its other outcome here.
// biome-ignore format: a case a line
describe('the checks', () => {
  it.each<[what: string, shown: Shown, status: Finding['status'], found: string, fix: string | undefined]>([
    ['bpf(2)', shows({}, { bpf: errno.ENOSYS }), 'missing', 'ENOSYS', 'scripts/config -e BPF_SYSCALL && make olddefconfig && make'],
    ['bpf(2)', shows(user, { bpf: errno.EPERM }), 'missing', 'EPERM', 'sudo -s'],
    ['bpf(2)', shows({ '/proc/self/status': status(0, BPF, 2) }, { bpf: errno.EPERM }), 'missing', 'EPERM', 'docker run --security-opt seccomp=unconfined …'],
    ['bpf(2)', shows({}, { bpf: errno.EPERM }), 'missing', 'EPERM', 'sudo dmesg | tail'],
    ['euid', shows(user), 'missing', '1000', 'sudo -s'],
    ['euid', shows({ '/proc/self/status': status(1000, BPF) }), 'ok', '1000', undefined],
    ['euid', shows({ '/proc/self/status': gone }), 'unknown', 'not shown', 'sudo mount -t proc proc /proc'],
    ['user namespace', shows({ '/proc/self/uid_map': '0 1000 1\n' }), 'missing', 'one of its own', 'docker run --userns host …'],
    ['user namespace', shows({ '/proc/self/uid_map': gone }), 'unknown', 'not shown', 'sudo mount -t proc proc /proc'],
    ['CAP_BPF', shows(user), 'missing', 'not held', 'sudo -s'],
    ['CAP_BPF', shows({ '/proc/self/status': status(0, '0') }), 'missing', 'not held', 'docker run --cap-add BPF …'],
    ['CAP_BPF', shows({ '/proc/self/status': status(0, ADMIN) }), 'ok', 'by CAP_SYS_ADMIN', undefined],
    ['CAP_PERFMON', shows({ '/proc/self/status': status(0, ADMIN) }), 'ok', 'by CAP_SYS_ADMIN', undefined],
    ['CAP_PERFMON', shows({ '/proc/self/status': status(1000, BPF) }), 'missing', 'not held', 'sudo -s'],
    ['CAP_NET_ADMIN', shows({ '/proc/self/status': status(0, ADMIN) }), 'missing', 'not held', 'docker run --cap-add NET_ADMIN …'],
    ['CAP_SYS_ADMIN', shows({ '/proc/self/status': status(1000, BPF) }), 'missing', 'not held', 'sudo -s'],
    ['CAP_SYS_ADMIN', shows({ '/proc/self/status': 'CapEff:\tzz\n' }), 'unknown', 'not shown', 'sudo mount -t proc proc /proc'],
    ['kernel.unprivileged_bpf_disabled', shows(user), 'missing', '2', 'sudo sysctl -w kernel.unprivileged_bpf_disabled=0'],
    ['kernel.unprivileged_bpf_disabled', shows({ ...user, '/proc/sys/kernel/unprivileged_bpf_disabled': '1\n' }), 'missing', '1', 'sudo -s'],
    ['kernel.unprivileged_bpf_disabled', shows({ ...user, '/proc/sys/kernel/unprivileged_bpf_disabled': '0\n' }), 'ok', '0', undefined],
    ['kernel.unprivileged_bpf_disabled', shows({ '/proc/sys/kernel/unprivileged_bpf_disabled': gone }), 'unknown', 'not shown', undefined],
    ['net.core.bpf_jit_enable', shows({ '/proc/sys/net/core/bpf_jit_enable': '0\n' }), 'missing', '0', 'sudo sysctl -w net.core.bpf_jit_enable=1'],
    ['net.core.bpf_jit_enable', shows({ '/proc/sys/net/core/bpf_jit_enable': 'yes\n' }), 'unknown', 'not for this user to read', 'sudo -s'],
    ['net.core.bpf_jit_harden', shows({ '/proc/sys/net/core/bpf_jit_harden': '2\n' }), 'missing', '2', 'sudo sysctl -w net.core.bpf_jit_harden=1'],
    ['net.core.bpf_jit_harden', shows({ '/proc/sys/net/core/bpf_jit_harden': '1\n' }), 'ok', '1', undefined],
    ['kernel.perf_event_paranoid', shows(user), 'missing', '2', 'sudo sysctl -w kernel.perf_event_paranoid=1'],
    ['kernel.perf_event_paranoid', shows({ ...user, '/proc/sys/kernel/perf_event_paranoid': '-1\n' }), 'ok', '-1', undefined],
    ['kernel.kptr_restrict', shows({ '/proc/sys/kernel/kptr_restrict': '2\n' }), 'missing', '2', 'sudo sysctl -w kernel.kptr_restrict=1'],
    ['kernel.kptr_restrict', shows(user), 'missing', '1', 'sudo sysctl -w kernel.kptr_restrict=0'],
    ['kernel.kptr_restrict', shows({ ...user, '/proc/sys/kernel/kptr_restrict': '0\n' }), 'ok', '0', undefined],
    ['RLIMIT_MEMLOCK', shows({ ...user, ...old }), 'missing', '8388608 bytes', 'ulimit -l unlimited'],
    ['RLIMIT_MEMLOCK', shows(old), 'ok', '8388608 bytes, which skep raises', undefined],
    ['RLIMIT_MEMLOCK', shows({ ...user, ...old, '/proc/self/limits': 'Max locked memory  unlimited  unlimited  bytes\n' }), 'ok', 'unlimited', undefined],
    ['RLIMIT_MEMLOCK', shows({ ...old, '/proc/self/limits': gone }), 'unknown', 'not shown', 'sudo mount -t proc proc /proc'],
    ['lockdown', shows({ '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n' }), 'missing', 'confidentiality',
      "sudo sed -i 's/lockdown=confidentiality/lockdown=integrity/' /etc/default/grub && sudo update-grub && sudo reboot"],
    ['lockdown', shows({ '/sys/kernel/security/lockdown': gone }), 'unknown', 'not shown', 'sudo mount -t securityfs securityfs /sys/kernel/security'],
    ['lockdown', shows({ '/sys/kernel/security/lockdown': gone, ...without('SECURITY_LOCKDOWN_LSM') }), 'ok', 'not built in', undefined],
    ['lockdown', shows({ '/sys/kernel/security/lockdown': errno.EIO }), 'unknown', 'EIO', undefined],
    ['BTF', shows({ '/sys/kernel/btf/vmlinux': gone }), 'missing', 'not there',
      'scripts/config -e DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT -e DEBUG_INFO_BTF && make olddefconfig && make'],
    ['bpffs', shows({}, { mounts: {} }), 'missing', 'not mounted', 'sudo mount -t bpf bpf /sys/fs/bpf'],
    ['bpffs', shows({ '/proc/mounts': 'bpf /run/bpf bpf rw 0 0\n' }, { mounts: {} }), 'ok', '/run/bpf', undefined],
    ['tracefs', shows({}, { mounts: {} }), 'missing', 'not mounted', 'sudo mount -t tracefs tracefs /sys/kernel/tracing'],
    ['tracefs', shows({}, { mounts: { '/sys/kernel/debug/tracing': TRACEFS_MAGIC } }), 'ok', '/sys/kernel/debug/tracing', undefined],
    ['cgroup2', shows({ '/proc/mounts': 'cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n' }), 'missing', 'not mounted', 'sudo mount -t cgroup2 none /sys/fs/cgroup'],
    ['CONFIG_BPF_SYSCALL', shows(without('BPF_SYSCALL')), 'missing', 'not set', 'scripts/config -e BPF_SYSCALL && make olddefconfig && make'],
    ['CONFIG_BPF_SYSCALL', shows(unshown), 'unknown', 'not shown', 'sudo modprobe configs'],
    ['CONFIG_NET_ACT_BPF', shows(without('NET_ACT_BPF')), 'missing', 'not set',
      'scripts/config -e NET_CLS_ACT -e NET_ACT_BPF && make olddefconfig && make'],
    ['CONFIG_NET_ACT_BPF', shows(asModule('NET_ACT_BPF')), 'unknown', 'module, not loaded', 'sudo modprobe act_bpf'],
    ['CONFIG_NET_ACT_BPF', shows({ ...asModule('NET_ACT_BPF'), '/sys/module/act_bpf': '' }), 'ok', 'module, loaded', undefined],
    ['CONFIG_NET_CLS_BPF', shows({ ...unshown, '/sys/module/cls_bpf': '' }), 'ok', 'module, loaded', undefined],
    ['CONFIG_KPROBE_EVENTS', shows(without('KPROBE_EVENTS')), 'missing', 'not set',
      'scripts/config -e KPROBES -e KPROBE_EVENTS && make olddefconfig && make'],
  ])('%s %#', (what, shown, status, found, fix) => {
    expect(finding(shown, what)).toEqual({ status, found, fix });
  });
});

it.each([
  'BPF_JIT',
  'DEBUG_INFO_BTF',
  'CGROUP_BPF',
  'NET_CLS_BPF',
  'NET_SCH_INGRESS',
  'NET_CLS_ACT',
  'XDP_SOCKETS',
  'BPF_STREAM_PARSER',
  'BPF_EVENTS',
  'UPROBE_EVENTS',
  'FPROBE',
  'DYNAMIC_FTRACE_WITH_DIRECT_CALLS',
  'BPF_LSM',
])('CONFIG_%s is missed where it is not set, and nothing else is', (option) => {
  const lacking = diagnose(machine(shows(without(option)))).filter(({ status }) => status !== 'ok');
  expect(lacking.map(({ what, status }) => [what, status])).toEqual([[`CONFIG_${option}`, 'missing']]);
});

it('before Linux 5.8 CAP_SYS_ADMIN is what bpf(2) asks for', () => {
  const findings = diagnose(machine(shows({ '/proc/sys/kernel/cap_last_cap': '37\n' })));
  expect(
    findings.filter(({ what }) => what.startsWith('CAP_')).map(({ what, essential }) => [what, essential]),
  ).toEqual([
    ['CAP_SYS_ADMIN', true],
    ['CAP_NET_ADMIN', false],
  ]);
});
