import { describe, expect, it } from 'vitest';
import { BPF_F_MMAPABLE, BPF_F_SEGV_ON_FAULT, mapTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { Machine } from '../machine.ts';
import type { Process } from '../process.ts';
import { ArenaMap } from './arena.ts';

const PAGE = 4096;
const ANYWHERE = { low: 0, high: 0 };
const START = 0x7654_0000_1000;
const wide = (address: number) => ({ low: address | 0, high: Math.floor(address / 2 ** 32) });

function create(process: Process, max_entries: number, map_flags = BPF_F_MMAPABLE, map_extra = 0n): Fd {
  return process.bpf('BPF_MAP_CREATE', {
    map_type: mapTypeNumber.arena,
    key_size: 0,
    value_size: 0,
    max_entries,
    map_flags,
    map_extra,
  });
}

function arenaOf(process: Process, fd: Fd): ArenaMap {
  const map = process.map(fd);
  if (map instanceof ArenaMap) return map;
  throw new Error('no arena');
}

describe('memory', () => {
  it('is got for as many pages as there is room for', () => {
    using machine = new Machine().openProcess();
    expect(() => create(machine, 2 ** 20)).toThrow(
      /1048576 pages of an arena have no room .* give it fewer max_entries/,
    );
    expect(() => create(machine, 2 ** 20)).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    const fd = create(machine, 2 ** 17);
    expect(() => machine.mmap(fd, 2 ** 32, 'read and write')).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    expect(machine.mmap(fd, PAGE, 'read and write').bytes).toHaveLength(PAGE);
  });

  it('of an arena that comes, is filled and goes, again and again, does not grow', () => {
    using process = new Machine().openProcess();
    const { memory } = process.machine;
    const cycle = (): void => {
      const fd = create(process, 64);
      using mapping = process.mmap(fd, 64 * PAGE, 'read and write');
      expect(mapping.bytes.every((byte) => byte === 0)).toBe(true);
      const arena = arenaOf(process, fd);
      expect(arena.allocate(ANYWHERE, 60)).toBeDefined();
      mapping.bytes.fill(255);
      process.close(fd);
    };
    cycle();
    const { size } = memory;
    for (let i = 0; i < 200; i++) cycle();
    expect(memory.size).toBe(size);
  });

  it('has more pages where it is mapped with more than it was made with', () => {
    using process = new Machine().openProcess();
    const fd = create(process, 2);
    using mapping = process.mmap(fd, 5 * PAGE, 'read and write', 0, START);
    const arena = arenaOf(process, fd);
    // Only those of max_entries are handed out, until others are freed.
    expect(arena.allocate(ANYWHERE, 3)).toBeUndefined();
    expect(arena.allocate(wide(START + 2 * PAGE), 1)).toBeUndefined();
    arena.release((START + 2 * PAGE) | 0, 3);
    expect(arena.allocate(ANYWHERE, 5)).toBe(START | 0);
    expect(mapping.bytes).toHaveLength(5 * PAGE);
  });
});

describe('pages', () => {
  it('that user space has written to are there, and handed out to nobody', () => {
    using process = new Machine().openProcess();
    const fd = create(process, 4);
    using mapping = process.mmap(fd, 4 * PAGE, 'read and write', 0, START);
    const arena = arenaOf(process, fd);
    expect(arena.reaches(PAGE, 8)).toBe(false);
    mapping.bytes[PAGE + 77] = 1;
    expect(arena.reaches(PAGE, 8)).toBe(true);
    mapping.bytes[2 * PAGE] = 1;
    expect(arena.allocate(wide(START + 2 * PAGE), 1)).toBeUndefined();
    expect(arena.allocate(ANYWHERE, 2)).toBeUndefined();
    mapping.write(3 * PAGE, new Uint8Array(8));
    expect(arena.allocate(ANYWHERE, 1)).toBe(START | 0);
    expect(arena.allocate(ANYWHERE, 1)).toBeUndefined();
    expect(arena.setAside(wide(START + 2 * PAGE), 1)).toBe(-16);
  });

  it('are not there by that where writing is an error', () => {
    using process = new Machine().openProcess();
    const fd = create(process, 4, BPF_F_MMAPABLE | BPF_F_SEGV_ON_FAULT);
    const mapping = process.mmap(fd, 4 * PAGE, 'read and write', 0, START);
    mapping.bytes[PAGE] = 1;
    const arena = arenaOf(process, fd);
    expect(arena.reaches(PAGE, 8)).toBe(false);
    expect(arena.allocate(ANYWHERE, 4)).toBe(START | 0);
    expect(mapping.bytes[PAGE]).toBe(0);
    arena.release(START | 0, 4);
    mapping.bytes[PAGE] = 1;
    mapping[Symbol.dispose]();
    process.close(fd);
    // Nobody else gets what was written there.
    const { memory } = process.machine;
    const block = memory.alloc(5 * PAGE);
    expect(memory.u8.subarray(block, block + 5 * PAGE).every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    ['the first byte', 0, 1, true],
    ['the last bytes', 2 * PAGE - 8, 8, true],
    ['from one page to the next', PAGE - 4, 8, true],
    ['over the end of the second', 2 * PAGE - 7, 8, false],
    ['the last ones of the arena, which are not there', 4 * PAGE - 8, 8, false],
    ['over the end', 4 * PAGE - 7, 8, false],
    ['behind the end', 4 * PAGE, 1, false],
    ['far behind the end', 2 ** 32, 1, false],
    ['before the start', -1, 8, false],
    ['nowhere', Number.NaN, 8, false],
  ])('reach: %s', (_name, offset, size, want) => {
    using process = new Machine().openProcess();
    const arena = arenaOf(process, create(process, 4, BPF_F_MMAPABLE, BigInt(START)));
    arena.allocate(ANYWHERE, 2);
    expect(arena.reaches(offset, size)).toBe(want);
  });

  it.each([
    ['before the first', START - PAGE, 1],
    ['from before the first', START - PAGE, 3],
    ['behind the last', START + 4 * PAGE, 5],
    ['a count that is none', START + PAGE, 0xffffffff],
  ])('freed: %s', (_name, address, count) => {
    using process = new Machine().openProcess();
    const arena = arenaOf(process, create(process, 4, BPF_F_MMAPABLE, BigInt(START)));
    expect(arena.allocate(ANYWHERE, 4)).toBe(START | 0);
    arena.release(address | 0, count);
    for (let got = arena.allocate(ANYWHERE, 1); got !== undefined; got = arena.allocate(ANYWHERE, 1)) {
      expect((got >>> 0) - ((START | 0) >>> 0)).toBeGreaterThanOrEqual(0);
      expect((got >>> 0) - ((START | 0) >>> 0)).toBeLessThan(4 * PAGE);
    }
  });
});

it.each([Number.NaN, -PAGE, 0.5, 2 ** 60])('mmap at %d is refused', (address) => {
  using process = new Machine().openProcess();
  const fd = create(process, 4);
  expect(() => process.mmap(fd, 4 * PAGE, 'read', 0, address)).toThrow(expect.objectContaining({ syscall: 'mmap' }));
});

it('each process has addresses of its own', () => {
  const machine = new Machine();
  using one = machine.openProcess();
  using other = machine.openProcess();
  using _ = one.mmap(create(one, 4), 4 * PAGE, 'read', 0, START);
  expect(other.mmap(create(other, 4), 4 * PAGE, 'read', 0, START).bytes).toHaveLength(4 * PAGE);
  expect(() => one.mmap(create(one, 4), 4 * PAGE, 'read', 0, START)).toThrow(
    expect.objectContaining({ code: 'EEXIST' }),
  );
});
