import { errno } from '../../../uapi/errno.ts';

/** Values that one call takes with bpf_snprintf and bpf_trace_vprintk. */
const MAX_VALUES = 12;
/** Bytes that the values of one call and the strings behind them take together. */
const MAX_BINARY = 2048;
/** A field is not made wider. Linux does, up to 8 MiB. */
const MAX_WIDTH = 1024;

/** What a conversion reads behind an address: up to `size` bytes, fewer where the memory ends. */
export type ReadBytes = (address: bigint, size: number) => Uint8Array;

interface Conversion {
  /** Any of `-`, `+`, space and `0`. */
  readonly flags: string;
  /** 0 where none is given. */
  readonly width: number;
  /** `l`s before the letter: without one the value has 32 bits. */
  readonly long: boolean;
  /** The letter, or `p` and the letters that belong to it. */
  readonly kind: string;
}

/**
 * The text of a format and its values as bpf_trace_printk and bpf_snprintf make it, or -errno. `format` must hold a NUL; `args` are 64-bit words. The text has
 * one character a byte: it may be UTF-8, and its length counts.
 *
 * -EINVAL for control characters, for more conversions than values, and for conversions that Linux refuses. %d %i %u %x %X are known with l, ll or
 * no length, %c, %s, %p and its kin (%px %pK %ps %pS %pB %pks %pus %pi4 %pI4 %pi6 %pI6), with flags and a width. -ENOSPC where the strings are longer
 * than the kernel's buffer.
 */
export function formatText(format: Uint8Array, args: readonly bigint[], read: ReadBytes): string | number {
  const end = format.indexOf(0);
  if (end < 0) return -errno.EINVAL;
  let source = '';
  for (const byte of format.subarray(0, end)) {
    if (!isPrintable(byte)) return -errno.EINVAL;
    source += String.fromCharCode(byte);
  }
  let used = 0;
  let room = MAX_BINARY;
  let text = '';
  let at = 0;
  for (let percent = source.indexOf('%'); percent >= 0; percent = source.indexOf('%', at)) {
    text += source.slice(at, percent);
    if (source[percent + 1] === '%') {
      text += '%';
      at = percent + 2;
      continue;
    }
    const found = parseConversion(source.slice(percent));
    const value = args[used++];
    if (found === undefined || value === undefined) return -errno.EINVAL;
    if (room <= 0) return -errno.ENOSPC;
    const converted = convert(found.conversion, value, (address, size) => read(address, Math.min(size, room)));
    // A string with its NUL, else the value itself.
    room -= found.conversion.kind === 's' ? converted.length + 1 : found.conversion.long ? 8 : 4;
    text += pad(found.conversion, converted);
    at = percent + found.length;
  }
  return text + source.slice(at);
}

/** The values of bpf_snprintf and bpf_trace_vprintk: an array of u64 of `size` bytes. -EINVAL if they are too many or no whole words. */
export function readValues(view: DataView, data: number, size: number): bigint[] | number {
  if (size % 8 !== 0 || size > MAX_VALUES * 8) return -errno.EINVAL;
  return Array.from({ length: size / 8 }, (_, i) => view.getBigUint64(data + i * 8, true));
}

/** Letters, signs and white space; and every byte beyond ASCII, for UTF-8. */
function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || (byte >= 0x09 && byte <= 0x0d);
}

/** What begins with this `%`, and how many characters it takes; `undefined` for what Linux refuses. */
function parseConversion(source: string): { conversion: Conversion; length: number } | undefined {
  const [head = '', flags = '', digits = ''] = /^%([-+ 0]*)([1-9]\d*)?/.exec(source) ?? [];
  const rest = source.slice(head.length);
  const found =
    /^(?:(l{0,2})([diuxX])|(c)|([sp])(?![a-zA-Z0-9])|p([ku]s)(?![a-zA-Z0-9])|(p(?:[KxsSB]|[iI][46]))[a-zA-Z0-9]*)/.exec(
      rest,
    );
  if (found === null) return undefined;
  const [whole, long = '', number, char, plain, string, pointer] = found;
  const kind = number ?? char ?? plain ?? (string === undefined ? undefined : 's') ?? pointer ?? '';
  const width = string === undefined ? Math.min(Number(digits), MAX_WIDTH) : 0;
  return { conversion: { flags, width, long: long !== '' || plain === 'p', kind }, length: head.length + whole.length };
}

function convert({ kind, long }: Conversion, value: bigint, read: ReadBytes): string {
  const bits = long ? 64 : 32;
  const address = BigInt.asUintN(64, value);
  switch (kind) {
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
    case 's':
      return readString(read(address, MAX_BINARY));
    case 'pi4':
    case 'pI4':
      return ipv4(wholeAddress(read(address, 4), 4), kind === 'pi4' ? 3 : 1);
    case 'pi6':
    case 'pI6':
      return ipv6(wholeAddress(read(address, 16), 16), kind === 'pi6' ? '' : ':');
    case 'ps':
    case 'pS':
    case 'pB':
      // No function of this kernel has an address.
      return `0x${address.toString(16)}`;
    default:
      return address.toString(16);
  }
}

/** Up to the NUL; the last byte is kept for one. */
function readString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length - 1 : end));
}

/** Zeros where it cannot be read as a whole. */
function wholeAddress(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.length === size ? bytes : new Uint8Array(size);
}

function ipv4(bytes: Uint8Array, digits: number): string {
  return Array.from(bytes, (byte) => String(byte).padStart(digits, '0')).join('.');
}

function ipv6(bytes: Uint8Array, separator: string): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  return Array.from({ length: 8 }, (_, i) => `${hex[i * 2]}${hex[i * 2 + 1]}`).join(separator);
}

/** Only numbers get signs and zeros. An IP address is printed as it is, whatever the width. */
function pad({ kind, flags, width }: Conversion, text: string): string {
  if (/^p([iI][46]|B)$/.test(kind)) return text;
  const isPointer = kind === 'p' || kind === 'px' || kind === 'pK';
  if (isPointer && width === 0) return text.padStart(16, '0');
  const isSigned = kind === 'd' || kind === 'i';
  const negative = isSigned && text.startsWith('-');
  const sign = negative ? '-' : !isSigned ? '' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const digits = negative ? text.slice(1) : text;
  if (flags.includes('-')) return (sign + digits).padEnd(width);
  const isNumber = isSigned || isPointer || kind === 'u' || kind === 'x' || kind === 'X';
  return isNumber && flags.includes('0')
    ? sign + digits.padStart(width - sign.length, '0')
    : (sign + digits).padStart(width);
}
