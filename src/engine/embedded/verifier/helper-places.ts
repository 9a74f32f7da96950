import { attachTypeNumber } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';
import { targetOf } from './btf-context.ts';
import type { Env } from './env.ts';

/** Functions that are handed paths which nobody is changing. Source: btf_allowlist_d_path of Linux 6.18. */
const WITH_PATHS: ReadonlySet<string> = new Set([
  'security_file_permission',
  'security_inode_getattr',
  'security_file_open',
  'security_path_truncate',
  'vfs_truncate',
  'vfs_fallocate',
  'dentry_open',
  'vfs_getattr',
  'filp_close',
]);

/** Whether a helper may be called by programs for this place, where that is narrower than what their type allows. */
export function mayCallHere(env: Env, name: HelperName): boolean {
  const { type, attachType } = env.program;
  if (type !== 'tracing' && type !== 'syscall') return true;
  const isFor = (hook: keyof typeof attachTypeNumber): boolean =>
    type === 'tracing' && attachTypeNumber[hook] === attachType;
  switch (name) {
    case 'd_path':
      return isFor('trace_iter') || (type === 'tracing' && WITH_PATHS.has(targetOf(env)?.name ?? ''));
    case 'sk_storage_get':
    case 'sk_storage_delete':
      if (isFor('trace_iter') || isFor('trace_raw_tp')) return true;
      return (
        (isFor('trace_fentry') || isFor('trace_fexit')) && targetOf(env)?.name.startsWith('bpf_sk_storage') !== true
      );
    default:
      return true;
  }
}
