import { MAX_ERRNO } from '../../../uapi/errno.ts';

/** What hooks of LSM may return, by name without `bpf_lsm_`; `undefined`: anything. Source: bpf_lsm_get_retval_range. */
const BOOLEAN: ReadonlySet<string> = new Set([
  'inode_need_killpriv',
  'audit_rule_known',
  'inode_xattr_skipcap',
  'xfrm_state_pol_flow_match',
]);

export function lsmResultRange(name: string): readonly [min: number, max: number] | undefined {
  return BOOLEAN.has(name.replace(/^bpf_lsm_/, '')) ? [0, 1] : [-MAX_ERRNO, 0];
}
