import { formatText, readValues } from './format.ts';
import { type HelperEnv, helper } from './helper.ts';

/** The longest text that one call puts into the trace log. Bytes with the NUL. */
const MAX_TEXT = 1024;
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
    return print(env, format, size, values);
  },
});

/** As bpf_trace_printk, with the values in an array of up to twelve u64. */
export const trace_vprintk = helper({
  id: 177,
  name: 'trace_vprintk',
  gplOnly: true,
  args: ['mem', 'mem_size', 'mem_or_null', 'mem_size'],
  returns: 'integer',
  call(env, format, size, data, dataSize) {
    const values = readValues(env.memory.dv, data, dataSize);
    return typeof values === 'number' ? values : print(env, format, size, values);
  },
});

/** Writes the text into a buffer. The result is its whole length with the NUL, of which the buffer has what fits. */
export const snprintf = helper({
  id: 165,
  name: 'snprintf',
  gplOnly: true,
  args: ['mem_or_null', 'mem_size', 'const_str', 'mem_or_null', 'mem_size'],
  returns: 'integer',
  call(env, out, outSize, format, data, dataSize) {
    const values = readValues(env.memory.dv, data, dataSize);
    if (typeof values === 'number') return values;
    const text = formatText(format, values, (address, size) => readBytes(env, address, size));
    if (typeof text === 'number') return text;
    const fits = Math.min(text.length, outSize - 1);
    for (let i = 0; i < fits; i++) env.memory.u8[out + i] = text.charCodeAt(i);
    if (fits >= 0) env.memory.u8[out + fits] = 0;
    return text.length + 1;
  },
});

function print(env: HelperEnv, format: number, size: number, values: readonly bigint[]): number {
  const bytes = env.memory.u8.subarray(format, format + size);
  const text = formatText(bytes, values, (address, length) => readBytes(env, address, length));
  if (typeof text === 'number') return text;
  const kept = text.slice(0, MAX_TEXT - 1);
  const line = kept.endsWith('\n') ? kept.slice(0, -1) : kept;
  env.machine.trace.write(new TextDecoder().decode(Uint8Array.from(line, (c) => c.charCodeAt(0))));
  return text.length;
}

/** Up to `size` bytes of the memory; none where the address leads nowhere. */
export function readBytes({ memory }: HelperEnv, address: bigint, size: number): Uint8Array {
  if (address > 0x7fffffffn || !memory.check(Number(address), 1)) return new Uint8Array(0);
  return memory.u8.subarray(Number(address), Number(address) + size);
}
