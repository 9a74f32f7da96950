import { beforeEach, describe, expect, it } from 'vitest';
import { load, openObject, openUserRingBuffer, UsageError } from '../../src/index.ts';
import { bothKernels } from '../support/both-kernels.ts';
import { objectBytes } from '../support/objects.ts';
import { skipBefore } from '../support/since.ts';

const spec = openObject(objectBytes('test/objects/user_events.o'), { file: 'user_events.o' });
/** Bytes of the map, as the object has it. */
const SIZE = 4096;

describe.each(bothKernels)('a user ring buffer, %s', (name, makeKernel) => {
  const kernel = makeKernel();
  beforeEach((context) => {
    if (name === 'linux') skipBefore(context, '6.1', 'user ring buffers');
  });

  function open() {
    const loaded = load(kernel, spec);
    const drain = () => loaded.program('drain').run({ data: new Uint8Array(64) }).retval;
    return {
      loaded,
      drain,
      seen: () => [loaded.globals.seen, loaded.globals.sum],
      [Symbol.dispose]: () => loaded.close(),
    };
  }

  it('gives a program what was submitted, and not what was given up', () => {
    using it = open();
    using ring = openUserRingBuffer(it.loaded.map('requests'));
    expect(it.drain()).toBe(0);
    expect(ring.tryWrite(Uint8Array.of(5, 6, 7))).toBe(true);
    const given = ring.tryReserve(16);
    given?.bytes.fill(1);
    given?.discard();
    given?.submit();
    {
      using forgotten = ring.tryReserve(1);
      expect(forgotten?.bytes).toHaveLength(1);
    }
    expect(ring.tryWrite(Uint8Array.of(10))).toBe(true);
    expect(it.drain()).toBe(2);
    expect(it.seen()).toEqual([2n, 15n]);
  });

  it('keeps the order of reserving: the program waits for what is still being written', () => {
    using it = open();
    using ring = openUserRingBuffer(it.loaded.map('requests'));
    const first = ring.tryReserve(8);
    ring.tryWrite(Uint8Array.of(2));
    expect(it.drain()).toBe(0);
    first?.bytes.fill(1);
    first?.submit();
    expect(it.drain()).toBe(2);
  });

  it('goes round its end', () => {
    using it = open();
    using ring = openUserRingBuffer(it.loaded.map('requests'));
    const record = new Uint8Array(100);
    let n = 0;
    for (let i = 0; i < 100; i++) {
      for (let k = 0; k < 30; k++) {
        record[0] = 1;
        expect(ring.tryWrite(record)).toBe(true);
        n++;
      }
      expect(it.drain()).toBe(30);
    }
    expect(it.seen()).toEqual([BigInt(n), BigInt(n)]);
  });

  it('is full, and never large enough', () => {
    using it = open();
    using ring = openUserRingBuffer(it.loaded.map('requests'));
    expect(ring.tryWrite(new Uint8Array(SIZE - 8))).toBe(true);
    expect(ring.tryWrite(new Uint8Array(0))).toBe(false);
    expect(it.drain()).toBe(1);
    expect(ring.tryWrite(new Uint8Array(SIZE - 8))).toBe(true);
    for (const size of [SIZE - 7, SIZE, 2 ** 31, 2 ** 40])
      expect(() => ring.tryReserve(size), String(size)).toThrow(expect.objectContaining({ code: 'E2BIG' }));
    for (const size of [-1, 0.5, Number.NaN]) expect(() => ring.tryReserve(size)).toThrow(UsageError);
  });

  it('waits for room', async () => {
    using it = open();
    using ring = openUserRingBuffer(it.loaded.map('requests'));
    for (let i = 0; i < 4; i++) ring.tryWrite(new Uint8Array(SIZE / 4 - 8));
    let written = false;
    const writing = ring.write(new Uint8Array(SIZE - 8)).then(() => {
      written = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(written).toBe(false);
    expect(it.drain()).toBe(4);
    await writing;
    expect(it.drain()).toBe(1);
  });

  it('stops waiting when aborted or closed', async () => {
    using it = open();
    const ring = openUserRingBuffer(it.loaded.map('requests'));
    ring.tryWrite(new Uint8Array(SIZE - 8));
    await expect(ring.write(Uint8Array.of(1), { signal: AbortSignal.timeout(20) })).rejects.toThrow('timeout');
    setTimeout(() => ring.close(), 20);
    await expect(ring.write(Uint8Array.of(1))).rejects.toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => ring.tryWrite(Uint8Array.of(1))).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('is of one type of map', () => {
    using it = open();
    expect(() => openUserRingBuffer(it.loaded.map('.bss'))).toThrow('is a map of type array, not user_ringbuf');
  });
});
