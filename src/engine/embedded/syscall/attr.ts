import { SysError } from '../../../errors.ts';
import { PATH_MAX } from '../../../sys/kernel.ts';
import {
  type AttrKind,
  type AttrKinds,
  attrAliases,
  attrConflict,
  attrFields,
  type BPF_COMMANDS,
  type BpfCmd,
} from '../../../uapi/attr.ts';
import { BPF_OBJ_NAME_LEN } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';

/**
 * Attributes as the handlers of bpf(2) get them: checked, with a zero for each number that the caller left out, and the same number under all
 * its names.
 */
export type CheckedAttr<C extends BpfCmd> = {
  -readonly [F in keyof Fields<C>]: Fields<C>[F] extends readonly [infer K extends AttrKind, number]
    ? Checked<K>
    : never;
};
type Fields<C extends BpfCmd> = (typeof BPF_COMMANDS)[C]['fields'];
type Checked<K extends AttrKind> = K extends 'u32' | 'u32!' | 'fd'
  ? number
  : K extends 'u64' | 'u64!' | 'name'
    ? AttrKinds[K]
    : K extends 'fds'
      ? readonly number[] | undefined
      : AttrKinds[K] | undefined;

/** Copies and checks what a caller gives, who may be anybody. Throws SysError EINVAL or EFAULT for what is of the wrong kind. */
export function checkAttr<C extends BpfCmd>(cmd: C, attr: unknown): CheckedAttr<C> {
  if (typeof attr !== 'object' || attr === null) {
    throw new SysError(errno.EFAULT, cmd, { detail: 'the attributes are no object' });
  }
  const given = attr as Readonly<Record<string, unknown>>; // any object can be asked for any name
  const checked: Record<string, unknown> = {};
  for (const [name, kind] of attrFields(cmd)) checked[name] = checkField(cmd, name, kind, given[name]);
  const conflict = attrConflict(cmd, given);
  if (conflict !== undefined) {
    throw new SysError(errno.EINVAL, cmd, { detail: `${conflict.join(' and ')} exclude each other; give one of them` });
  }
  for (const [one, other] of attrAliases(cmd)) checked[one] = checked[other] = checked[one] || checked[other];
  return checked as CheckedAttr<C>; // built from the rows that the type is made of
}

/** Puts the numbers that the kernel answers with into the caller's object; a frozen one keeps what it has. */
export function copyBack<C extends BpfCmd>(cmd: C, from: CheckedAttr<C>, to: object): void {
  const values: Readonly<Record<string, unknown>> = from;
  for (const [name, kind] of attrFields(cmd)) {
    if (kind === 'u32!' || kind === 'u64!') Reflect.set(to, name, values[name]);
  }
}

function checkField(cmd: BpfCmd, name: string, kind: AttrKind, value: unknown): unknown {
  switch (kind) {
    case 'u32':
    case 'u32!':
    case 'fd':
      if (value === undefined) return 0;
      if (typeof value !== 'number' || !Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) {
        throw wrong(cmd, name, 'a whole number of 32 bits');
      }
      return kind === 'fd' ? value | 0 : value >>> 0;
    case 'u64':
    case 'u64!':
      if (value === undefined) return 0n;
      if (typeof value !== 'bigint') throw wrong(cmd, name, 'a bigint');
      return BigInt.asUintN(64, value);
    case 'name':
      if (value === undefined) return '';
      if (typeof value !== 'string') throw wrong(cmd, name, 'a string');
      if (value.length >= BPF_OBJ_NAME_LEN || !/^[A-Za-z0-9_.]*$/.test(value)) {
        throw wrong(cmd, name, 'at most 15 characters of A-Z a-z 0-9 _ .');
      }
      return value;
    case 'path':
      if (value === undefined) return undefined;
      if (typeof value !== 'string') throw wrong(cmd, name, 'a string');
      if (value.includes('\0')) throw wrong(cmd, name, 'a string without NUL');
      if (value.length >= PATH_MAX) throw new SysError(errno.ENAMETOOLONG, cmd, { what: `${value.slice(0, 64)}…` });
      return value;
    case 'in':
    case 'out':
    case 'inout':
      if (value === undefined) return undefined;
      if (!ArrayBuffer.isView(value)) throw wrong(cmd, name, 'a typed array');
      // No bytes at all means no pointer: keys of queues must be NULL.
      if (value.byteLength === 0) return undefined;
      // A Buffer's slice is another one, and making a view takes as long as the rest of a lookup.
      return value.constructor === Uint8Array
        ? value
        : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    case 'u32s':
      if (value === undefined || value instanceof Uint32Array) return value;
      throw wrong(cmd, name, 'a Uint32Array');
    case 'fds':
      if (value === undefined) return undefined;
      if (!Array.isArray(value) || !value.every((fd) => Number.isInteger(fd))) throw wrong(cmd, name, 'a list of fds');
      return value.map((fd: number) => fd | 0);
    case 'strings':
      if (value === undefined) return undefined;
      if (!Array.isArray(value) || !value.every((text) => typeof text === 'string')) {
        throw wrong(cmd, name, 'a list of strings');
      }
      return [...value];
    case 'arrays':
      return checkArrays(cmd, name, value);
  }
}

function checkArrays(cmd: BpfCmd, name: string, value: unknown): Readonly<Record<string, Uint8Array>> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw wrong(cmd, name, 'an object of buffers');
  const entries: [string, unknown][] = Object.entries(value);
  return Object.fromEntries(
    entries.map(([array, bytes]): [string, Uint8Array] => {
      if (!(bytes instanceof Uint8Array)) {
        throw new SysError(errno.EFAULT, cmd, { detail: `array ${array.slice(0, 64)} is no Uint8Array` });
      }
      return [array, bytes];
    }),
  );
}

function wrong(cmd: BpfCmd, name: string, wanted: string): SysError {
  return new SysError(errno.EINVAL, cmd, { detail: `${name} has to be ${wanted}` });
}
