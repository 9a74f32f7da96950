import fc from 'fast-check';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { isPerCpuMap, mapTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfMapInfo } from '../../src/uapi/info.ts';
import { outcome, type Session } from '../contract/session.ts';
import { valueBtf } from '../contract/value-btf.ts';

type Type = keyof typeof mapTypeNumber;

const HASHES: readonly Type[] = ['hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash', 'hash_of_maps', 'devmap_hash'];
const KEYLESS: readonly Type[] = ['queue', 'stack', 'bloom_filter'];
const RINGS: readonly Type[] = ['ringbuf', 'user_ringbuf'];
const OF_FDS: readonly Type[] = ['prog_array', 'perf_event_array', 'array_of_maps', 'hash_of_maps', 'cpumap'];
/** An LRU map evicts by rules of its own on each kernel, so it gets more room than there are keys. */
const LRU_ENTRIES = 1024;

// biome-ignore format: a list
const TYPES: readonly Type[] = [
  'hash', 'array', 'percpu_hash', 'percpu_array', 'lru_hash', 'lru_percpu_hash', 'lpm_trie', 'queue', 'stack', 'bloom_filter', 'prog_array',
  'perf_event_array', 'array_of_maps', 'hash_of_maps', 'devmap', 'devmap_hash', 'cpumap', 'ringbuf', 'user_ringbuf',
];

/** Mostly `usual`, at times something else. */
const mostly = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(usual, ...others) });

const shape = fc.constantFrom(...TYPES).chain((type) => {
  const keySize = KEYLESS.includes(type) || RINGS.includes(type) ? 0 : type === 'lpm_trie' ? 8 : 4;
  const valueSize = RINGS.includes(type) ? 0 : OF_FDS.includes(type) || type.startsWith('devmap') ? 4 : 8;
  const entries = type.startsWith('lru') ? LRU_ENTRIES : RINGS.includes(type) ? 4096 : type === 'cpumap' ? 2 : 3;
  return fc.record({
    type: fc.constant(type),
    keySize: mostly(keySize, 0, 1, 3, 4, 5, 8, 12, 600),
    valueSize: mostly(valueSize, 0, 1, 4, 7, 8, 9, 16, 24, 33_000),
    // How many CPUs there may be is each kernel's own.
    entries:
      type === 'cpumap'
        ? mostly(2, 0, 1)
        : type.startsWith('lru')
          ? mostly(entries, 0)
          : mostly(entries, 0, 1, 2, 5, 4096, 6000, LRU_ENTRIES),
    flags: mostly(type === 'lpm_trie' ? 1 : 0, ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 384, 1024, 4096, 8192, 24]),
    extra: mostly(0n, 1n, 15n, 16n),
    lock: mostly(false, true),
  });
});
export type Shape = typeof shape extends fc.Arbitrary<infer S> ? S : never;

const key = fc.nat(5);
const flags = mostly(0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 1n << 32n, 1n << 63n);
/** Bytes that a buffer is longer than it has to be. Shorter ones the Linux engine refuses by itself, before the kernel can say what else is wrong. */
const longer = mostly(0, 1, 8);
const value = fc.nat(6);
/** Whether the call goes by the first fd of the map, or by one that only reads or only writes. */
const through = mostly<'both' | 'read' | 'write'>('both', 'read', 'write');

// biome-ignore format: a line an operation
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('update' as const), key, value, flags, longer, through }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('lookup' as const), key, value, flags, longer, through }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), key, value, flags, longer, through }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('take' as const), key, value, flags, longer, through }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('next' as const, 'first' as const), key, value, flags, longer, through }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('walk' as const, 'info' as const, 'freeze' as const), key, value, flags, longer, through }) },
  { weight: 3, arbitrary: fc.record({
    op: fc.constantFrom('lookup batch' as const, 'take batch' as const, 'update batch' as const, 'delete batch' as const), key, value, flags, longer, through }) },
);
export type Operation = typeof operation extends fc.Arbitrary<infer O> ? O : never;

export const mapSequence = fc.record({ shape, operations: fc.array(operation, { maxLength: 25 }) });
type Sequence = typeof mapSequence extends fc.Arbitrary<infer S> ? S : never;

/** What a kernel answers to each call, as lines that are the same on every kernel. */
export function runMaps(session: Session, { shape, operations }: Sequence, cpus: number): string[] {
  const said: string[] = [];
  const made = outcome(() => new Bench(session, shape, cpus));
  if (!(made instanceof Bench)) return [`create: ${String(made)}`];
  for (const operation of operations) said.push(`${operation.op}: ${made.run(operation)}`);
  return said;
}

class Bench {
  readonly #session: Session;
  readonly #shape: Shape;
  readonly #fds: Readonly<Record<'both' | 'read' | 'write', Fd>>;
  readonly #values: readonly (number | undefined)[];
  readonly #valueSize: number;
  readonly #ids = new Map<number, string>();
  readonly #pushed = new Set<number>();

  constructor(session: Session, shape: Shape, cpus: number) {
    const { type, valueSize } = shape;
    this.#session = session;
    this.#shape = shape;
    const inner = session.map('array');
    const map = session.create(this.#attr(inner));
    const again = (open_flags: number): Fd =>
      session.own(session.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: session.mapId(map), open_flags }));
    this.#fds = { both: map, read: again(8), write: again(16) };
    const prog = session.prog();
    // What lookups show of maps and programs.
    if (type === 'prog_array') this.#ids.set(session.progId(prog), 'prog');
    else this.#ids.set(session.mapId(inner), 'inner');
    this.#values = OF_FDS.includes(type) && type !== 'cpumap' ? [inner, prog, map, 9999] : [];
    this.#valueSize = isPerCpuMap(mapTypeNumber[type]) ? Math.ceil(valueSize / 8) * 8 * cpus : valueSize;
  }

  #attr(inner: Fd): BpfAttr<'BPF_MAP_CREATE'> {
    const { type, keySize, valueSize, entries, flags, extra, lock } = this.#shape;
    const attr = {
      map_type: mapTypeNumber[type],
      key_size: keySize,
      value_size: valueSize,
      max_entries: entries,
      map_flags: flags,
      map_extra: extra,
      ...(type.endsWith('_of_maps') ? { inner_map_fd: inner } : {}),
    };
    if (!lock || valueSize < 8 || keySize !== 4) return attr;
    const described = valueBtf([['bpf_spin_lock', 0]], valueSize);
    const btf = { btf: described.bytes, btf_size: described.bytes.length };
    const btf_fd = this.#session.own(this.#session.kernel.bpf('BPF_BTF_LOAD', btf));
    return { ...attr, btf_fd, btf_key_type_id: described.int, btf_value_type_id: described.value };
  }

  run(operation: Operation): string {
    const { op, key, flags, longer, through } = operation;
    const { kernel } = this.#session;
    const map_fd = this.#fds[through];
    const keyBytes = this.#key(key, longer);
    const put = this.#value(operation.value, longer);
    switch (op) {
      case 'update': {
        const answer = outcome(() => kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: keyBytes, value: put, flags }));
        if (answer === 'ok') this.#pushed.add(operation.value);
        return String(answer);
      }
      case 'lookup': {
        const asks = this.#shape.type === 'bloom_filter';
        // What was not put in may be taken for something that was, differently on each kernel.
        if (asks && !this.#pushed.has(operation.value)) return '';
        const out = asks ? put : this.#room(this.#valueSize, longer);
        return this.#shown(() => kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: keyBytes, value: out, flags }), out);
      }
      case 'take': {
        const out = this.#room(this.#valueSize, longer);
        return this.#shown(
          () => kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd, key: keyBytes, value: out, flags }),
          out,
        );
      }
      case 'delete':
        return String(outcome(() => kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key: keyBytes })));
      case 'first':
      case 'next': {
        const next_key = this.#room(this.#shape.keySize, longer);
        // In a hash what follows a key is each kernel's own.
        const from = op === 'first' ? undefined : this.#key(this.#ordered ? key : 77, longer);
        const call = (): void => kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd, key: from, next_key });
        const answer = String(outcome(call));
        return this.#ordered && answer === 'ok' ? hex(next_key) : answer;
      }
      case 'walk':
        return this.#walk(map_fd);
      case 'info': {
        const { type, key_size, value_size, max_entries, map_flags } = this.#session.info(map_fd, bpfMapInfo);
        return [type, key_size, value_size, max_entries, map_flags].join();
      }
      case 'freeze':
        return String(outcome(() => kernel.bpf('BPF_MAP_FREEZE', { map_fd })));
      default:
        return this.#batch(operation, op);
    }
  }

  #batch(
    { key, value, flags, longer, through }: Operation,
    op: 'lookup batch' | 'take batch' | 'update batch' | 'delete batch',
  ): string {
    const { kernel } = this.#session;
    const { keySize } = this.#shape;
    const count = this.#ordered ? key : key === 0 ? 0 : 16;
    const attr = { map_fd: this.#fds[through], count, elem_flags: flags, flags: value === 6 ? 1n : 0n };
    if (op === 'update batch' || op === 'delete batch') {
      const given = { ...attr, count: key };
      const keys = concat(Array.from({ length: key }, (_, i) => this.#key((value + i) % 6, 0) ?? new Uint8Array(0)));
      const values = concat(Array.from({ length: key }, (_, i) => this.#value(i, 0)));
      const answer =
        op === 'update batch'
          ? outcome(() => kernel.bpf('BPF_MAP_UPDATE_BATCH', Object.assign(given, { keys, values })))
          : outcome(() => kernel.bpf('BPF_MAP_DELETE_BATCH', Object.assign(given, { keys })));
      return `${String(answer)} ${given.count}`;
    }
    const buffers = {
      keys: this.#room(count * keySize, longer),
      values: this.#room(count * this.#valueSize, longer),
      out_batch: new Uint8Array(Math.max(keySize, 4)),
    };
    const given = Object.assign(attr, buffers);
    const answer = outcome(() =>
      op === 'take batch'
        ? kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_BATCH', given)
        : kernel.bpf('BPF_MAP_LOOKUP_BATCH', given),
    );
    if (answer !== 'ok' && answer !== 'ENOENT') return `${String(answer)} ${given.count}`;
    const elements = Array.from(
      { length: given.count },
      (_, i) => `${hex(part(buffers.keys, i, keySize))}=${this.#name(part(buffers.values, i, this.#valueSize))}`,
    );
    return `${String(answer)} ${(this.#ordered ? elements : elements.sort()).join()}`;
  }

  /** All keys; of hashes in an order that is the same everywhere. */
  #walk(map_fd: Fd): string {
    const seen: string[] = [];
    let key: Uint8Array | undefined;
    let end: unknown = 'ok';
    while (seen.length < 50) {
      const next_key = new Uint8Array(this.#shape.keySize);
      end = outcome(() => this.#session.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd, key, next_key }));
      if (end !== 'ok') break;
      seen.push(hex(next_key));
      key = next_key;
    }
    return `${(this.#ordered ? seen : seen.sort()).join()} ${String(end)}`;
  }

  get #ordered(): boolean {
    return !HASHES.includes(this.#shape.type);
  }

  #shown(call: () => unknown, out: Uint8Array): string {
    const answer = outcome(call);
    return answer === 'ok' ? this.#name(out) : String(answer);
  }

  /** Ids are each kernel's own. */
  #name(bytes: Uint8Array): string {
    const id = bytes.length >= 4 && this.#values.length > 0 ? new DataView(bytes.buffer).getUint32(0, true) : 0;
    return this.#ids.get(id) ?? hex(bytes);
  }

  #room(size: number, longer: number): Uint8Array {
    return new Uint8Array(size + longer);
  }

  #key(key: number, longer: number): Uint8Array | undefined {
    const { type, keySize } = this.#shape;
    if (keySize === 0) return undefined;
    const bytes = new Uint8Array(keySize + longer);
    // A prefix of 4 bits for each key, and data that share some.
    bytes.set((type === 'lpm_trie' ? [key * 7, 0, 0, 0, key === 3 ? 0x80 : 10, key] : [key]).slice(0, bytes.length));
    return bytes;
  }

  #value(value: number, longer: number): Uint8Array {
    const bytes = new Uint8Array(this.#valueSize + longer);
    const fd = this.#values.length > 0 ? (this.#values[value % this.#values.length] ?? 0) : undefined;
    if (fd !== undefined) bytes.set([...new Uint8Array(Uint32Array.of(fd).buffer)].slice(0, bytes.length));
    else for (let i = 0; i < bytes.length; i += 3) bytes[i] = value + i;
    return bytes;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((bytes) => [...bytes]));
}

function part(bytes: Uint8Array, i: number, size: number): Uint8Array {
  return bytes.slice(i * size, (i + 1) * size);
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
