import { Gunzip } from 'fflate';
import { concatBytes } from '../bytes/plain.ts';
import { NotSupportedError, ObjectError, UsageError } from '../errors.ts';
import { encodeInsns, parseAssembly } from '../isa/index.ts';
import type { KconfigExtern } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import { progTypeNumber } from '../uapi/bpf.ts';
import { orUndefined, readBytes, readText } from './calls.ts';
import { findSymbols } from './kallsyms.ts';

/** Bytes of a kernel's configuration at most, packed and unpacked: a distribution's has 300,000. */
const MAX_CONFIG = 1 << 24;
/** What is unpacked at a time: a small file can claim to be a thousand times as large. */
const SLICE = 1 << 14;

/**
 * The content of `.kconfig`: the values of an object's `__kconfig` variables, from `given` (the text of a configuration, whose lines win) and else
 * from the configuration of the kernel in use (/boot/config-RELEASE, /proc/config.gz). `LINUX_KERNEL_VERSION` and the like are found out.
 *
 * Throws NotSupportedError if a variable that is not weak has no value, UsageError if a value does not fit its variable.
 */
export function kconfigContent(
  kernel: Kernel,
  externs: readonly KconfigExtern[],
  given: string | undefined,
): { readonly content: Uint8Array; readonly warnings: readonly string[] } {
  const wanted = new Set(externs.map((extern) => extern.name));
  const values = new Map<string, string>();
  readConfig(given ?? '', wanted, values);
  if (externs.some(({ name }) => name.startsWith('CONFIG_') && !values.has(name)))
    readConfig(kernelConfig(kernel)?.text ?? '', wanted, values);
  const warnings: string[] = [];
  const content = new Uint8Array(Math.max(0, ...externs.map(({ offset, size }) => offset + size)));
  for (const extern of externs) {
    const { name, offset, size } = extern;
    const value = values.get(name) ?? virtualValue(kernel, name)?.toString();
    const target = content.subarray(offset, offset + size);
    if (value !== undefined) encode(extern, value, target, warnings);
    else if (!extern.weak) throw missing(name, given);
  }
  return { content, warnings };
}

function missing(name: string, given: string | undefined): NotSupportedError {
  const where =
    given === undefined ? "this kernel's configuration lacks" : "the configuration given and this kernel's lack";
  return new NotSupportedError(`an object that needs ${name}, which ${where},`, {
    instead: 'say it with the option kconfig, or declare it __weak in the program',
  });
}

/**
 * Those of the wanted options that the configuration of the kernel in use sets, as they stand there (`y`, `m`, `250`, `"text"`), and the file that says so. `undefined`
 * where the kernel does not show it.
 */
export function configOptions(
  kernel: Kernel,
  wanted: ReadonlySet<string>,
): { readonly path: string; readonly values: ReadonlyMap<string, string> } | undefined {
  const config = kernelConfig(kernel);
  if (config === undefined) return undefined;
  const values = new Map<string, string>();
  readConfig(config.text, wanted, values);
  return { path: config.path, values };
}

/** Takes the lines `NAME=VALUE` of the wanted names; the first one counts. */
function readConfig(text: string, wanted: ReadonlySet<string>, values: Map<string, string>): void {
  for (const [, name = '', value = ''] of text.matchAll(/^(CONFIG_\w+)=(.*?)\s*$/gm)) {
    if (wanted.has(name) && !values.has(name)) values.set(name, value);
  }
}

/** `undefined` where the kernel does not show it. */
function kernelConfig(kernel: Kernel): { readonly path: string; readonly text: string } | undefined {
  const release = kernelRelease(kernel);
  const paths = [...(release === undefined ? [] : [`/boot/config-${release}`]), '/proc/config.gz'];
  for (const path of paths) {
    const bytes = orUndefined(['ENOENT', 'ENOTDIR', 'EACCES'], () => readBytes(kernel, path, MAX_CONFIG));
    if (bytes !== undefined) return { path, text: configText(bytes) };
  }
  return undefined;
}

/** The text of a kernel's configuration, which may be packed by gzip. Throws ObjectError if it is damaged, or larger than 16 MiB. */
export function configText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzip(bytes) : bytes);
}

function gunzip(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let left = MAX_CONFIG;
  const stream = new Gunzip((part) => {
    parts.push(part);
    left -= part.length;
  });
  try {
    for (let at = 0; at < bytes.length && left >= 0; at += SLICE)
      stream.push(bytes.subarray(at, at + SLICE), at + SLICE >= bytes.length);
  } catch (cause) {
    throw new ObjectError('the configuration is packed, and damaged', {}, { cause });
  }
  if (left < 0) throw new ObjectError(`the configuration has more than ${MAX_CONFIG} bytes`);
  return concatBytes(parts);
}

function kernelRelease(kernel: Kernel): string | undefined {
  return orUndefined(['ENOENT', 'ENOTDIR'], () => readText(kernel, '/proc/sys/kernel/osrelease'))?.trim();
}

/** What libbpf offers besides the configuration. `undefined`: no such thing. */
function virtualValue(kernel: Kernel, name: string): number | undefined {
  switch (name) {
    case 'LINUX_KERNEL_VERSION':
      return versionCode(kernel);
    case 'LINUX_HAS_BPF_COOKIE':
      return hasBpfCookie(kernel) ? 1 : 0;
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      return findSymbols(kernel, (symbol) => /^__\w+_sys_bpf$/.test(symbol)).size > 0 ? 1 : 0;
    default:
      return undefined;
  }
}

/**
 * KERNEL_VERSION(a, b, c) of the kernel in use; `undefined` where it does not say it. Ubuntu and Debian say the version that theirs is made from elsewhere
 * than in the release; before the `#` of a Debian is also the version of its compiler.
 */
export function versionCode(kernel: Kernel): number | undefined {
  const text = (path: string) => orUndefined(['ENOENT', 'ENOTDIR'], () => readText(kernel, path));
  const sources = [
    /(\d+)\.(\d+)\.(\d+)\s*$/.exec(text('/proc/version_signature') ?? ''),
    / #\d.* Debian (\d+)\.(\d+)\.(\d+)/.exec(text('/proc/version') ?? ''),
    /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(kernelRelease(kernel) ?? ''),
  ];
  const [, a, b, c] = sources.find((match) => match !== null) ?? [];
  return a === undefined ? undefined : (Number(a) << 16) | (Number(b) << 8) | Math.min(Number(c ?? 0), 255);
}

/** Whether the kernel keeps a number for each attachment (Linux >= 5.15). */
export function hasBpfCookie(kernel: Kernel): boolean {
  const insns = encodeInsns(parseAssembly('call 174\nexit'));
  const attr = { prog_type: progTypeNumber.tracepoint, insn_cnt: 2, insns, license: 'GPL' };
  const fd = orUndefined(['EINVAL', 'EPERM', 'ENOTSUPP', 'EACCES'], () => kernel.bpf('BPF_PROG_LOAD', attr));
  if (fd !== undefined) kernel.close(fd);
  return fd !== undefined;
}

const TRISTATE: Readonly<Record<string, number>> = { n: 0, y: 1, m: 2 };

/** Puts a value as it stands in a configuration into its variable. */
function encode(extern: KconfigExtern, value: string, target: Uint8Array, warnings: string[]): void {
  const { name, as, size } = extern;
  const misfit = (what: string) => new UsageError(`${name}=${value}: ${what}`);
  const text = /^"(.*)"$/.exec(value)?.[1];
  if (text !== undefined) {
    if (as !== 'chars') throw misfit(`the program declares it as ${as}, not as an array of char`);
    const bytes = new TextEncoder().encode(text);
    if (bytes.length >= size) warnings.push(`${name}=${value} is cut off after ${size - 1} bytes`);
    target.set(bytes.subarray(0, size - 1));
    return;
  }
  const state = TRISTATE[value];
  if (state !== undefined) {
    if (as === 'char') target[0] = value.charCodeAt(0);
    else if (as === 'tristate' || (as === 'bool' && value !== 'm')) target[0] = state;
    else throw misfit(`the program declares it as ${as}`);
    return;
  }
  const n = integer(value);
  if (as === 'bool' && (n === 0n || n === 1n)) target[0] = Number(n);
  else if (as === 'int' || as === 'char') setInteger(extern, n, target, misfit);
  else throw misfit(`the program declares it as ${as}`);
}

/** As strtoull(3) with base 0. `undefined` for what is no number. */
function integer(text: string): bigint | undefined {
  const [, sign = '', digits = ''] = /^([-+]?)(0[xX][0-9a-fA-F]+|\d+)$/.exec(text) ?? [];
  if (digits === '' || digits.length > 32 || /^0\d*[89]/.test(digits)) return undefined;
  const n = BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return sign === '-' ? -n : n;
}

function setInteger(
  { size, signed }: KconfigExtern,
  n: bigint | undefined,
  target: Uint8Array,
  misfit: (what: string) => UsageError,
): void {
  if (n === undefined) throw misfit('this is neither y, n or m, nor a number, nor a text in quotes');
  const fits = n === (signed ? BigInt.asIntN(8 * size, n) : BigInt.asUintN(8 * size, n));
  if (!fits) throw misfit(`it does not fit in ${size} ${signed ? 'signed ' : ''}bytes`);
  const bits = new Uint8Array(8);
  new DataView(bits.buffer).setBigInt64(0, BigInt.asIntN(64, n), true);
  target.set(bits.subarray(0, size));
}
