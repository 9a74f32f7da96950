import { toHex } from '../bytes/hex.ts';
import { splitMessages } from '../net/message.ts';
import { type AttrKind, attrFields, type BpfCmd } from '../uapi/attr.ts';
import {
  ATTACH_TYPES,
  BPF_F_CLONE,
  BPF_F_INNER_MAP,
  BPF_F_MMAPABLE,
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  BPF_F_PRESERVE_ELEMS,
  BPF_F_RDONLY,
  BPF_F_RDONLY_PROG,
  BPF_F_STACK_BUILD_ID,
  BPF_F_TOKEN_FD,
  BPF_F_WRONLY,
  BPF_F_WRONLY_PROG,
  BPF_F_ZERO_SEED,
  MAP_TYPES,
  PROG_TYPES,
} from '../uapi/bpf.ts';
import {
  BPF_F_AFTER,
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_PREORDER,
  BPF_F_QUERY_EFFECTIVE,
  BPF_F_RELATIVE_LINK,
  BPF_F_REPLACE,
} from '../uapi/link.ts';
import {
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_MULTI,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  nlmsgTypeName,
} from '../uapi/netlink.ts';
import type { PerfEventAttr } from '../uapi/perf.ts';

/** Bytes of a buffer, characters of a text and names of a list that are printed. */
const SHOWN = 32;

/** Fields that are one of several names: the table, and what stands before a name in C. */
const ENUMS: Readonly<Record<string, readonly [prefix: string, names: readonly string[]]>> = {
  map_type: ['BPF_MAP_TYPE_', MAP_TYPES],
  prog_type: ['BPF_PROG_TYPE_', PROG_TYPES],
  attach_type: ['BPF_', ATTACH_TYPES],
  expected_attach_type: ['BPF_', ATTACH_TYPES],
};

/** Fields that are bits. `flags` and `elem_flags` of the element commands are no bits but BPF_ANY, BPF_NOEXIST, …: see below. */
const FLAGS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  map_flags: {
    BPF_F_NO_PREALLOC,
    BPF_F_NO_COMMON_LRU,
    BPF_F_NUMA_NODE,
    BPF_F_RDONLY,
    BPF_F_WRONLY,
    BPF_F_STACK_BUILD_ID,
    BPF_F_ZERO_SEED,
    BPF_F_RDONLY_PROG,
    BPF_F_WRONLY_PROG,
    BPF_F_CLONE,
    BPF_F_MMAPABLE,
    BPF_F_PRESERVE_ELEMS,
    BPF_F_INNER_MAP,
    BPF_F_TOKEN_FD,
  },
  prog_flags: { BPF_F_TOKEN_FD },
  btf_flags: { BPF_F_TOKEN_FD },
  file_flags: { BPF_F_RDONLY, BPF_F_WRONLY },
  open_flags: { BPF_F_RDONLY, BPF_F_WRONLY },
  attach_flags: {
    BPF_F_ALLOW_OVERRIDE,
    BPF_F_ALLOW_MULTI,
    BPF_F_REPLACE,
    BPF_F_BEFORE,
    BPF_F_AFTER,
    BPF_F_ID,
    BPF_F_PREORDER,
    BPF_F_LINK: BPF_F_RELATIVE_LINK,
  },
  query_flags: { BPF_F_QUERY_EFFECTIVE },
};
/** What `flags` are, of the commands that have bits there. */
const COMMAND_FLAGS: { readonly [C in BpfCmd]?: Readonly<Record<string, number>> } = {
  BPF_LINK_CREATE: {
    BPF_F_REPLACE,
    BPF_F_BEFORE,
    BPF_F_AFTER,
    BPF_F_ID,
    BPF_F_PREORDER,
    BPF_F_LINK: BPF_F_RELATIVE_LINK,
  },
  BPF_LINK_UPDATE: { BPF_F_REPLACE },
};

const UPDATE_FLAGS = ['BPF_ANY', 'BPF_NOEXIST', 'BPF_EXIST', '0x3', 'BPF_F_LOCK'];

/** What a call's attributes were before it: numbers that the kernel overwrites. */
export function numbersBefore(cmd: BpfCmd, attr: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  return new Map(
    attrFields(cmd).flatMap(([name, kind]): [string, unknown][] => (kind.endsWith('!') ? [[name, attr[name]]] : [])),
  );
}

/** `{map_type=BPF_MAP_TYPE_HASH, key_size=4}`: the fields that were given and are not zero, in the order of the union. */
export function attrText(
  cmd: BpfCmd,
  attr: Readonly<Record<string, unknown>>,
  before: ReadonlyMap<string, unknown>,
): string {
  const fields = attrFields(cmd).flatMap(([name, kind]) => {
    const text = fieldText(cmd, name, kind, attr[name], before.get(name));
    return text === undefined ? [] : [`${name}=${text}`];
  });
  return `{${fields.join(', ')}}`;
}

/** `{type=2, config=17}`: the fields of struct perf_event_attr that were given and are not zero. */
export function perfEventText(attr: PerfEventAttr): string {
  const fields = Object.entries(attr).flatMap(([name, value]) => {
    if (value === undefined || isZero(value)) return [];
    if (typeof value === 'string') return [`${name}=${quote(value)}`];
    return [`${name}=${name === 'flags' ? hex(value) : value}`];
  });
  return `{${fields.join(', ')}}`;
}

function fieldText(cmd: BpfCmd, name: string, kind: AttrKind, value: unknown, before: unknown): string | undefined {
  if (value === undefined) return undefined;
  switch (kind) {
    case 'fd':
      return String(value);
    case 'path':
    case 'name':
      return value === '' ? undefined : quote(String(value));
    case 'u32':
    case 'u64':
      return numberText(cmd, name, value);
    case 'u32!':
    case 'u64!': {
      const was = isZero(before) ? undefined : String(before);
      if (was === undefined) return isZero(value) ? undefined : String(value);
      return was === String(value) ? was : `${was} => ${value}`;
    }
    case 'in':
    case 'out':
    case 'inout':
    case 'u32s':
      return ArrayBuffer.isView(value) ? bytesText(value) : '?';
    case 'strings':
      return Array.isArray(value) ? listText(value.map((text) => quote(String(text)))) : '?';
    case 'fds':
      return Array.isArray(value) ? listText(value.map(String)) : '?';
    case 'arrays':
      return `{${Object.entries(value ?? {})
        .map(([array, bytes]) => `${array}=${ArrayBuffer.isView(bytes) ? bytesText(bytes) : '?'}`)
        .join(', ')}}`;
  }
}

function numberText(cmd: BpfCmd, name: string, value: unknown): string | undefined {
  const n = Number(value);
  const named = ENUMS[name];
  if (named !== undefined) {
    const word = named[1][n];
    return word === undefined ? String(value) : `${named[0]}${word.toUpperCase()}`;
  }
  if (isZero(value)) return undefined;
  const bits = name === 'flags' ? COMMAND_FLAGS[cmd] : FLAGS[name];
  if (bits !== undefined) return flagsText(n, bits);
  if (name === 'flags' && cmd === 'BPF_MAP_UPDATE_ELEM') return UPDATE_FLAGS[n] ?? hex(n);
  return name.endsWith('flags') ? hex(n) : String(value);
}

/** `NLM_F_REQUEST|NLM_F_ACK`; bits without a name in hex. */
export function flagsText(value: number, names: Readonly<Record<string, number>>): string {
  const words: string[] = [];
  let rest = value;
  for (const [name, bits] of Object.entries(names)) {
    if ((rest & bits) !== bits) continue;
    words.push(name);
    rest &= ~bits;
  }
  if (rest !== 0 || words.length === 0) words.push(hex(rest >>> 0));
  return words.join('|');
}

/** `0x0102…/64` for 64 bytes; what is over 32 bytes is left out. */
export function bytesText(view: ArrayBufferView): string {
  const shown = new Uint8Array(view.buffer, view.byteOffset, Math.min(view.byteLength, SHOWN));
  return `0x${toHex(shown)}${view.byteLength > SHOWN ? '…' : ''}/${view.byteLength}`;
}

export function listText(words: readonly string[]): string {
  return `[${words.slice(0, SHOWN).join(', ')}${words.length > SHOWN ? `, … (${words.length})` : ''}]`;
}

export function quote(text: string): string {
  return JSON.stringify(text);
}

export function hex(n: number | bigint): string {
  return `0x${n.toString(16)}`;
}

/** `[{nlmsg_type=RTM_GETLINK, nlmsg_flags=NLM_F_REQUEST|NLM_F_DUMP, payload=0x…/16}]`, or the bytes if they are no messages. */
export function messagesText(bytes: Uint8Array): string {
  try {
    return listText(
      splitMessages(bytes).map(({ type, flags, payload }) => {
        const name = nlmsgTypeName(type);
        return `{nlmsg_type=${name}, nlmsg_flags=${messageFlags(name, flags)}, payload=${bytesText(payload)}}`;
      }),
    );
  } catch {
    return bytesText(bytes);
  }
}

/** Bits 8 and up of the flags depend on whether the message asks for something or changes something. */
function messageFlags(type: string, flags: number): string {
  const names: Readonly<Record<string, number>> = type.startsWith('RTM_GET')
    ? { NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_ECHO, NLM_F_DUMP }
    : { NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_ECHO, NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE };
  return flagsText(flags, names);
}

function isZero(value: unknown): boolean {
  return value === undefined || value === 0 || value === 0n;
}
