import { expect, it } from 'vitest';
import { attachIterator, type BpfMap, load, openMap, openObject, readIterator } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { type MapType, mapTypeNumber } from '../../src/uapi/bpf.ts';
import { objectBytes } from '../support/objects.ts';

const object = openObject(objectBytes('test/objects/elements.o'), { file: 'elements.o' });
const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const long = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);

/** Whether a kernel permits programs of type tracing at all; the running one of a virtual machine may not. */
export function hasIterators(kernel: Kernel): boolean {
  try {
    using _loaded = load(kernel, object, { programs: object.spec.programs.filter(({ name }) => name === 'each_cpu') });
    return true;
  } catch {
    return false;
  }
}

/** Iterators over the elements of maps, on every kernel. */
export function mapElements(kernel: Kernel): void {
  const create = (type: MapType, keySize = 4, valueSize = 8): BpfMap =>
    openMap(kernel, {
      fd: kernel.bpf('BPF_MAP_CREATE', {
        ...{ map_type: mapTypeNumber[type], map_name: 'walked', max_entries: 4 },
        ...{ key_size: keySize, value_size: valueSize },
      }),
    });
  const lines = (name: string, map: BpfMap): string[] => {
    using loaded = load(kernel, object, { programs: object.spec.programs.filter((program) => program.name === name) });
    using link = attachIterator(loaded.program(name), { map });
    expect(link.info).toMatchObject({ type: 'iter', target: 'bpf_map_elem', mapId: map.info.id });
    return new TextDecoder().decode(readIterator(link)).split('\n').slice(0, -1);
  };

  it.each(['hash', 'lru_hash'] as const)('%s: each element once, and what is written stays', (type) => {
    using map = create(type);
    for (const key of [1, 2, 3]) map.setBytes(word(key), long(BigInt(10 * key)));
    const [end, ...rest] = lines('elements', map).reverse();
    expect([end, rest.sort()]).toEqual(['end 2 of 4', ['1:10', '2:20', '3:30']]);
    expect(map.getBytes(word(2))).toEqual(long(40n));
  });

  it('array: by index, the empty ones too', () => {
    using map = create('array');
    map.setBytes(word(2), long(7n));
    expect(lines('elements', map)).toEqual(['0:0', '1:0', '2:7', '3:0', 'end 3 of 4']);
  });

  it('percpu_array: the values of all CPUs', () => {
    using map = create('percpu_array');
    const size = map.getBytes(word(1))?.length ?? 0;
    map.setBytes(word(1), new Uint8Array(BigUint64Array.from({ length: size / 8 }, (_, i) => BigInt(5 + i)).buffer));
    expect(lines('each_cpu', map)).toEqual(['0:0+0', '1:5+6', '2:0+0', '3:0+0']);
  });

  it('an empty hash', () => {
    using map = create('hash');
    expect(lines('elements', map)).toEqual(['end 0 of 4']);
  });

  it.each([
    ['keys that are shorter than what is read', 'hash', 2, 8, 'EACCES'],
    ['values that are shorter than what is written', 'hash', 4, 4, 'EACCES'],
    ['a map of another type', 'queue', 0, 8, 'EINVAL'],
  ] as const)('%s', (_name, type, keySize, valueSize, code) => {
    using map = create(type, keySize, valueSize);
    expect(() => lines('elements', map)).toThrow(expect.objectContaining({ code }));
  });

  it('without a map', () => {
    using loaded = load(kernel, object, { programs: object.spec.programs.filter(({ name }) => name === 'elements') });
    expect(() => attachIterator(loaded.program('elements'))).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
}
