import { errno } from '../../../uapi/errno.ts';
import { formatText, readValues } from './format.ts';
import { helper } from './helper.ts';
import { readBytes } from './trace.ts';

/** Text for whoever reads the iterator. The result is 0, or -EOVERFLOW if there is no room for it. */
export const seq_printf = helper({
  id: 126,
  name: 'seq_printf',
  gplOnly: true,
  args: ['seq', 'mem', 'mem_size', 'mem_or_null', 'mem_size'],
  returns: 'integer',
  call(env, seq, format, size, data, dataSize) {
    const values = readValues(env.memory.dv, data, dataSize);
    if (typeof values === 'number') return values;
    const bytes = env.memory.u8.subarray(format, format + size);
    const text = formatText(bytes, values, (address, length) => readBytes(env, address, length));
    if (typeof text === 'number') return text;
    return seq.write(Uint8Array.from(text, (c) => c.charCodeAt(0))) ? 0 : -errno.EOVERFLOW;
  },
});

/** Likewise bytes as they are. */
export const seq_write = helper({
  id: 127,
  name: 'seq_write',
  gplOnly: true,
  args: ['seq', 'mem', 'mem_size'],
  returns: 'integer',
  call: ({ memory }, seq, data, size) => (seq.write(memory.u8.subarray(data, data + size)) ? 0 : -errno.EOVERFLOW),
});
