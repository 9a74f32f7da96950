import type { Btf, BtfValue } from '../../btf/index.ts';
import { ObjectError, UsageError } from '../../errors.ts';
import { basename } from '../../loader/bpffs.ts';
import { configText } from '../../loader/kconfig.ts';
import type { LoadOptions } from '../../loader/load.ts';
import { type BpfObject, openObject } from '../../loader/object.ts';
import { type CustomPins, parseCustomPins } from '../../loader/pin-path.ts';
import { parseBtfFile } from '../../object/index.ts';
import type { Context } from '../command.ts';

/** Opens an object file that the user named. */
export function readObject(context: Context, path: string): BpfObject {
  const object = openObject(context.readFile(path), { file: path });
  for (const note of object.spec.notes) context.note(`${basename(path)}: ${note}`);
  return object;
}

/** The file that gives pinning ids beyond PIN_GLOBAL_NS a path, as iproute2 reads it. */
export function customPins(context: Context): CustomPins {
  return parseCustomPins(context.readOptionalText('/etc/iproute2/bpf_pinning') ?? '');
}

/** `set NAME=VALUE`: what a global variable, or a part of it (`NAME.member[2]`), is in this load. The value is a number, true, false, or a text. */
export function setGlobal(object: BpfObject, word: string): void {
  const equals = word.indexOf('=');
  if (equals <= 0) throw new UsageError(`set '${word}': NAME=VALUE is expected`);
  object.setGlobal(word.slice(0, equals), globalValue(word.slice(equals + 1)));
}

function globalValue(text: string): BtfValue {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) {
    const n = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
    return n >= -0x80000000n && n <= 0xffffffffn ? Number(n) : n;
  }
  return text;
}

/** BTF from a raw file (as /sys/kernel/btf/vmlinux) or from an object's .BTF section. `base`: what split BTF goes on from. */
export function readBtfFile(context: Context, path: string, base?: Btf): Btf {
  return inFile(path, () => parseBtfFile(context.readFile(path), { file: path, base }));
}

/** A kernel's configuration, plain or packed by gzip. */
export function readKconfig(context: Context, path: string): string {
  return inFile(path, () => configText(context.readFile(path)));
}

/** Errors of what reads bytes alone get the file's name. */
export function inFile<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof ObjectError ? error.at({ file }) : error;
  }
}

/** Says whose right a load uses; as libbpf: the path of a bpffs, or nothing for none. */
const TOKEN_ENV = 'LIBBPF_BPF_TOKEN_PATH';

/** What every load of a command is given. */
export function loadDefaults({ env }: Context): Pick<LoadOptions, 'token'> {
  const path = env[TOKEN_ENV];
  return { token: path === '' ? false : path };
}
