import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { functionInfo } from '../../../../test/conformance/functions.ts';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { Machine } from '../machine.ts';
import { MAP_HEADER_SIZE } from '../maps/map.ts';
import { ProgArray } from '../maps/prog-array.ts';
import { createPacketBatch } from '../progs/packet-batch.ts';
import type { BpfProg } from '../progs/prog.ts';
import { XdpBuff } from '../progs/xdp-buff.ts';

const SLOTS = 4;
/** So often that a chain is written for it. */
const OFTEN = 1024;
const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);

interface Loaded {
  readonly fd: Fd;
  readonly program: BpfProg;
}

/** Programs whose tail calls go to slots of `progs`, and which count in `counts`. */
function setUp(jit: 'on' | 'off') {
  const machine = new Machine({ jit });
  const kernel = machine.openProcess();
  const create = (type: 'prog_array' | 'array', value_size: number) =>
    kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber[type], key_size: 4, value_size, max_entries: SLOTS });
  const maps: Record<string, Fd> = { progs: create('prog_array', 4), counts: create('array', 8) };
  const load = (text: string): Loaded => {
    const parsed = parseAssembly(text, { map: (name) => maps[name] ?? (0 as Fd) }); // there are these two
    const insns = encodeInsns(parsed);
    const attr = { prog_type: progTypeNumber.xdp, insns, insn_cnt: insns.length / 8, license: 'GPL' };
    const fd = kernel.bpf('BPF_PROG_LOAD', { ...attr, ...functionInfo({ kernel, own: (fd) => fd }, parsed) });
    const program = [...machine.progs.values()].at(-1);
    if (program === undefined) throw new Error('a program that is loaded has an id');
    return { fd, program };
  };
  const [map_fd, counts] = [maps.progs as Fd, maps.counts as Fd];
  const frame = XdpBuff.create(machine.memory, machine.netns, new Uint8Array(64), 0);
  if (frame === undefined) throw new Error('there is no room for a frame');
  return {
    machine,
    load,
    unload: ({ fd }: Loaded) => kernel.close(fd),
    put: (slot: number, { fd }: Loaded) =>
      void kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: u32(slot), value: u32(fd) }),
    empty: (slot: number) => {
      try {
        kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key: u32(slot) });
      } catch {} // it is empty
    },
    /** The verdict of the last run of a program. */
    run({ program }: Loaded, times = OFTEN): number {
      frame.publish();
      return interpreterOf(machine).runRepeatedly(program, frame.context, times, frame).value;
    },
    /** The verdicts of a program for each of some frames, all of them so often that it is a long run. */
    batch({ program }: Loaded): readonly number[] {
      const frames = Array.from({ length: 4 }, (_, i) => new Uint8Array(60 + i));
      using batch = createPacketBatch(program, frames, {});
      return [...batch.run(OFTEN / frames.length).verdicts];
    },
    counts: () =>
      Array.from({ length: SLOTS }, (_, i) => {
        const value = new Uint8Array(8);
        kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: counts, key: u32(i), value });
        return new BigUint64Array(value.buffer)[0];
      }),
  };
}

const count = (at: number) => `
  *(u32 *)(r10 - 4) = ${at}
  r1 = map[name:counts]
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0 goto +3
  r1 = *(u64 *)(r0 + 0)
  r1 += 1
  *(u64 *)(r0 + 0) = r1`;
const tailCall = (slot: number) => `r1 = r6\nr2 = map[name:progs]\nr3 = ${slot}\ncall bpf_tail_call`;
/** Counts, goes on with the first slot that has a program, or returns. */
const chained = (at: number, slots: readonly number[], verdict: number) =>
  `r6 = r1\n${count(at)}\n${slots.map(tailCall).join('\n')}\nr0 = ${verdict}\nexit`;
/** Likewise, but one slot is gone to by a function, to which the verdict comes back. */
const returning = (at: number, slot: number, then: number, verdict: number) => `
  r6 = r1
  ${count(at)}
  r1 = r6
  call jump
  r7 = r0
  ${tailCall(then)}
  r0 = ${verdict}
  r0 += r7
  exit
jump:
  r2 = map[name:progs]
  r3 = ${slot}
  call bpf_tail_call
  r0 = ${verdict}
  exit`;

const slot = fc.nat(SLOTS); // one of them is none
const program = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat(SLOTS - 1), fc.array(slot, { maxLength: 2 }), fc.nat(99)).map(([...p]) => chained(...p)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.nat(SLOTS - 1), slot, slot, fc.nat(99)).map(([...p]) => returning(...p)) },
);
const change = fc.record({ slot: fc.nat(SLOTS - 1), program: fc.option(program) });

describe('a chain of tail calls', () => {
  it('goes where slots lead, whatever becomes of them', () => {
    fc.assert(
      fc.property(
        program,
        fc.array(fc.array(change, { maxLength: 3 }), { minLength: 1, maxLength: 5 }),
        (first, phases) => {
          const [compiled, interpreted] = (['on', 'off'] as const).map((jit) => {
            const { load, unload, put, empty, run, batch, counts } = setUp(jit);
            const own = load(first);
            return phases.map((changes) => {
              for (const { slot, program } of changes) {
                empty(slot);
                if (program === null) continue;
                const other = load(program);
                put(slot, other);
                unload(other); // it lives as long as the slot holds it
              }
              return [run(own), run(own, 3), batch(own), counts()];
            });
          });
          expect(compiled).toEqual(interpreted);
        },
      ),
      { seed: 5, numRuns: 25 },
    );
  });

  it('ends after 33, and begins anew with each run', () => {
    const { load, put, run, batch, counts } = setUp('on');
    const itself = load(chained(0, [1], 7));
    put(1, itself);
    expect(run(itself)).toBe(7);
    expect(counts()[0]).toBe(BigInt(34 * OFTEN));
    expect(batch(itself)).toEqual([7, 7, 7, 7]);
    expect(counts()[0]).toBe(BigInt(2 * 34 * OFTEN));
  });

  it('is left where the memory of a slot says something else than when it was written', () => {
    const { machine, load, put, run } = setUp('on');
    const first = load(chained(0, [2], 1));
    put(2, load(chained(1, [], 5)));
    expect(run(first)).toBe(5);
    const progs = [...machine.maps.values()].find((map) => map instanceof ProgArray);
    // Neither a program nor a place in the table.
    machine.memory.u8.fill(
      0,
      (progs?.address ?? 0) + MAP_HEADER_SIZE,
      (progs?.address ?? 0) + MAP_HEADER_SIZE + 8 * SLOTS,
    );
    expect(run(first)).toBe(1);
  });

  it('does not take a program for another that has its id', () => {
    const { machine, load, unload, put, empty, run } = setUp('on');
    const first = load(chained(0, [2], 1));
    const old = load(chained(1, [], 5));
    put(2, old);
    unload(old);
    expect(run(first)).toBe(5);
    const { id } = old.program;
    empty(2);
    // As if all ids had been used meanwhile.
    const { add } = machine.progs;
    machine.progs.add = function (program) {
      machine.progs.add = add;
      add.call(this, program);
      return id;
    };
    const other = load(chained(1, [], 6));
    put(2, other);
    expect(run(first)).toBe(6);
  });

  it('is written a few times for a program, and then no more', () => {
    const { load, unload, put, run } = setUp('on');
    const first = load(chained(0, [2], 1));
    for (let i = 0; i < 20; i++) {
      const next = load(chained(1, [], i));
      put(2, next);
      unload(next);
      expect(run(first)).toBe(i);
    }
  });
});
