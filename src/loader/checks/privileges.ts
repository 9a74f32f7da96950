import { SysError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { mapTypeNumber } from '../../uapi/bpf.ts';
import { orUndefined, readText } from '../calls.ts';
import type { Capability, Credentials } from '../capabilities.ts';
import {
  AS_ROOT,
  type Check,
  kernelVersion,
  type Machine,
  missing,
  NOT_SHOWN,
  ok,
  rebuild,
  unknown,
  type Verdict,
} from './check.ts';

const MOUNT_PROC = 'sudo mount -t proc proc /proc';

export const bpfSyscall: Check = {
  what: 'bpf(2)',
  source: 'BPF_MAP_CREATE of an array of one element',
  why: 'everything is done through it',
  essential: true,
  look(machine) {
    const { kernel } = machine;
    try {
      const attr = { map_type: mapTypeNumber.array, key_size: 4, value_size: 4, max_entries: 1 };
      kernel.close(kernel.bpf('BPF_MAP_CREATE', attr));
      return ok('works');
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      return missing(error.code, refusalFix(error.code, machine));
    }
  },
};

function refusalFix(code: string, { credentials: who }: Machine): string {
  if (code === 'ENOSYS') return rebuild('BPF_SYSCALL');
  if (who !== undefined && !holds(who, 'CAP_BPF')) return AS_ROOT;
  if (who?.filtered) return 'docker run --security-opt seccomp=unconfined …';
  // A security module refuses it, and says so there.
  return 'sudo dmesg | tail';
}

export const euid: Check = {
  what: 'euid',
  source: '/proc/self/status',
  why: 'root has every capability that its container leaves it',
  essential: false,
  look({ credentials: who }) {
    if (who === undefined) return unknown('not shown', MOUNT_PROC);
    return who.euid === 0 || holds(who, 'CAP_BPF') ? ok(String(who.euid)) : missing(String(who.euid), AS_ROOT);
  },
};

/** All users of the machine, each as himself: what the first user namespace maps. */
const ALL_USERS = /^\s*0\s+0\s+4294967295\s*$/;

export const userNamespace: Check = {
  what: 'user namespace',
  source: '/proc/self/uid_map',
  why: 'bpf(2) asks for capabilities on the machine, not for those of the root of a container without privileges',
  essential: false,
  look({ kernel }) {
    const text = orUndefined(NOT_SHOWN, () => readText(kernel, '/proc/self/uid_map'));
    if (text === undefined) return unknown('not shown', MOUNT_PROC);
    return ALL_USERS.test(text) ? ok('that of the machine') : missing('one of its own', 'docker run --userns host …');
  },
};

const CAPABILITY_WHY: Readonly<Record<Capability, string>> = {
  CAP_BPF: 'loads programs and makes most types of maps',
  CAP_NET_ADMIN: 'loads and attaches programs of tc, XDP, cgroups and sockets',
  CAP_PERFMON: 'loads tracing programs, and those that read the memory of the kernel',
  CAP_SYS_ADMIN: 'mounts bpffs, opens what others loaded by its id, attaches to network namespaces',
};

/** `known`: the capabilities that the kernel tells apart. Where it has no CAP_BPF, CAP_SYS_ADMIN is what bpf(2) asks for. */
export function capabilityChecks(known: readonly Capability[]): Check[] {
  const first = known.includes('CAP_BPF') ? 'CAP_BPF' : 'CAP_SYS_ADMIN';
  return known.map((name) => ({
    what: name,
    source: '/proc/self/status',
    why: CAPABILITY_WHY[name],
    essential: name === first,
    look({ credentials: who }): Verdict {
      if (who === undefined) return unknown('not shown', MOUNT_PROC);
      if (who.capabilities.has(name)) return ok('held');
      if (holds(who, name)) return ok('by CAP_SYS_ADMIN');
      const option = name.replace('CAP_', '');
      return missing('not held', who.euid === 0 ? `docker run --cap-add ${option} …` : AS_ROOT);
    },
  }));
}

/** CAP_SYS_ADMIN stands for the two that were split off it. */
export function holds({ capabilities }: Credentials, name: Capability): boolean {
  return capabilities.has(name) || (name !== 'CAP_NET_ADMIN' && capabilities.has('CAP_SYS_ADMIN'));
}

export const memlock: Check = {
  what: 'RLIMIT_MEMLOCK',
  source: '/proc/self/limits',
  why: 'Linux before 5.11 holds maps and programs against it, and says EPERM where it is too low',
  essential: false,
  look({ kernel, version, credentials: who }) {
    if (version !== undefined && version >= kernelVersion(5, 11)) return ok('not charged since Linux 5.11');
    const limit = memlockLimit(kernel);
    if (limit === undefined) return unknown('not shown', MOUNT_PROC);
    if (limit === 'unlimited') return ok(limit);
    if (who?.euid === 0) return ok(`${limit} bytes, which skep raises`);
    return missing(`${limit} bytes`, 'ulimit -l unlimited');
  },
};

function memlockLimit(kernel: Kernel): string | undefined {
  const text = orUndefined(NOT_SHOWN, () => readText(kernel, '/proc/self/limits'));
  return /^Max locked memory\s+(\S+)/m.exec(text ?? '')?.[1];
}
