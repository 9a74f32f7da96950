import { describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { type BpfProgram, load, openObject, openPerfBuffer, type PerfLoss, UsageError } from '../../src/index.ts';
import { BPF_F_PRESERVE_ELEMS } from '../../src/uapi/bpf.ts';
import { bothKernels } from '../support/both-kernels.ts';
import { objectBytes } from '../support/objects.ts';

const spec = openObject(objectBytes('test/objects/perf_events.o'), { file: 'perf_events.o' });
const programs = spec.spec.programs.filter(({ name }) => name === 'say_events');

/** Lets the program say `n` events of `size` bytes. */
function say(program: BpfProgram, n: number, size = 20): void {
  const data = new Uint8Array(64);
  const view = new DataView(data.buffer);
  view.setUint32(14, n, true);
  view.setUint32(18, size, true);
  program.run({ data });
}

const BPF_F_TEST_RUN_ON_CPU = 1;
const u32 = (data: Uint8Array, at: number) => new DataView(data.buffer, data.byteOffset).getUint32(at, true);
const upTo = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i);

describe.each(bothKernels)('a perf buffer, %s', (_name, makeKernel) => {
  const kernel = makeKernel();
  const open = () => load(kernel, spec, { programs });

  it('gives what was said, with the CPU that said it, once', () => {
    using loaded = open();
    using perf = openPerfBuffer(loaded.map('events'));
    const program = loaded.program('say_events');
    expect(perf.consume(() => expect.fail('it is empty'))).toBe(0);
    say(program, 100);
    const seen: number[] = [];
    let last = 0n;
    const take = () =>
      perf.consume(({ cpu, index, time, data }) => {
        expect([cpu, index, data.length]).toEqual([u32(data, 4), cpu, 20]);
        expect(time).toBeGreaterThanOrEqual(last);
        last = time;
        seen.push(u32(data, 0));
      });
    expect([take(), take()]).toEqual([100, 0]);
    expect(seen).toEqual(upTo(100));
    expect(perf.lost).toBe(0);
  });

  it.each([12, 20, 28, 36, 44, 52, 60])('goes round its end with records of %d bytes', (size) => {
    using loaded = open();
    using perf = openPerfBuffer(loaded.map('events'), { size: 4096 });
    const program = loaded.program('say_events');
    const seen: number[] = [];
    for (let i = 0; i < 30; i++) {
      say(program, 40, size);
      perf.consume(({ data }) => {
        expect([data.length, data[8]]).toEqual([size, seen.length % 40]);
        seen.push(u32(data, 0));
      });
    }
    expect(seen).toEqual(upTo(1200));
  });

  it('counts what found no room', () => {
    using loaded = open();
    const told: PerfLoss[] = [];
    using perf = openPerfBuffer(loaded.map('events'), { size: 4096, onLost: (loss) => told.push(loss) });
    const program = loaded.program('say_events');
    say(program, 1000);
    const first = perf.consume(() => {});
    expect(first).toBeLessThan(1000);
    // The kernel says it before the next sample that finds room.
    say(program, 1);
    perf.consume(() => {});
    expect(perf.lost).toBe(1000 - first);
    expect(told.map(({ count }) => count)).toEqual([perf.lost]);
    expect(told[0]?.id).toBeGreaterThan(0n);
    expect(loaded.globals.refused).toBe(1000 - first);
  });

  it('stops after so many, and goes on after a reader that throws', () => {
    using loaded = open();
    using perf = openPerfBuffer(loaded.map('events'));
    say(loaded.program('say_events'), 10);
    expect(perf.consume(() => {}, 4)).toBe(4);
    expect(() =>
      perf.consume(() => {
        throw new Error('enough');
      }),
    ).toThrow('enough');
    const seen: number[] = [];
    perf.consume(({ data }) => seen.push(u32(data, 0)));
    expect(seen).toEqual(upTo(5, 5));
  });

  it('is waited for, and ends at once when aborted or closed', async () => {
    using loaded = open();
    using perf = openPerfBuffer(loaded.map('events'));
    const program = loaded.program('say_events');
    const controller = new AbortController();
    const seen: number[] = [];
    setTimeout(() => say(program, 5), 20);
    setTimeout(() => say(program, 5), 40);
    for await (const { data } of perf.events({ signal: controller.signal })) {
      seen.push(u32(data, 0));
      if (seen.length === 10) setTimeout(() => controller.abort(), 10);
    }
    expect(seen).toEqual(upTo(10));
    setTimeout(() => perf.close(), 10);
    for await (const _ of perf.events()) expect.fail('nothing was said');
  });

  it('ends when aborted however fast it comes', async () => {
    using loaded = open();
    using perf = openPerfBuffer(loaded.map('events'));
    const program = loaded.program('say_events');
    say(program, 1);
    let count = 0;
    for await (const _ of perf.events({ signal: AbortSignal.timeout(50) })) {
      count++;
      say(program, 1);
    }
    expect(count).toBeGreaterThan(1);
  });

  it('wakes after so many events, or bytes', async () => {
    using loaded = open();
    const map = loaded.map('events');
    const program = loaded.program('say_events');
    for (const wakeup of [{ events: 10 }, { bytes: 10 * 40 }]) {
      using perf = openPerfBuffer(map, { wakeup });
      const events = perf.events({ signal: AbortSignal.timeout(5000) });
      const next = events.next();
      // The first wait for an event ends at once.
      await new Promise((resolve) => setTimeout(resolve, 50));
      say(program, 9);
      const early = await Promise.race([next, new Promise((resolve) => setTimeout(() => resolve('asleep'), 30))]);
      expect(early).toBe('asleep');
      // It may be another CPU by now.
      say(program, 30);
      expect((await next).done).toBe(false);
      await events.return();
    }
  });

  it('has slots of its own, which end with it', () => {
    using loaded = open();
    const map = loaded.map('events');
    const program = loaded.program('say_events');
    const first = openPerfBuffer(map);
    const second = openPerfBuffer(map);
    // The first takes back only what is its own.
    first.close();
    say(program, 3);
    expect(second.consume(() => {})).toBe(3);
    second.close();
    second.close();
    expect(second.consume(() => {})).toBe(0);
    say(program, 3);
    expect(loaded.globals.refused).toBe(3);
  });

  it('gives up what it opened when a slot is refused', () => {
    using loaded = open();
    const slots = [
      { cpu: 0, index: 0 },
      { cpu: 0, index: 5000 },
    ];
    expect(() => openPerfBuffer(loaded.map('events'), { slots })).toThrow(
      expect.objectContaining({ code: 'E2BIG', message: expect.stringContaining('slot 5000') }),
    );
    say(loaded.program('say_events'), 1);
    expect(loaded.globals.refused).toBe(1);
  });

  it('is of one type of map, with data of a power of two', () => {
    using loaded = open();
    expect(() => openPerfBuffer(loaded.map('.bss'))).toThrow('is a map of type array, not perf_event_array');
    for (const size of [0, 4095, 6000, 2 ** 31, Number.NaN])
      expect(() => openPerfBuffer(loaded.map('events'), { size }), String(size)).toThrow(UsageError);
  });

  it('keeps what the map says it keeps, until it is closed', () => {
    const maps = spec.spec.maps.map((map) => (map.name === 'events' ? { ...map, flags: BPF_F_PRESERVE_ELEMS } : map));
    using loaded = load(kernel, { ...spec.spec, maps }, { programs });
    const map = loaded.map('events');
    const perf = openPerfBuffer(map);
    say(loaded.program('say_events'), 1);
    expect(perf.consume(() => {})).toBe(1);
    perf.close();
    say(loaded.program('say_events'), 1);
    expect(loaded.globals.refused).toBe(1);
  });
});

describe('a perf buffer of several CPUs', () => {
  it('has what each of them said', () => {
    const kernel = createLinuxKernel();
    const programs = spec.spec.programs.filter(({ name }) => name === 'say_on_cpu');
    using loaded = load(kernel, spec, { programs });
    using perf = openPerfBuffer(loaded.map('events'));
    const cpus = perf.cpus;
    expect(cpus.length).toBeGreaterThan(0);
    for (const cpu of cpus) {
      // Two arguments of a tracepoint: cpu + 1 events of 12 bytes.
      const ctx_in = new Uint8Array(BigUint64Array.of(BigInt(cpu + 1), 12n).buffer);
      const attr = {
        prog_fd: loaded.program('say_on_cpu').fd,
        ctx_in,
        ctx_size_in: 16,
        cpu,
        flags: BPF_F_TEST_RUN_ON_CPU,
      };
      kernel.bpf('BPF_PROG_TEST_RUN', attr);
    }
    const seen = new Map<number, number>();
    perf.consume(({ cpu, data }) => {
      expect(u32(data, 4)).toBe(cpu);
      seen.set(cpu, (seen.get(cpu) ?? 0) + 1);
    });
    expect([...seen]).toEqual(cpus.map((cpu) => [cpu, cpu + 1]));
  });
});
