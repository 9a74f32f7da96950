import { errno } from '../../../uapi/errno.ts';
import { BTF_F_ALL, showValue } from '../types/btf-show.ts';
import { type HelperEnv, helper, type Wide } from './helper.ts';
import { isMemory, noKernelMemory } from './probe-read.ts';

/** Bytes of struct btf_ptr: an address, the id of a type, and flags that are not used. */
const BTF_PTR = 16;
/** Bytes of a value that are shown at most: no struct is larger. */
const MAX_VALUE = 65536;

/** A value of a type of the kernel as C. The result is its whole length without the NUL, of which the buffer has what fits. */
export const snprintf_btf = helper({
  id: 149,
  name: 'snprintf_btf',
  args: ['mem', 'mem_size', 'mem', 'mem_size', 'wide'],
  returns: 'integer',
  call(env, out, size, pointer, pointerSize, flags) {
    const text = show(env, pointer, pointerSize, flags);
    if (typeof text === 'number') return text;
    const fits = Math.min(text.length, size - 1);
    for (let i = 0; i < fits; i++) env.memory.u8[out + i] = text.charCodeAt(i);
    if (fits >= 0) env.memory.u8[out + fits] = 0;
    return text.length;
  },
});

/** The same for whoever reads the iterator. What there is no room for is written again, as always. */
export const seq_printf_btf = helper({
  id: 150,
  name: 'seq_printf_btf',
  gplOnly: true,
  args: ['seq', 'mem', 'mem_size', 'wide'],
  returns: 'integer',
  call(env, seq, pointer, pointerSize, flags) {
    const text = show(env, pointer, pointerSize, flags);
    if (typeof text === 'number') return text;
    seq.write(Uint8Array.from(text, (c) => c.charCodeAt(0)));
    return 0;
  },
});

function show(env: HelperEnv, pointer: number, size: number, flags: Wide): string | number {
  if (flags.high !== 0 || (flags.low & ~BTF_F_ALL) !== 0 || size !== BTF_PTR) return -errno.EINVAL;
  const { dv, u8 } = env.memory;
  const typeId = dv.getInt32(pointer + 8, true);
  if (typeId <= 0) return -errno.EINVAL;
  const { btf } = env.machine.vmlinux;
  if (typeId >= btf.typeCount) return -errno.ENOENT;
  const from = { low: dv.getInt32(pointer, true), high: dv.getInt32(pointer + 4, true) };
  if (!isMemory(env, from, 1)) return noKernelMemory(from);
  return showValue(btf, typeId, u8.slice(from.low, from.low + MAX_VALUE), flags.low) ?? -errno.EFAULT;
}
