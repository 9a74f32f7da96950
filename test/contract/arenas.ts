import { describe, expect, it } from 'vitest';
import { load, openObject } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { BPF_F_SEGV_ON_FAULT } from '../../src/uapi/bpf.ts';
import { XDP_ABORTED, XDP_PASS } from '../../src/uapi/xdp.ts';
import { objectBytes } from '../support/objects.ts';
import { arenaCallRows } from './arena-calls.ts';
import { arenaProgramRows } from './arena-insns.ts';
import { outcome, Session } from './session.ts';

const [EBUSY, EINVAL] = [-16, -22];
const PAGE = 4096;
/** Where arena_programs.c wants its arena. */
const START = 0x110000000000;

/** What each program of arena_programs.c leaves in `seen`. */
// biome-ignore format: a row per group of calls
const SEEN: Readonly<Record<string, readonly number[]>> = {
  allocate: [0, 1,   -1, -1, -1,   8, -1, -1, -1, -1, -1,   4, 10,   1, 12, -1],
  release: [10, 0, 0, 13,   99, 1, 0,   77, 0, 10, 0, 0],
  reserve: [0, EBUSY, EINVAL, 0, 0,   -1, 4, 0,   5, 2, EBUSY],
  hash: [1500, 1125750, 0, 750, 0, 563250, 9],
  // The second page's 130th item.
  list: [START + PAGE + 129 * 24],
  atomics: [5, 265, 265, 2 ** 40, 2 ** 40,   0xffffffff, 1, 1, 6,   9, 4, 0],
  locked: [45, 1, 0],
  missing: [0, 0, 0, 0,   7, 3, 0,   0, 0],
  across: [0x01020304050607 * 256, 6, 5,   0, 0,   0, 0],
  passed: [31,   1, 2, 4, 8, 16, 1],
  cycles: [200, 0],
};

/** The same on every kernel. */
export function arenas(kernel: Kernel): void {
  const open = (name: string) => openObject(objectBytes(`test/objects/${name}.o`), { file: `${name}.o` });

  describe.each(['arena', 'arena_at'])('variables: %s.o', (name) => {
    it('start with what the object says, and are shared with the program', () => {
      const object = open(name);
      expect(object.globals).toMatchObject({ count: 40, numbers: [1n, 2n, 3n, 4n], head: 0n });
      object.globals.count = 50;
      using loaded = load(kernel, object);
      expect(loaded.program('sum').run().retval).toBe(10 + 51);
      expect(loaded.globals.count).toBe(51);
      loaded.globals.count = 100;
      loaded.globals.numbers = [5n, 6n, 7n, 8n];
      expect(loaded.program('sum').run().retval).toBe(26 + 101);
      using mapped = loaded.mmapGlobals();
      expect(mapped.globals.count).toBe(101);
      mapped.close();
      expect(loaded.globals.count).toBe(101);
    });

    it('are not for user space that may not touch them', () => {
      const { spec } = open(name);
      const maps = spec.maps.map((map) => ({ ...map, flags: map.flags | BPF_F_SEGV_ON_FAULT }));
      expect(() => load(kernel, { ...spec, maps })).toThrow('map arena has BPF_F_SEGV_ON_FAULT, and variables');
    });

    it('that are zeros are there', () => {
      const object = open(name);
      object.globals.count = 0;
      object.globals.numbers = [0n, 0n, 0n, 0n];
      using loaded = load(kernel, object);
      expect(loaded.program('sum').run().retval).toBe(1);
      expect(loaded.globals.count).toBe(1);
    });

    it('the whole of it is memory: a program follows pointers that user space writes', (context) => {
      using loaded = load(kernel, open(name));
      const memory = loaded.arena('arena');
      expect(memory).toHaveLength(16 * PAGE);
      const view = new DataView(memory.buffer, memory.byteOffset);
      // An address is told by its lower half, which both sides have alike.
      const first = BigInt(loaded.map('arena').info.mapExtra);
      for (const [i, at] of [4096, 4128, 8192].entries()) {
        view.setBigUint64(at, i === 2 ? 0n : first + BigInt([4128, 8192][i] ?? 0), true);
        view.setBigUint64(at + 8, BigInt(10 ** i), true);
      }
      if (first === 0n) context.skip('where it is only the kernel knows');
      loaded.globals.head = first + 4096n;
      expect(loaded.program('list').run().retval).toBe(111);
      expect([4096, 4128, 8192].map((at) => view.getBigUint64(at + 8, true))).toEqual([0n, 0n, 0n]);
    });

    it('nothing is left after the end', () => {
      for (let n = 0; n < 3; n++) {
        const loaded = load(kernel, open(name));
        loaded.close();
        expect(() => loaded.arena('arena')).toThrow(expect.objectContaining({ code: 'EBADF' }));
        expect(() => loaded.globals.count).toThrow(expect.objectContaining({ code: 'EBADF' }));
        expect(() => loaded.arena('other')).toThrow('has no arena other');
      }
    });
  });

  describe('programs', () => {
    const object = open('arena_programs');
    const loadOne = (name: string) =>
      load(kernel, object, { programs: object.spec.programs.filter((program) => program.name === name) });

    it.for(Object.keys(SEEN))('%s', (name) => {
      using loaded = loadOne(name);
      expect(loaded.program(name).run().retval).toBe(0);
      const seen = (loaded.globals.seen as bigint[]).map(Number); // __s64[48]
      expect(seen.slice(0, Number(loaded.globals.at))).toEqual(SEEN[name]);
    });

    it('one finds what another has allocated', () => {
      const programs = object.spec.programs.filter(({ name }) => name === 'prepare' || name === 'count_frame');
      using loaded = load(kernel, object, { programs });
      const run = () => loaded.program('count_frame').run({ data: new Uint8Array(64), repeat: 10 }).retval;
      expect(run()).toBe(XDP_ABORTED);
      expect(loaded.program('prepare').run().retval).toBe(0);
      expect(run()).toBe(XDP_PASS);
      const memory = loaded.arena('arena');
      const view = new DataView(memory.buffer, memory.byteOffset);
      expect([0, 8, 16, 27].map((at) => view.getUint32(at, true))).toEqual([10, 20, 30, 10]);
    });

    it('user space follows the pointers of a program', () => {
      using loaded = loadOne('list');
      loaded.program('list').run();
      const memory = loaded.arena('arena');
      const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
      const values: bigint[] = [];
      for (let at = BigInt(loaded.globals.list_head as bigint); at !== 0n; ) {
        const offset = Number(at) - START;
        values.push(view.getBigUint64(offset + 16, true));
        at = view.getBigUint64(offset, true);
      }
      expect(values).toEqual(Array.from({ length: 300 }, (_, i) => BigInt(299 - i)));
    });
  });

  describe.each([
    ['calls', arenaCallRows],
    ['instructions', arenaProgramRows],
  ] as const)('%s', (_group, rows) => {
    it.for(rows)('%s', ([, run, want]) => {
      using session = new Session(kernel);
      expect(outcome(() => run(session))).toEqual(want);
    });
  });
}
