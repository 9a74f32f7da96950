import type { Btf } from '../../../btf/index.ts';
import { BPF_F_SLEEPABLE } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';
import { targetOf } from './btf-context.ts';
import { sizeOf, skipModifiers } from './btf-walk.ts';
import type { Env } from './env.ts';

/** Members that functions of a struct of functions may write, by the paths to them. Source: the btf_struct_access of each. */
const WRITABLE: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  tcp_congestion_ops: {
    sock: ['sk_pacing_rate', 'sk_pacing_status'],
    inet_connection_sock: ['icsk_ca_priv', 'icsk_ack.pending'],
    tcp_sock: ['snd_cwnd', 'snd_cwnd_cnt', 'snd_cwnd_stamp', 'snd_ssthresh', 'ecn_flags', 'app_limited'],
  },
};
/** Sockets of TCP begin with these, one within the other. */
const TCP_SOCKETS: ReadonlySet<string> = new Set(['sock', 'inet_connection_sock', 'tcp_sock']);

export function isWritableMember(env: Env, struct: string, offset: number, size: number): boolean {
  const ops = targetOf(env)?.member?.struct ?? '';
  if (ops === 'bpf_dummy_ops') return struct === 'bpf_dummy_ops_state';
  const { kernelBtf } = env.program;
  const members = WRITABLE[ops];
  if (members === undefined || kernelBtf === undefined || !TCP_SOCKETS.has(struct)) return false;
  return Object.entries(members).some(([owner, paths]) =>
    paths.some((path) => {
      const place = placeOf(kernelBtf, owner, path);
      return place !== undefined && offset >= place.offset && offset + size <= place.offset + place.size;
    }),
  );
}

/** What a function of a struct of functions gets as a socket is a larger one. */
export function promotedStruct(env: Env, struct: string): string {
  return struct === 'sock' && targetOf(env)?.member?.struct === 'tcp_congestion_ops' ? 'tcp_sock' : struct;
}

const OF_TCP: ReadonlySet<HelperName> = new Set([
  'tcp_send_ack',
  'sk_storage_get',
  'sk_storage_delete',
  'setsockopt',
  'getsockopt',
]);

/** Whether functions of this struct of functions may call a helper: options may not be set of a socket that is going. */
export function mayCallHelper(env: Env, name: HelperName): boolean {
  if (env.program.type !== 'struct_ops' || !OF_TCP.has(name)) return true;
  const member = targetOf(env)?.member;
  const onOptions = name === 'setsockopt' || name === 'getsockopt';
  return member?.struct === 'tcp_congestion_ops' && !(onOptions && member.name === 'release');
}

/** Members that the kernel does not let programs be. */
export function checkMember(env: Env): void {
  const { target, attachType, gpl, flags } = env.program;
  if (!gpl) env.fail('EINVAL', 'struct ops programs must have a GPL compatible license');
  const struct = target?.btf.type(target.typeId);
  if (struct?.kind !== 'struct') return;
  const name = struct.members[attachType]?.name;
  if (name === undefined) env.fail('EINVAL', `attach to invalid member idx ${attachType} of struct ${struct.name}`);
  if (targetOf(env) === undefined)
    env.fail('EINVAL', `attach to invalid member ${name}(@idx ${attachType}) of struct ${struct.name}`);
  const unsupported = `attach to unsupported member ${name} of struct ${struct.name}`;
  if (struct.name === 'tcp_congestion_ops' && name === 'get_info') env.fail('ENOTSUPP', unsupported);
  const isSleepable = (flags & BPF_F_SLEEPABLE) !== 0;
  if (struct.name === 'bpf_dummy_ops' && isSleepable && name !== 'test_sleepable') env.fail('EINVAL', unsupported);
}

function placeOf(
  btf: Btf,
  struct: string,
  path: string,
): { readonly offset: number; readonly size: number } | undefined {
  let id = btf.find('struct', struct);
  let offset = 0;
  for (const name of path.split('.')) {
    const [type] = skipModifiers(btf, id ?? 0);
    const member = type.kind === 'struct' ? type.members.find((found) => found.name === name) : undefined;
    if (member === undefined) return undefined;
    offset += Math.floor(member.bitOffset / 8);
    id = member.typeId;
  }
  const size = id === undefined ? undefined : sizeOf(btf, id);
  return size === undefined ? undefined : { offset, size };
}
