import { describe, expect, it } from 'vitest';
import { inProcessKernels } from '../../test/support/in-process.ts';
import { objectBytes } from '../../test/support/objects.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { SysError, UsageError } from '../errors.ts';
import type { Kernel, Mapping } from '../sys/kernel.ts';
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, mapTypeNumber } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import { load, openMap, openObject } from './index.ts';
import { loadBytes, storeBytes } from './mapped-array.ts';

const template = openObject(objectBytes('examples/globals/template.bpf.o'), { file: 'template.bpf.o' });
const types = openObject(objectBytes('test/objects/types.o'), { file: 'types.o' });

function array(kernel: Kernel, value_size: number, max_entries: number, map_flags = BPF_F_MMAPABLE) {
  const attr = { map_type: mapTypeNumber.array, key_size: 4, value_size, max_entries, map_flags };
  return openMap<number, number | bigint | Uint8Array>(kernel, { fd: kernel.bpf('BPF_MAP_CREATE', attr) });
}
const failing = (code: string) => expect.objectContaining({ code });

/** A kernel that shares no memory, as one in another process. */
function elsewhere(): Kernel {
  const mmap = (): Mapping => {
    throw new SysError(errno.ENODEV, 'mmap', { detail: 'the kernel is in another process' });
  };
  return new Proxy(createEmbeddedKernel().kernel, {
    get(kernel, name) {
      const value: unknown = Reflect.get(kernel, name, kernel);
      if (name === 'mmap') return mmap;
      return typeof value === 'function' ? value.bind(kernel) : value;
    },
  });
}

describe.each(inProcessKernels())('on %s', (_name, create) => {
  const kernel = create();

  describe('an array in memory', () => {
    it.each([1, 2, 4, 8, 3, 24])('has its values of %d bytes', (size) => {
      using map = array(kernel, size, 600);
      using values = map.mmap();
      const value = Uint8Array.from({ length: size }, (_, i) => 200 + i);
      map.set(599, value);
      expect(values.get(599)).toEqual(value);
      values.set(0, value);
      expect(map.get(0)).toEqual(value);
      expect(map.get(1)).toEqual(new Uint8Array(size));
      expect(values.bytes.length).toBe(600 * Math.ceil(size / 8) * 8);
    });

    it('has only what there is', () => {
      using map = array(kernel, 8, 4);
      using values = map.mmap();
      for (const index of [-1, 4, 0.5, Number.NaN]) {
        expect(values.get(index)).toBeUndefined();
        expect(() => values.set(index, 1)).toThrow(failing('E2BIG'));
      }
    });

    it('outlives the map, and ends', () => {
      const map = array(kernel, 8, 4);
      const values = map.mmap();
      map.close();
      values.set(1, 7);
      expect(values.get(1)).toEqual(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0));
      values.close();
      values.close();
      expect(values.bytes).toHaveLength(0);
      expect(() => values.get(1)).toThrow(failing('EBADF'));
      expect(() => values.set(1, 7)).toThrow(failing('EBADF'));
    });

    it('is only read where it was mapped for that', () => {
      using map = array(kernel, 8, 4);
      using values = map.mmap('read');
      expect(() => values.set(0, 1)).toThrow(failing('EPERM'));
      map.set(0, 5);
      expect(values.get(0)).toEqual(Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0));
      map.freeze();
      expect(() => map.mmap()).toThrow(failing('EPERM'));
      map.mmap('read').close();
    });

    it('is for programs to read only', () => {
      using map = array(kernel, 8, 4, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG);
      expect(() => map.mmap()).toThrow(failing('EACCES'));
    });

    it('has to be made for it', () => {
      using plain = array(kernel, 8, 4, 0);
      expect(() => plain.mmap()).toThrow('it was made without BPF_F_MMAPABLE');
      const attr = { map_type: mapTypeNumber.hash, key_size: 4, value_size: 8, max_entries: 4 };
      using hash = openMap(kernel, { fd: kernel.bpf('BPF_MAP_CREATE', attr) });
      expect(() => hash.mmap()).toThrow('it is of type hash, not array');
      expect(() => hash.mmap()).toThrow(UsageError);
    });
  });

  describe('globals in memory', () => {
    it('are those of the program', () => {
      using loaded = load(kernel, template);
      using mapped = loaded.mmapGlobals();
      const run = () => loaded.program('template').run({ data: new Uint8Array(64) }).retval;
      expect(run()).toBe(0);
      expect(mapped.globals).toMatchObject({ packets: 1n, mark: 1, limit: 1000000n });
      mapped.globals.limit = 1n;
      expect(loaded.globals.limit).toBe(1n);
      expect(run()).toBe(2);
      mapped.globals.packets = 0n;
      expect(run()).toBe(0);
      expect(mapped.globals.packets).toBe(1n);
      expect(mapped.globals.bytes).toBe(loaded.globals.bytes);
    });

    it('are not written where they are frozen', () => {
      using loaded = load(kernel, template);
      using mapped = loaded.mmapGlobals();
      expect(() => Reflect.set(mapped.globals, 'mark', 3)).toThrow(failing('EPERM'));
      expect(() => Reflect.set(loaded.globals, 'mark', 3)).toThrow(failing('EPERM'));
      expect(mapped.globals.mark).toBe(1);
    });

    it('end, and say so', () => {
      using loaded = load(kernel, template);
      const mapped = loaded.mmapGlobals();
      mapped.close();
      expect(() => mapped.globals.packets).toThrow(failing('EBADF'));
      expect(() => Reflect.set(mapped.globals, 'packets', 0n)).toThrow(failing('EBADF'));
      expect(loaded.globals.packets).toBe(0n);
    });

    it('are as through system calls, for all types', () => {
      using loaded = load(kernel, types, { programs: [] });
      using mapped = loaded.mmapGlobals();
      expect({ ...mapped.globals }).toEqual({ ...loaded.globals });
    });
  });
});

describe('a kernel in another process', () => {
  it('shares no memory', () => {
    const kernel = elsewhere();
    using map = array(kernel, 8, 4);
    expect(() => map.mmap()).toThrow(failing('ENODEV'));
    using loaded = load(kernel, template);
    expect(() => loaded.mmapGlobals()).toThrow(failing('ENODEV'));
    expect(() => loaded.mmapGlobals()).toThrow('another process');
  });
});

describe('shared bytes', () => {
  it('are read and written at any place and of any size', () => {
    for (let offset = 0; offset < 9; offset++) {
      for (let size = 0; size < 10; size++) {
        const bytes = new Uint8Array(24).fill(0xff);
        const value = Uint8Array.from({ length: size }, (_, i) => i + 1);
        storeBytes(bytes, offset, value);
        const want = new Uint8Array(24).fill(0xff);
        want.set(value, offset);
        expect(bytes).toEqual(want);
        expect(loadBytes(bytes, offset, size)).toEqual(value);
      }
    }
  });
});
