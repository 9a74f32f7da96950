import { roundUp } from '../bytes/round.ts';
import { ObjectError, UsageError } from '../errors.ts';
import type { ArenaSpec, MapSpec } from '../object/spec.ts';
import type { Kernel, Mapping } from '../sys/kernel.ts';
import { BPF_F_SEGV_ON_FAULT } from '../uapi/bpf.ts';
import { orUndefined, readBytes, saying } from './calls.ts';
import type { BpfMap } from './map.ts';

/** Instructions name no place of a map's memory from here on (BPF_MAX_VAR_OFF, Linux < 7.0). */
const MAX_OFFSET = 1 << 29;
/** Of `/proc/self/auxv`, pairs of u64: the size of a page. */
const AT_PAGESZ = 6n;
const PAGE = 4096;

/** The memory of a map of type arena, at the same address for this process and for programs. */
export interface MappedArena extends Disposable {
  /** All of it. Ask for it again after any call. */
  readonly bytes: Uint8Array;
  /** The object's variables in it. */
  readonly data: Uint8Array;
  /** Where they are. Bytes from the start. */
  readonly base: number;
}

/**
 * Maps an arena where its definition says (`map_extra`), or anywhere. Kernels load no program that uses it before that. Its variables are at its end, as libbpf has
 * them: to programs the first address looks like NULL.
 */
export function mapArena(
  kernel: Kernel,
  spec: MapSpec,
  map: BpfMap,
  variables: ArenaSpec | undefined,
  isNew: boolean,
): MappedArena {
  const page = pageSize(kernel);
  const size = map.info.maxEntries * page;
  const dataSize = variables?.data.length ?? 0;
  const room = roundUp(dataSize, page);
  if (room > size)
    throw new ObjectError(
      `map ${spec.name} has ${map.info.maxEntries} pages, too few for ${dataSize} bytes of variables`,
    );
  if (room > 0 && (map.info.flags & BPF_F_SEGV_ON_FAULT) !== 0) {
    throw new ObjectError(
      `map ${spec.name} has BPF_F_SEGV_ON_FAULT, and variables, which to write would end this process; give it its flags without, or allocate what they hold by a program`,
    );
  }
  const base = Math.min(size, MAX_OFFSET) - room;
  const mapping = saying(`of ${map.label}`, () => kernel.mmap(map.fd, size, 'read and write', 0, address(map)));
  if (isNew && variables !== undefined) mapping.write(base, variables.data);
  return new Arena(mapping, base, dataSize);
}

class Arena implements MappedArena {
  readonly base: number;
  readonly #mapping: Mapping;
  readonly #dataSize: number;

  constructor(mapping: Mapping, base: number, dataSize: number) {
    this.#mapping = mapping;
    this.base = base;
    this.#dataSize = dataSize;
  }

  get bytes(): Uint8Array {
    return this.#mapping.bytes;
  }
  get data(): Uint8Array {
    return this.bytes.subarray(this.base, this.base + this.#dataSize);
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

function address({ info, label }: BpfMap): number | undefined {
  if (info.mapExtra === 0n) return undefined;
  if (info.mapExtra <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(info.mapExtra);
  throw new UsageError(`${label}: map_extra 0x${info.mapExtra.toString(16)} is no address of a process`);
}

function pageSize(kernel: Kernel): number {
  const bytes = orUndefined(['ENOENT', 'EACCES'], () => readBytes(kernel, '/proc/self/auxv', 1 << 12));
  if (bytes === undefined) return PAGE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 16 <= bytes.length; at += 16)
    if (view.getBigUint64(at, true) === AT_PAGESZ) return Number(view.getBigUint64(at + 8, true));
  return PAGE;
}
