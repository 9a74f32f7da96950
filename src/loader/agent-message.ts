import { concatBytes } from '../bytes/plain.ts';
import { BpfError, NotSupportedError } from '../errors.ts';

/**
 * What tc says to an agent that asks for the maps of an object, beside their fds, in the byte order of the machine:
 *
 *     0         2       4                    72       80       88
 *     +---------+-------+----------+---------+--------+--------+---------------------------+- - - - - - - - - - - - - - - - -+
 *     | version | count | name[64] | 4 unused| st_dev | st_ino | count × struct bpf_elf_map| "skep", count × (length, name)  |
 *     +---------+-------+----------+---------+--------+--------+---------------------------+- - - - - - - - - - - - - - - - -+
 *
 * The name is that of the object file. What is after the records is skep's: tc does not look that far. An fd that is no map has a record of zeros.
 *
 * Source: bpf_scm.h of iproute2, and what it sends.
 */
export interface AgentMessage {
  readonly object: ExportedObject;
  readonly entries: readonly AgentEntry[];
}

/** The file that maps come from. */
export interface ExportedObject {
  /** Its path, or the end of it. */
  readonly name: string;
  /** st_dev and st_ino; 0: not known. */
  readonly dev: bigint;
  readonly ino: bigint;
}

export interface AgentEntry {
  /** `bpf_elf_map.id`; 0 where a map's definition has none. */
  readonly id: number;
  /** Empty if the sender says none. */
  readonly name: string;
  /** For maps: type, key_size, value_size, max_entries, flags, as numbers. */
  readonly map:
    | readonly [type: number, keySize: number, valueSize: number, maxEntries: number, flags: number]
    | undefined;
}

/** Entries of one message: tc has no room for more. */
export const MAX_ENTRIES = 64;
const VERSION = 1;
const NAME = { offset: 4, size: 64 };
const DEV = 72;
const INO = 80;
const ENTRIES = 88;
/** struct bpf_elf_map: u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx. */
const ENTRY_SIZE = 36;
const ENTRY_ID = 20;
const MAGIC = new TextEncoder().encode('skep');
/** A name that may stand in messages, paths and environment variables as it is. */
const GOOD_NAME = /^[\w.-]{1,255}$/;

export function encodeAgentMessage({ object, entries }: AgentMessage): Uint8Array {
  const bytes = new Uint8Array(ENTRIES + ENTRY_SIZE * entries.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, VERSION, true);
  view.setUint16(2, entries.length, true);
  new TextEncoder().encodeInto(object.name, bytes.subarray(NAME.offset, NAME.offset + NAME.size - 1));
  view.setBigUint64(DEV, object.dev, true);
  view.setBigUint64(INO, object.ino, true);
  for (const [i, { id, map }] of entries.entries()) {
    const at = ENTRIES + i * ENTRY_SIZE;
    for (const [k, n] of (map ?? []).entries()) view.setUint32(at + 4 * k, n, true);
    view.setUint32(at + ENTRY_ID, id, true);
  }
  const names = entries.map(({ name }) => new TextEncoder().encode(GOOD_NAME.test(name) ? name : ''));
  return concatBytes([bytes, MAGIC, ...names.flatMap((name) => [Uint8Array.of(name.length), name])]);
}

/** Throws BpfError BAD_MESSAGE if the bytes are none, or not for `fds` fds; NotSupportedError for another version. */
export function decodeAgentMessage(bytes: Uint8Array, fds: number): AgentMessage {
  if (bytes.length < ENTRIES) throw badMessage(`it is ${bytes.length} bytes long, ${ENTRIES} at least are expected`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint16(0, true);
  if (version !== VERSION) throw new NotSupportedError(`version ${version} of tc's messages with fds`);
  const count = view.getUint16(2, true);
  const end = ENTRIES + count * ENTRY_SIZE;
  if (count !== fds || count === 0 || count > MAX_ENTRIES)
    throw badMessage(`it says that it has ${count} fds, and has ${fds}`);
  if (bytes.length < end) throw badMessage(`it is ${bytes.length} bytes long, too short for ${count} fds`);
  const names = decodeNames(bytes.subarray(end), count);
  return {
    object: {
      name: text(bytes.subarray(NAME.offset, NAME.offset + NAME.size)),
      dev: view.getBigUint64(DEV, true),
      ino: view.getBigUint64(INO, true),
    },
    entries: names.map((name, i) => {
      const at = ENTRIES + i * ENTRY_SIZE;
      const word = (k: number) => view.getUint32(at + 4 * k, true);
      const map = word(0) === 0 ? undefined : ([word(0), word(1), word(2), word(3), word(4)] as const);
      return { id: view.getUint32(at + ENTRY_ID, true), name, map };
    }),
  };
}

/** Empty ones where there are none, or none that make sense. */
function decodeNames(bytes: Uint8Array, count: number): string[] {
  const names = Array<string>(count).fill('');
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) return names;
  let at = MAGIC.length;
  return names.map(() => {
    const length = bytes[at] ?? 0;
    const name = text(bytes.subarray(at + 1, at + 1 + length));
    at += 1 + length;
    return GOOD_NAME.test(name) ? name : '';
  });
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

export function badMessage(why: string): BpfError {
  return new BpfError('BAD_MESSAGE', `a message with fds makes no sense: ${why}`);
}
