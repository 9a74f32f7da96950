import { errno } from '../../../uapi/errno.ts';
import { formatPrintk } from './format.ts';
import { helper } from './helper.ts';

/** The register of the first value after the format and its size. */
const FIRST_VALUE = 3;

/** The result is the length of the text, or -EINVAL for a format that bpf_trace_printk does not take. */
export const trace_printk = helper({
  id: 6,
  name: 'trace_printk',
  gplOnly: true,
  args: ['mem', 'mem_size', 'anything', 'anything', 'anything'],
  returns: 'integer',
  call(env, format, size, ...args) {
    const values = args.map((low, i) => (BigInt(env.high[i + FIRST_VALUE] ?? 0) << 32n) | BigInt(low >>> 0));
    const text = formatPrintk(env.memory.u8.subarray(format, format + size), values, (address) =>
      readString(env.memory, address),
    );
    if (text === undefined) return -errno.EINVAL;
    const line = text.endsWith('\n') ? text.slice(0, -1) : text;
    env.machine.trace.write(new TextDecoder().decode(Uint8Array.from(line, (c) => c.charCodeAt(0))));
    return text.length;
  },
});

/** A NUL-terminated string in the memory; empty where there is none. */
function readString(
  memory: { readonly u8: Uint8Array; check(address: number, size: number): boolean },
  address: bigint,
): Uint8Array {
  if (address > 0x7fffffffn || !memory.check(Number(address), 1)) return new Uint8Array(0);
  const rest = memory.u8.subarray(Number(address), Number(address) + 512);
  const end = rest.indexOf(0);
  return end < 0 ? rest : rest.subarray(0, end);
}
