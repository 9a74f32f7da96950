import { expect, it } from 'vitest';
import { load, openObject, openRingBuffer } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

/** What each program of map_programs.c leaves in `seen`; the rest are zeros. */
const SEEN: Readonly<Record<string, readonly number[]>> = {
  queues: [-7, 0, 1, 1, 2, 4, 4, -2, 0],
  blooms: [-2, 0, 0, -22],
  tries: [0, 0, 2, 1, -1, 0, 1, -2, -22, 0],
  maps_of_maps: [1, 2, -1, 1, -1, 2, -1, -1],
  rings: [0, 40, 72, 88, 4096, 0, -22, 0, 100, -11],
};

/** The same programs on every kernel. */
export function mapPrograms(kernel: Kernel, notAsked: (name: string) => string | undefined = () => undefined): void {
  const object = openObject(objectBytes('test/objects/map_programs.o'), { file: 'map_programs.o' });

  const open = (name: string) =>
    load(kernel, object, { programs: object.spec.programs.filter((program) => program.name === name) });

  it.for(Object.keys(SEEN))('%s', (name, context) => {
    const reason = notAsked(name);
    if (reason !== undefined) context.skip(reason);
    using loaded = open(name);
    const { retval } = loaded.program(name).run({ data: new Uint8Array(64) });
    expect(retval).toBe(0);
    const seen = loaded.globals.seen as bigint[]; // __s64[16]
    const want = SEEN[name] ?? [];
    expect(seen.map(Number)).toEqual([...want, ...new Array(16 - want.length).fill(0)]);
  });

  it('what a program writes into a ring buffer is read', (context) => {
    const reason = notAsked('rings');
    if (reason !== undefined) context.skip(reason);
    using loaded = open('rings');
    loaded.program('rings').run({ data: new Uint8Array(64) });
    using ring = openRingBuffer(loaded.map('ring'));
    const records: Uint8Array[] = [];
    ring.consume((record) => records.push(record.slice()), 3);
    expect(records.map((record) => [record.length, record[0], record[8]])).toEqual([
      [32, 1, 2],
      [20, 5, 0],
      [32, 1, 2],
    ]);
  });
}
