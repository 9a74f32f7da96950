import { UsageError } from '../../errors.ts';
import {
  attachProgramToCgroup,
  attachToCgroup,
  CGROUP_HOOKS,
  type CgroupHook,
  detachProgramFromCgroup,
} from '../../loader/attach/cgroup.ts';
import type { AttachedToCgroup } from '../../loader/cgroups.ts';
import { type CgroupTreeNode, cgroupPrograms, cgroupTree, findCgroups } from '../../loader/cgroups.ts';
import { BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE } from '../../uapi/link.ts';
import { command } from '../command.ts';
import { PROG, selectProgram } from '../selectors.ts';
import type { Words } from '../words.ts';
import { pinLink, pinWord } from './link-words.ts';

interface Shown {
  readonly programs: readonly AttachedToCgroup[];
  readonly effective: boolean;
}

export const cgroupShow = command<Shown>({
  path: ['cgroup', 'show'],
  usage: 'CGROUP [effective]',
  about: 'lists the programs that are attached to a cgroup, or (effective) that run there',
  run({ kernel }, words) {
    const path = words.next('the path of the cgroup');
    const effective = words.keyword('effective') !== undefined;
    words.end();
    return { programs: cgroupPrograms(kernel, path, effective), effective };
  },
  text: ({ programs, effective }) =>
    programs.length === 0 ? '' : [header(effective), ...programs.map((p) => programLine(p, effective))].join('\n'),
  json: ({ programs, effective }) => programs.map((program) => programJson(program, effective)),
});

export const cgroupTreeShow = command<{ tree: readonly CgroupTreeNode[]; effective: boolean }>({
  path: ['cgroup', 'tree'],
  usage: '[CGROUP] [effective]',
  about: 'lists the programs of all cgroups at and below one; without a word, of all cgroups',
  run({ kernel }, words) {
    const first = words.keyword('effective');
    const root = first === undefined && !words.done ? words.next('the path of the cgroup') : findCgroups(kernel);
    const effective = first !== undefined || words.keyword('effective') !== undefined;
    words.end();
    return { tree: cgroupTree(kernel, root, effective), effective };
  },
  text: ({ tree, effective }) =>
    [
      'CgroupPath',
      header(effective),
      ...tree.flatMap(({ path, depth, programs }) => [
        path,
        ...programs.map((program) => `${depth > 0 ? '    ' : ''}${programLine(program, effective)}`),
      ]),
    ].join('\n'),
  json: ({ tree, effective }) =>
    tree.map(({ path, programs }) => ({
      cgroup: path,
      programs: programs.map((program) => programJson(program, effective)),
    })),
});

function header(effective: boolean): string {
  const columns = ['AttachType', ...(effective ? [] : ['AttachFlags']), 'Name'];
  return ['ID'.padEnd(8), ...columns.map((name) => name.padEnd(15))].join(' ');
}

function programLine(program: AttachedToCgroup, effective: boolean): string {
  const columns = [
    program.attachType,
    ...(effective ? [] : [flagsText(program.flags)]),
    program.name,
    ...(program.attachBtf?.name === undefined ? [] : [program.attachBtf.name]),
  ];
  return [String(program.id).padEnd(8), ...columns.map((text) => text.padEnd(15))].join(' ');
}

function programJson(program: AttachedToCgroup, effective: boolean): object {
  return {
    id: program.id,
    attach_type: program.attachType,
    attach_flags: effective ? undefined : flagsText(program.flags),
    name: program.name,
    attach_btf_name: program.attachBtf?.name,
    attach_btf_obj_id: program.attachBtf?.objectId ?? 0,
    attach_btf_id: program.attachBtf?.id ?? 0,
  };
}

function flagsText(flags: number): string {
  switch (flags) {
    case 0:
      return '';
    case BPF_F_ALLOW_MULTI:
      return 'multi';
    case BPF_F_ALLOW_OVERRIDE:
      return 'override';
    default:
      return `unknown(${flags.toString(16)})`;
  }
}

export const cgroupAttach = command<undefined>({
  path: ['cgroup', 'attach'],
  usage: `CGROUP TYPE ${PROG} [multi | override | pin FILE]`,
  about:
    'attaches a program to a cgroup, as the only one unless `multi` is said, or (pin) beside others for as long as a link that is pinned',
  run({ kernel }, words) {
    const path = words.next('the path of the cgroup');
    const hook = cgroupHook(words);
    using program = selectProgram(kernel, words);
    const pin = pinWord(words);
    const mode = pin === undefined ? (words.keyword('multi', 'override') ?? 'none') : 'multi';
    words.end();
    if (pin === undefined) attachProgramToCgroup(program, path, hook, { mode });
    else pinLink(attachToCgroup(program, path, hook), pin);
    return undefined;
  },
  text: () => '',
});

export const cgroupDetach = command<undefined>({
  path: ['cgroup', 'detach'],
  usage: `CGROUP TYPE ${PROG}`,
  about: 'detaches a program that was attached without a link',
  run({ kernel }, words) {
    const path = words.next('the path of the cgroup');
    const hook = cgroupHook(words);
    using program = selectProgram(kernel, words);
    words.end();
    detachProgramFromCgroup(kernel, path, hook, program);
    return undefined;
  },
  text: () => '',
});

/** bpftool's older names, which may be abbreviated, in the order of the numbers. */
const OLD_NAMES: Readonly<Partial<Record<CgroupHook, string>>> = {
  cgroup_inet_ingress: 'ingress',
  cgroup_inet_egress: 'egress',
  cgroup_inet_sock_create: 'sock_create',
  cgroup_sock_ops: 'sock_ops',
  cgroup_device: 'device',
  cgroup_inet4_bind: 'bind4',
  cgroup_inet6_bind: 'bind6',
  cgroup_inet4_connect: 'connect4',
  cgroup_inet6_connect: 'connect6',
  cgroup_inet4_post_bind: 'post_bind4',
  cgroup_inet6_post_bind: 'post_bind6',
  cgroup_udp4_sendmsg: 'sendmsg4',
  cgroup_udp6_sendmsg: 'sendmsg6',
  cgroup_sysctl: 'sysctl',
  cgroup_udp4_recvmsg: 'recvmsg4',
  cgroup_udp6_recvmsg: 'recvmsg6',
  cgroup_getsockopt: 'getsockopt',
  cgroup_setsockopt: 'setsockopt',
  cgroup_inet4_getpeername: 'getpeername4',
  cgroup_inet6_getpeername: 'getpeername6',
  cgroup_inet4_getsockname: 'getsockname4',
  cgroup_inet6_getsockname: 'getsockname6',
  cgroup_inet_sock_release: 'sock_release',
};

function cgroupHook(words: Words): CgroupHook {
  const word = words.next('the type of the attachment');
  const found =
    CGROUP_HOOKS.find((hook) => hook === word) ??
    CGROUP_HOOKS.find((hook) => word !== '' && OLD_NAMES[hook]?.startsWith(word));
  if (found !== undefined) return found;
  throw new UsageError(`'${word}' is no type of attachment to a cgroup; known are ${CGROUP_HOOKS.join(', ')}`);
}
