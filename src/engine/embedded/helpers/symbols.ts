import { BTF_KINDS } from '../../../btf/index.ts';
import { cString } from '../../../bytes/struct.ts';
import { errno } from '../../../uapi/errno.ts';
import { type HelperEnv, helper, type Wide } from './helper.ts';

/** Names are text that ends with a NUL. */
function nameAt({ memory }: HelperEnv, address: number, size: number): string | undefined {
  if (size <= 1 || memory.u8[address + size - 1] !== 0) return undefined;
  return cString(memory.u8.subarray(address, address + Math.min(size - 1, MAX_NAME)));
}
/** Bytes. Nothing has a longer name. */
const MAX_NAME = 512;

const isZero = ({ low, high }: Wide): boolean => low === 0 && high === 0;

/** The address of a function of the kernel. */
export const kallsyms_lookup_name = helper({
  id: 179,
  name: 'kallsyms_lookup_name',
  args: ['mem', 'mem_size', 'anything', 'out_64'],
  returns: 'integer',
  call(env, name, size, flags, out) {
    const { dv } = env.memory;
    dv.setBigUint64(out, 0n, true);
    const text = flags === 0 ? nameAt(env, name, size) : undefined;
    if (text === undefined) return -errno.EINVAL;
    const address = env.machine.tracing.functions.get(text)?.address;
    if (address === undefined) return -errno.ENOENT;
    dv.setBigUint64(out, address, true);
    return 0;
  },
});

/** The id of a type of the kernel, by BTF_KIND_* and name. */
export const btf_find_by_name_kind = helper({
  id: 167,
  name: 'btf_find_by_name_kind',
  args: ['mem', 'mem_size', 'anything', 'wide'],
  returns: 'integer',
  call(env, name, size, kind, flags) {
    const text = isZero(flags) ? nameAt(env, name, size) : undefined;
    if (text === undefined) return -errno.EINVAL;
    const wanted = BTF_KINDS[kind];
    return (wanted && env.machine.vmlinux.btf.find(wanted, text)) ?? -errno.ENOENT;
  },
});
