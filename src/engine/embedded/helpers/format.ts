/** The longest text that one call prints. Bytes with the NUL. */
const MAX_TEXT = 1024;

/**
 * The text of a bpf_trace_printk. `format` must end with a NUL; `args` are the values of r3 to r5, signed 64 bits; `readString` gets the bytes
 * behind a `%s`.
 *
 * Of printf's conversions these are known: %d %i %u %x %X with l, ll or no length (32 bits), %c, %p, %s, %%, with a field width, `0` and `-`.
 * Other words are printed by the kernel too (%pI4 and its kin) or refused; here they are refused: `undefined`, as for more conversions than
 * arguments and for control characters.
 * The text has one character a byte: it may be UTF-8, and its length is what the helper answers.
 */
export function formatPrintk(
  format: Uint8Array,
  args: readonly bigint[],
  readString: (address: bigint) => Uint8Array,
): string | undefined {
  const end = format.indexOf(0);
  if (end < 0) return undefined;
  let source = '';
  for (const byte of format.subarray(0, end)) {
    if (!isPrintable(byte)) return undefined;
    source += String.fromCharCode(byte);
  }
  let used = 0;
  let text = '';
  let at = 0;
  while (at < source.length) {
    const percent = source.indexOf('%', at);
    if (percent < 0) return (text + source.slice(at)).slice(0, MAX_TEXT - 1);
    text += source.slice(at, percent);
    if (source[percent + 1] === '%') {
      text += '%';
      at = percent + 2;
      continue;
    }
    const found = /^%([-+ 0]*)(\d*)(l{0,2})([diuxXcps])/.exec(source.slice(percent));
    const value = args[used++];
    if (found === null || value === undefined) return undefined;
    const [whole, flags = '', width = '', length = '', conversion = ''] = found;
    if ((conversion === 'p' || conversion === 's' || conversion === 'c') && length !== '') return undefined;
    // What follows %p or %s must not read as a longer word, such as %pI4.
    if (conversion === 'p' && /^[a-zA-Z0-9%]/.test(source.slice(percent + whole.length))) return undefined;
    const converted = convert(conversion, length, value, readString);
    text += pad(converted, flags, Math.min(Number(width), MAX_TEXT));
    at = percent + whole.length;
    if (text.length >= MAX_TEXT) break;
  }
  return text.slice(0, MAX_TEXT - 1);
}

/** Letters, signs and white space; and every byte beyond ASCII, for UTF-8. */
function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || (byte >= 0x09 && byte <= 0x0d);
}

function convert(
  conversion: string,
  length: string,
  value: bigint,
  readString: (address: bigint) => Uint8Array,
): string {
  const bits = length === '' ? 32 : 64;
  switch (conversion) {
    case 'd':
    case 'i':
      return String(BigInt.asIntN(bits, value));
    case 'u':
      return String(BigInt.asUintN(bits, value));
    case 'x':
      return BigInt.asUintN(bits, value).toString(16);
    case 'X':
      return BigInt.asUintN(bits, value).toString(16).toUpperCase();
    case 'c':
      return String.fromCharCode(Number(BigInt.asUintN(8, value)));
    case 'p':
      return BigInt.asUintN(64, value).toString(16).padStart(16, '0');
    default:
      return String.fromCharCode(...readString(BigInt.asUintN(64, value)));
  }
}

function pad(text: string, flags: string, width: number): string {
  if (flags.includes('-')) return text.padEnd(width);
  if (!flags.includes('0')) return text.padStart(width);
  return text.startsWith('-') ? `-${text.slice(1).padStart(width - 1, '0')}` : text.padStart(width, '0');
}
