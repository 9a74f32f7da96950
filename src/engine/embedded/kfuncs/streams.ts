import { errno } from '../../../uapi/errno.ts';
import { formatText, readValues } from '../helpers/format.ts';
import { readBytes } from '../helpers/trace.ts';
import { kfunc } from './kfunc.ts';

/** Text for whoever reads the program's output (1) or its errors (2) with BPF_PROG_STREAM_READ_BY_FD. 0, or -errno: -ENOENT for another stream, -ENOSPC if too much waits. */
export const bpf_stream_vprintk_impl = kfunc(
  'int bpf_stream_vprintk_impl(int stream_id, const char *fmt__str, const void *args, u32 len__sz, void *aux__prog)',
  {
    args: ['anything', 'const_str', 'buffer_or_null', 'mem_size', 'wide'],
    returns: 'integer',
    call(env, id, format, data, size) {
      const stream = env.program?.stream(id);
      if (stream === undefined) return -errno.ENOENT;
      const values = size > 0 && data === 0 ? -errno.EINVAL : readValues(env.memory.dv, data, size);
      if (typeof values === 'number') return values;
      const text = formatText(format, values, (address, length) => readBytes(env, address, length));
      return typeof text === 'number' ? text : stream.write(text);
    },
  },
);
