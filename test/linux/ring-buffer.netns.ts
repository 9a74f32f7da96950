import { describe, expect, it } from 'vitest';
import { type BpfProgram, load, openObject, openRingBuffer, ringEvents, UsageError } from '../../src/index.ts';
import { bothKernels } from '../support/both-kernels.ts';
import { objectBytes } from '../support/objects.ts';
import { SLOW } from '../support/slow.ts';

const spec = openObject(objectBytes('test/objects/events.o'), { file: 'events.o' });

/** Lets the program write `n` events, of which every tenth is given up. */
function write(program: BpfProgram, n: number): void {
  program.run({ data: new Uint8Array(64), repeat: n });
}

const number = (record: Uint8Array) => Number(new DataView(record.buffer, record.byteOffset).getBigUint64(0, true));
const upTo = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i);

describe.each(bothKernels)('a ring buffer, %s', (name, makeKernel) => {
  const kernel = makeKernel();
  const open = (size = 1 << 16) => load(kernel, spec, { maxEntries: { events: size } });

  it('gives what was submitted, in order, once', () => {
    using loaded = open();
    using ring = openRingBuffer(loaded.map('events'));
    const program = loaded.program('write_event');
    const seen: number[] = [];
    expect(ring.consume(() => expect.fail('it is empty'))).toBe(0);
    write(program, 100);
    expect(ring.consume((record) => seen.push(number(record)))).toBe(90);
    expect(ring.consume((record) => seen.push(number(record)))).toBe(0);
    expect(seen).toEqual(upTo(90));
  });

  it('goes round its end, and makes room', () => {
    using loaded = open(4096);
    using ring = openRingBuffer(loaded.map('events'));
    const program = loaded.program('write_event');
    const seen: number[] = [];
    for (let i = 0; i < 100; i++) {
      write(program, 30);
      ring.consume((record) => {
        expect(record).toHaveLength(64);
        seen.push(number(record));
      });
    }
    expect(seen).toEqual(upTo(2700));
    expect(loaded.globals.lost).toBe(0n);
    // Without a reader it fills up.
    write(program, 100);
    expect(loaded.globals.lost).toBeGreaterThan(0n);
  });

  it('goes on where an earlier reader stopped, and after a reader that throws', () => {
    using loaded = open();
    const program = loaded.program('write_event');
    write(program, 20);
    {
      using ring = openRingBuffer(loaded.map('events'));
      expect(ring.consume(() => undefined, 5)).toBe(5);
      expect(() =>
        ring.consume(() => {
          throw new Error('enough');
        }),
      ).toThrow('enough');
    }
    using ring = openRingBuffer(loaded.map('events'));
    const seen: number[] = [];
    ring.consume((record) => seen.push(number(record)));
    expect(seen).toEqual(upTo(12, 6));
  });

  it('is waited for, and ends at once when aborted', async () => {
    using loaded = open();
    using ring = openRingBuffer(loaded.map('events'));
    const program = loaded.program('write_event');
    const controller = new AbortController();
    const seen: number[] = [];
    setTimeout(() => write(program, 10), 20);
    setTimeout(() => write(program, 10), 40);
    for await (const record of ring.events({ signal: controller.signal })) {
      seen.push(number(record));
      if (seen.length === 18) setTimeout(() => controller.abort(), 10);
    }
    expect(seen).toEqual(upTo(18));
    for await (const _ of ring.events({ signal: controller.signal })) expect.fail('it was aborted before');
  });

  it('ends when aborted however fast it comes, and when closed', async () => {
    using loaded = open();
    using ring = openRingBuffer(loaded.map('events'));
    const program = loaded.program('write_event');
    write(program, 1);
    let count = 0;
    for await (const _ of ring.events({ signal: AbortSignal.timeout(50) })) {
      count++;
      write(program, 1);
    }
    expect(count).toBeGreaterThan(1);
    ring.consume(() => {});
    setTimeout(() => ring.close(), 10);
    for await (const _ of ring.events()) expect.fail('nothing was written');
    expect(ring.consume(() => {})).toBe(0);
  });

  it('leaves the event loop free while it waits', async () => {
    using loaded = open();
    using ring = openRingBuffer(loaded.map('events'));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    for await (const _ of ring.events({ signal: AbortSignal.timeout(100 * SLOW) })) expect.fail('nothing was written');
    clearInterval(timer);
    expect(turns).toBeGreaterThan(10);
  });

  it('is read together with others', async () => {
    using one = open();
    using other = open();
    using first = openRingBuffer(one.map('events'));
    using second = openRingBuffer(other.map('events'));
    const controller = new AbortController();
    const seen = new Map([
      [first, 0],
      [second, 0],
    ]);
    setTimeout(() => write(one.program('write_event'), 5), 10);
    setTimeout(() => write(other.program('write_event'), 7), 30);
    for await (const { ring, record } of ringEvents([first, second], { signal: controller.signal })) {
      const n = seen.get(ring) ?? Number.NaN;
      expect(number(record)).toBe(n);
      seen.set(ring, n + 1);
      if ([...seen.values()].join() === '5,7') controller.abort();
    }
    expect([...seen.values()]).toEqual([5, 7]);
    expect(() => ringEvents([])).toThrow(UsageError);
  });

  it('may be closed twice, and takes its memory with it', () => {
    using loaded = open();
    const ring = openRingBuffer(loaded.map('events'));
    write(loaded.program('write_event'), 9);
    let kept = new Uint8Array(0);
    ring.consume((record) => {
      kept = record as Uint8Array<ArrayBuffer>; // of the mapping
    });
    expect(number(kept)).toBe(8);
    ring.close();
    ring.close();
    // The memory of an embedded kernel stays where it is.
    if (name === 'linux') expect(number(kept)).toBe(0);
  });

  it('is of one type of map', () => {
    using loaded = open();
    expect(() => openRingBuffer(loaded.map('.bss'))).toThrow(UsageError);
    expect(() => openRingBuffer(loaded.map('.bss'))).toThrow('is a map of type array, not ringbuf');
  });
});
