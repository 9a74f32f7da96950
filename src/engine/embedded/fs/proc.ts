import { kernelConfig, RELEASE } from '../config.ts';
import type { OpenFile } from '../files.ts';
import type { Process } from '../process.ts';
import { fdinfo } from './fdinfo.ts';
import type { Entries, Entry } from './tree.ts';

/** What /proc holds for the process that looks: nothing of other processes. */
export function procEntries(process: Process): Entries {
  return {
    self: { link: () => String(process.pid) },
    mounts: { link: () => 'self/mounts' },
    version: { text: () => `Linux version ${RELEASE} (skep)\n` },
    // libbpf reads it plain as well as packed.
    kallsyms: { text: (who) => kallsyms(who) },
    'config.gz': { text: () => kernelConfig() },
    sys: { entries: process.machine.sysctls.entries() },
    uptime: { text: (who) => uptime(who.machine.clock.now()) },
    [process.pid]: {
      entries: {
        fd: { dynamic: (who) => byFd(who, (file) => ({ link: () => linkText(file) })) },
        fdinfo: { dynamic: (who) => byFd(who, (file) => ({ text: () => fdinfo(file) })) },
        cgroup: { text: (who) => `0::${who.cgroup.path}\n` },
        mounts: { text: (who) => who.machine.mounts.list(who) },
        ns: { entries: { net: { netns: (who) => who.network }, pid: { pidns: true } } },
      },
    },
  };
}

/** The functions that kprobes can be on: all of the kernel that there is to be traced; its variables; and the programs, for who has a stack with them. */
function kallsyms({ machine }: Process): string {
  const functions = [...machine.tracing.functions.values()].map(
    ({ name, address }) => `${address.toString(16)} T ${name}\n`,
  );
  const variables = [...machine.variables.addresses()].map(([name, address]) => `${address.toString(16)} D ${name}\n`);
  const programs = [...machine.progs.values()].map(
    ({ address, symbol }) => `${address.toString(16)} t ${symbol}\t[bpf]\n`,
  );
  return [...functions, ...variables, ...programs].join('');
}

/** Seconds since the machine was started, and seconds that its CPUs were idle: nobody counts those here. */
function uptime(ns: bigint): string {
  const hundredths = ns / 10_000_000n;
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')} 0.00\n`;
}

function byFd(process: Process, entry: (file: OpenFile) => Entry): Entries {
  return Object.fromEntries([...process.files.entries()].map(([fd, file]) => [fd, entry(file)]));
}

/** What readlink(2) says of /proc/self/fd/N. */
function linkText(file: OpenFile): string {
  switch (file.kind) {
    case 'map':
    case 'prog':
      return `anon_inode:bpf-${file.kind}`;
    case 'btf':
      return 'anon_inode:btf';
    case 'link':
      return 'anon_inode:bpf_link';
    case 'iter':
      return 'anon_inode:bpf_iter';
    case 'perf_event':
    case 'probe_event':
      return 'anon_inode:[perf_event]';
    case 'socket':
      return `socket:[${file.path}]`;
    case 'inet_socket':
      return `socket:[${file.socket.cookie}]`;
    case 'stats':
      return 'anon_inode:bpf-stats';
    default:
      return file.path;
  }
}
