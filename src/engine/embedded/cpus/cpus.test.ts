import { afterAll, describe, expect, it } from 'vitest';
import { objectBytes } from '../../../../test/support/objects.ts';
import { load, openObject, openRingBuffer } from '../../../index.ts';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { progTypeNumber } from '../../../uapi/bpf.ts';
import { XDP_PASS } from '../../../uapi/xdp.ts';
import { createEmbeddedKernel, type EmbeddedKernel } from '../embedded.ts';
import type { BatchResult } from '../progs/packet-batch.ts';

const object = openObject(objectBytes('test/objects/cpus.o'), { file: 'cpus.o' });
const FRAMES = 96;
/** So many that they are at it at the same time: milliseconds. */
const REPEAT = 20_000;
const RUNS = FRAMES * REPEAT;

/** Of a flow each, with a number in bytes 14 and 15. */
const flows = (count: number): readonly Uint8Array[] =>
  Array.from({ length: count }, (_, i) => {
    const frame = new Uint8Array(60);
    frame.set([i, 0x5a, i >> 3], 0);
    frame.set([i, i >> 8], 14);
    return frame;
  });
const frames = flows(FRAMES);

describe('programs on several CPUs', () => {
  const opened: EmbeddedKernel[] = [];
  afterAll(() => {
    for (const embedded of opened) embedded[Symbol.dispose]();
  });
  const open = (cpus = 2, jit: 'on' | 'off' = 'on', maxEntries: Record<string, number> = {}) => {
    const embedded = createEmbeddedKernel({ cpus, jit });
    opened.push(embedded);
    const loaded = load(embedded.kernel, object, { maxEntries });
    const run = (name: string, repeat = REPEAT, on = cpus): BatchResult & { frame: Uint8Array } => {
      using batch = embedded.lab.batch(embedded.kernel, loaded.program(name).fd, frames, { cpus: on });
      const result = batch.run(repeat);
      return { ...result, frame: batch.frame(5) };
    };
    return { ...embedded, loaded, run };
  };
  const numbers = frames.map((_, i) => i);

  it('add to one number, and nothing is lost', () => {
    const { run, loaded } = open();
    const { verdicts } = run('ticket', 1);
    expect([...verdicts].sort((a, b) => a - b)).toEqual(numbers);
    run('ticket');
    expect(loaded.map('total').get(0)).toBe(BigInt(FRAMES + RUNS));
  });

  it('wait for a lock', () => {
    const { run, loaded } = open();
    expect(new Set(run('under_lock').verdicts)).toEqual(new Set([XDP_PASS]));
    expect(loaded.map('pair').get(0)).toMatchObject({ ones: RUNS, twos: BigInt(2 * RUNS) });
  });

  it('have an arena in common', () => {
    const embedded = createEmbeddedKernel({ cpus: 2 });
    opened.push(embedded);
    const file = openObject(objectBytes('test/objects/arena_programs.o'), { file: 'arena_programs.o' });
    const programs = file.spec.programs.filter(({ name }) => name === 'prepare' || name === 'count_frame');
    using loaded = load(embedded.kernel, file, { programs });
    expect(loaded.program('prepare').run().retval).toBe(0);
    using batch = embedded.lab.batch(embedded.kernel, loaded.program('count_frame').fd, frames, { cpus: 2 });
    expect(new Set(batch.run(REPEAT).verdicts)).toEqual(new Set([XDP_PASS]));
    const memory = loaded.arena('arena');
    const view = new DataView(memory.buffer, memory.byteOffset);
    expect([view.getBigUint64(0, true), view.getUint32(8, true), view.getUint32(12, true)]).toEqual([
      BigInt(RUNS),
      (2 * RUNS) % 2 ** 32,
      0,
    ]);
    expect(view.getBigUint64(16, true)).toBe(BigInt(3 * RUNS));
    // This no processor does in one step here.
    expect(view.getUint32(27, true)).toBeGreaterThan(0);
  });

  it('count each on their own', () => {
    const { run, loaded } = open(4);
    const cpus = new Set(run('on_own').verdicts);
    expect(cpus).toEqual(new Set([0, 1, 2, 3]));
    const counts = loaded.map('own').get(0) as readonly bigint[]; // one for each CPU
    expect(counts.every((count) => count > 0n)).toBe(true);
    expect(counts.reduce((sum, count) => sum + count)).toBe(BigInt(RUNS));
  });

  it('have what the kernel does for them done', () => {
    const { run } = open();
    const { verdicts, frame } = run('longer', 3);
    expect(new Set(verdicts)).toEqual(new Set([XDP_PASS]));
    expect(frame.length).toBe(60 + 3 * 4);
  });

  it('write into one ring', () => {
    const { run, loaded } = open();
    const seen = Array.from(frames, () => 0);
    using ring = openRingBuffer(loaded.map('events'));
    run('event', 600);
    ring.consume(([low = 0]) => {
      seen[low] = (seen[low] ?? 0) + 1;
    });
    expect(seen).toEqual(numbers.map(() => 600));
  });

  it.each([
    ['come_and_go', 'flows', 64, 5000],
    ['grow', 'grown', 64, 5000],
    // The kernel's own thread does this one: its elements are blocks.
    ['grow', 'grown', 400_000, 50],
  ])('put into one hash map, and take out: %s, %s of %d', (name, of, maxEntries, repeat) => {
    const { run, loaded } = open(2, 'on', { [of]: maxEntries });
    expect(new Set(run(name, repeat).verdicts)).toEqual(new Set([XDP_PASS]));
    const map = loaded.map(of);
    expect([...map]).toEqual([]);
    if (maxEntries > 64) return; // which takes seconds to fill
    // All places are there again.
    for (let i = 0; i < maxEntries; i++) map.set(i, 0n);
    expect(() => map.set(maxEntries, 0n)).toThrow(expect.objectContaining({ code: 'E2BIG' }));
  });

  it('find what is there, whatever others do to it', () => {
    const { run, loaded } = open();
    const staying = loaded.map('staying');
    for (let key = 0; key < 64; key++) staying.set(key, 0n);
    expect(new Set(run('stay').verdicts)).toEqual(new Set([XDP_PASS]));
    expect([...staying.keys()].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });

  it('forget what was not used for long', () => {
    const { run, loaded } = open();
    expect(new Set(run('remember', 5000).verdicts)).toEqual(new Set([XDP_PASS]));
    const entries = [...loaded.map('recent')];
    expect(entries.length).toBe(16);
    for (const [key, value] of entries) expect(value).toBe(3n * BigInt(key as number));
  });

  it('find what one CPU put in, as that finds what they did', () => {
    const embedded = createEmbeddedKernel({ cpus: 2 });
    opened.push(embedded);
    const loaded = load(embedded.kernel, object, { maxEntries: { recent: 512 } });
    const { fd } = loaded.program('remember');
    const recent = loaded.map('recent');
    let known = 0;
    for (const [cpus, count] of [
      [1, 40],
      [2, 80],
      [1, 120],
      [2, 160],
    ] as const) {
      using batch = embedded.lab.batch(embedded.kernel, fd, flows(count), { cpus });
      expect([...recent].length).toBe(known);
      expect(new Set(batch.run().verdicts)).toEqual(new Set([XDP_PASS]));
      known = count;
      expect([...recent.keys()].sort((a, b) => Number(a) - Number(b))).toEqual(
        Array.from({ length: count }, (_, i) => i),
      );
    }
  });

  it('forget in places of their own, where there are enough', () => {
    const embedded = createEmbeddedKernel({ cpus: 2 });
    opened.push(embedded);
    const loaded = load(embedded.kernel, object, { maxEntries: { recent: 512 } });
    using batch = embedded.lab.batch(embedded.kernel, loaded.program('remember').fd, flows(2000), { cpus: 2 });
    expect(new Set(batch.run(200).verdicts)).toEqual(new Set([XDP_PASS]));
    const entries = [...loaded.map('recent')];
    expect(entries.length).toBe(512);
    expect(entries.filter(([key, value]) => value !== 3n * BigInt(key as number))).toEqual([]);
    // One alone uses the places of all; what was looked up is spared once.
    for (let key = 10_000; key < 11_024; key++) loaded.map('recent').set(key, 1n);
    expect([...loaded.map('recent').keys()].filter((key) => (key as number) < 10_000)).toEqual([]);
  });

  it('are called back', () => {
    const { run, loaded } = open();
    loaded.map('total').set(0, 7n);
    expect([...run('walk', 2).verdicts]).toEqual(numbers.map((n) => n + 7));
  });

  it('jump to other programs', () => {
    const { run, loaded } = open();
    loaded.map('jumps').set(1, loaded.program('landed').fd);
    expect([...run('jump', 100).verdicts]).toEqual(numbers.map((n) => (n % 2 === 1 ? 100 + n : n)));
  });

  it('throw', () => {
    const { run, lab } = open();
    expect([...run('throwing', 2).verdicts]).toEqual(numbers.map((n) => (n % 2 === 1 ? 1000 + n : n)));
    expect(lab.faults).toEqual([]);
  });

  it('see the packets of tc, sockets and cgroups', () => {
    const { run, loaded } = open();
    const { verdicts, frame } = run('tagged', 50);
    expect([...verdicts]).toEqual(numbers.map((n) => n + (60 << 16)));
    expect(frame).toEqual(frames[5]);
    expect(loaded.map('total').get(0)).toBe(BigInt(FRAMES * 50));
    expect([...run('halfword', 50).verdicts]).toEqual(numbers);
    expect([...run('even', 50).verdicts]).toEqual(numbers.map((n) => (n % 2 === 0 ? 1 : 0)));
  });

  it('give the verdicts that one CPU does', () => {
    const { run } = open();
    const interpreted = open(2, 'off');
    const names = ['walk', 'jump', 'throwing', 'longer', 'come_and_go', 'grow', 'tagged', 'halfword', 'even'];
    for (const name of names) {
      const { verdicts } = run(name, 2, 1);
      expect([name, ...run(name, 2).verdicts]).toEqual([name, ...verdicts]);
      expect([name, ...interpreted.run(name, 2, 1).verdicts]).toEqual([name, ...verdicts]);
    }
  });

  it('are refused where they cannot be', () => {
    const { kernel, lab, loaded, run } = open();
    const refused = (options: { cpus?: number; frame?: number; repeat?: number; program?: string }) => () => {
      const { cpus = 2, frame = 60, repeat = 1, program = 'ticket' } = options;
      using batch = lab.batch(kernel, loaded.program(program).fd, [new Uint8Array(frame)], { cpus });
      batch.run(repeat);
    };
    for (const options of [
      { cpus: 3 },
      { cpus: 0 },
      { cpus: 1.5 },
      { frame: 13 },
      { frame: 4000 },
      { repeat: 0 },
      { repeat: 0.5 },
    ])
      expect(refused(options)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(refused({ program: 'both' })).toThrow('both locks and functions that helpers call back');
    const insns = encodeInsns(parseAssembly('r0 = 0\nexit'));
    const fd = kernel.bpf('BPF_PROG_LOAD', { prog_type: progTypeNumber.kprobe, insns, insn_cnt: 2, license: 'GPL' });
    expect(() => lab.batch(kernel, fd, frames)).toThrow('of a type that is not run on packets');
    expect(() => open(2, 'off').run('ticket')).toThrow('only compiled programs run there');
    const batch = lab.batch(kernel, loaded.program('ticket').fd, frames);
    batch[Symbol.dispose]();
    batch[Symbol.dispose]();
    expect(() => batch.run()).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(run('ticket', 1).verdicts.length).toBe(FRAMES);
  });

  it('say how long each took', () => {
    const { durationNs, cpus } = open().run('on_own');
    expect(cpus.map((cpu) => cpu.frames)).toEqual([FRAMES / 2, FRAMES / 2]);
    expect(Math.max(...cpus.map((cpu) => cpu.durationNs))).toBe(durationNs);
    expect(Math.min(...cpus.map((cpu) => cpu.durationNs))).toBeGreaterThan(0);
  });

  it('have nothing to do without frames', () => {
    const { kernel, lab, loaded } = open();
    using batch = lab.batch(kernel, loaded.program('ticket').fd, [], { cpus: 2 });
    expect(batch.run().verdicts).toEqual(new Uint32Array());
  });
});
