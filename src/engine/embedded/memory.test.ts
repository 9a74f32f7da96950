import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinearMemory, NULL_PAGE } from './memory.ts';

describe('LinearMemory', () => {
  it('clears these bytes and no others', () => {
    const around = 16;
    const block = memory.alloc(400);
    fc.assert(
      fc.property(fc.nat(40), fc.nat(320), (at, size) => {
        const bytes = memory.u8.subarray(block, block + 400);
        bytes.fill(7);
        memory.clear(block + around + at, size);
        const want = new Uint8Array(400).fill(7).fill(0, around + at, around + at + size);
        expect(Buffer.compare(bytes, want)).toBe(0);
      }),
      { seed: 6 },
    );
    memory.free(block);
  });

  it('hands out zeroed, aligned blocks that do not overlap, whatever the order of taking and giving back', () => {
    const size = fc.oneof(fc.nat(300), fc.nat(5000), fc.nat(200_000));
    const step = fc.oneof(fc.record({ alloc: size }), fc.record({ free: fc.nat(1000) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const live: { address: number; size: number; mark: number }[] = [];
        steps.forEach((what, i) => {
          if ('alloc' in what) {
            const address = memory.alloc(what.alloc);
            const bytes = memory.u8.subarray(address, address + what.alloc);
            expect(address % 8).toBe(0);
            expect(memory.check(address, what.alloc)).toBe(true);
            expect(bytes.every((byte) => byte === 0)).toBe(true);
            bytes.fill((i % 255) + 1);
            live.push({ address, size: what.alloc, mark: (i % 255) + 1 });
          } else if (live.length > 0) {
            const [gone] = live.splice(what.free % live.length, 1);
            memory.free(gone?.address ?? 0);
          }
          // Each block still holds its own mark: none was handed out twice.
          for (const block of live) {
            expect([memory.u8[block.address], memory.u8[block.address + block.size - 1]]).toEqual(
              block.size === 0 ? expect.anything() : [block.mark, block.mark],
            );
          }
        });
        for (const block of live) memory.free(block.address);
      }),
      { numRuns: 30, seed: 1 },
    );
  });
  const memory = new LinearMemory();

  it('stays as large as it is when blocks come and go', () => {
    const memory = new LinearMemory();
    const cycle = (): void => {
      const blocks = [16, 40, 100, 2048, 2049, 70_000, 300_000].map((size) => memory.alloc(size));
      for (const block of blocks) memory.free(block);
    };
    cycle();
    const { size } = memory;
    for (let i = 0; i < 2000; i++) cycle();
    expect(memory.size).toBe(size);
  });

  it('grows by no more than is missing behind what is free at its end', () => {
    const memory = new LinearMemory();
    memory.free(memory.alloc(1000 * 65536));
    expect(memory.alloc(1010 * 65536)).toBeGreaterThan(0);
    expect(memory.size).toBeLessThan(1.2 * 1010 * 65536);
  });

  it('pages of which few are used are zeros again for whoever gets them next, if it is said which', () => {
    const memory = new LinearMemory();
    for (let i = 0; i < 3; i++) {
      const pages = memory.allocPages(100);
      expect(memory.u8.subarray(pages, pages + 100 * 4096).every((byte) => byte === 0)).toBe(true);
      for (const at of [0, 5000, 5000 + 4096, 100 * 4096 - 1]) {
        memory.u8[pages + at] = 7;
        memory.soil(pages + at, 1);
      }
      memory.free(pages);
      const block = memory.alloc(100 * 4096);
      expect(block).toBe(pages);
      expect(memory.u8.subarray(block, block + 100 * 4096).every((byte) => byte === 0)).toBe(true);
      memory.u8.fill(9, block, block + 100 * 4096);
      memory.free(block);
    }
  });

  it('joins neighbours, so that small blocks given back make room for a large one', () => {
    const memory = new LinearMemory();
    const blocks = Array.from({ length: 64 }, () => memory.alloc(16384));
    const { size } = memory;
    for (const block of blocks) memory.free(block);
    const large = memory.alloc(64 * 16384);
    expect(large).toBeGreaterThan(0);
    expect(memory.size).toBe(size);
  });

  it.each([
    ['the null page', 0, 8, false],
    ['its last byte', NULL_PAGE - 1, 1, false],
    ['the first address', NULL_PAGE, 8, true],
    ['no bytes', NULL_PAGE, 0, true],
    ['a negative size', NULL_PAGE, -1, false],
    ['a negative address', -8, 8, false],
    ['past the end', 2 ** 31, 1, false],
    ['no number', Number.NaN, 1, false],
  ])('check: %s', (_, address, size, want) => {
    expect(memory.check(address, size)).toBe(want);
  });

  it.each([2 ** 31, -1, Number.NaN, Number.POSITIVE_INFINITY])('has no block of %s bytes', (size) => {
    expect(memory.alloc(size)).toBe(0);
  });

  it('refuses to free what is not allocated', () => {
    const block = memory.alloc(64);
    memory.free(block);
    expect(() => memory.free(block)).toThrow('freed, but not allocated');
    expect(() => memory.free(NULL_PAGE + 12345)).toThrow('freed, but not allocated');
  });
});
