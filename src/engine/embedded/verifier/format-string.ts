import type { Env } from './env.ts';

/** bpf_snprintf: the format, which is constant, and as many numbers as it takes. */
export function checkFormat(env: Env): void {
  const format = env.reg(3);
  const length = env.reg(5);
  if ((length.num.value.low & 7) !== 0) env.fail('EINVAL', 'Invalid format string');
  const at = format.off + format.num.smin.number;
  const map = format.map;
  const bytes = map?.read?.(at, map.valueSize - at);
  if (bytes === undefined) env.fail('EFAULT', 'direct value access on string failed');
  const wanted = countConversions(bytes.subarray(0, bytes.indexOf(0)));
  if (wanted === undefined || wanted > length.num.value.unsignedNumber / 8) env.fail('EINVAL', 'Invalid format string');
}

const PRINTABLE_MAX = 0x7f;
/** Behind the `%`. */
const CONVERSION = /^[0 +-]*(?:[1-9]\d*)?(?:p(?:[KxsSB]|[ku]s|[iI][46]|(?![A-Za-z0-9]))|s|c|l{0,2}[diuxX])/;

/** Numbers that a format takes; `undefined`: it is none. Source: bpf_bprintf_prepare. */
export function countConversions(format: Uint8Array): number | undefined {
  let count = 0;
  for (let i = 0; i < format.length; i++) {
    const byte = format[i] ?? 0;
    if (byte >= PRINTABLE_MAX || (byte < 0x20 && !(byte >= 9 && byte <= 13))) return undefined;
    if (byte !== 0x25) continue;
    if (format[i + 1] === 0x25) {
      i++;
      continue;
    }
    const rest = String.fromCharCode(...format.subarray(i + 1, i + 16));
    const found = CONVERSION.exec(rest);
    if (found === null) return undefined;
    i += found[0].length;
    count++;
  }
  return count > 12 ? undefined : count;
}
