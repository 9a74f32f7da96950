import { describe, expect, it } from 'vitest';
import { addOne } from '../../../../test/support/count-assembly.ts';
import { objectBytes } from '../../../../test/support/objects.ts';
import { SysError } from '../../../errors.ts';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { load, openObject } from '../../../loader/index.ts';
import { mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { createEmbeddedKernel } from '../embedded.ts';
import { Machine, type MachineOptions } from '../machine.ts';
import { createRandom } from '../random.ts';

/** Adds one to the count of r9 (below 4), which is in r8 then. */
const COUNT = `
  *(u32 *)(r10 - 4) = r9
  ${addOne('counts', 'r8')}`;

/** The frame in r2 and its byte 5 in r9, by the offsets of its addresses in the context, which is in r6 then; shorter ones go to `out` with 0 in r8. */
const frameAt = (data: number, end: number): string => `
  r6 = r1
  r8 = 0
  r2 = *(u32 *)(r6 + ${data})
  r3 = *(u32 *)(r6 + ${end})
  r1 = r2
  r1 += 14
  if r1 > r3 goto out
  r9 = *(u8 *)(r2 + 5)`;

type Type = 'xdp' | 'sched_cls' | 'cgroup_skb';

interface Case {
  readonly type: Type;
  readonly text: string;
  readonly options?: MachineOptions;
}

const NO_VERIFIER = { verifier: 'off' } as const;

const CASES: Readonly<Record<string, Case>> = {
  'XDP: moves both ends, and reads what was before the frame': {
    type: 'xdp',
    text: `
      ${frameAt(0, 4)}
      r9 &= 3
      ${COUNT}
      if r9 == 0 goto moved
      r1 = r6
      r2 = -24
      call bpf_xdp_adjust_head
      r1 = r6
      r2 = 9
      call bpf_xdp_adjust_tail
    moved:
      r2 = *(u32 *)(r6 + 0)
      r3 = *(u32 *)(r6 + 4)
      r0 = r3
      r0 -= r2
      r8 <<= 12
      r8 |= r0
      r1 = r2
      r1 += 14
      if r1 > r3 goto out
      r0 = *(u32 *)(r2 + 0)
      r8 ^= r0
      r0 = *(u32 *)(r2 + 8)
      r8 += r0
      *(u64 *)(r2 + 0) = -1
      *(u32 *)(r2 + 8) = -1
      call bpf_get_prandom_u32
      r8 ^= r0
    out:
      r0 = r8
      exit`,
  },
  'tc: writes, makes longer, and tells the cookie': {
    type: 'sched_cls',
    text: `
      ${frameAt(76, 80)}
      *(u8 *)(r2 + 5) = 99
      r9 &= 3
      ${COUNT}
      if r9 != 1 goto out
      r1 = r6
      r2 = *(u32 *)(r6 + 0)
      r2 += 200
      r3 = 0
      call bpf_skb_change_tail
      r1 = r6
      call bpf_get_hash_recalc
      r8 ^= r0
      r1 = r6
      call bpf_get_socket_cookie
      r8 <<= 8
      r8 ^= r0
      r0 = *(u32 *)(r6 + 0)
      r8 ^= r0
      r0 = *(u32 *)(r6 + 16)
      r8 ^= r0
    out:
      r0 = r8
      exit`,
  },
  'cgroup: counts cookies': {
    type: 'cgroup_skb',
    text: `
      call bpf_get_socket_cookie
      r8 = 0
      r9 = r0
      r9 &= 3
      ${COUNT}
    out:
      r0 = r8
      r0 &= 1
      exit`,
  },
  'cgroup: values that begin anew': {
    type: 'cgroup_skb',
    text: `
      r1 = map[name:storage]
      r2 = 0
      call bpf_get_local_storage
      r9 = *(u64 *)(r0 + 0)
      r1 = r9
      r1 += 1
      *(u64 *)(r0 + 0) = r1
      r8 = 0
      r9 &= 3
      ${COUNT}
    out:
      r0 = 1
      exit`,
  },
  'XDP: some frames fault': {
    type: 'xdp',
    options: NO_VERIFIER,
    text: `
      r8 = 0
      r2 = *(u32 *)(r1 + 0)
      r9 = *(u8 *)(r2 + 5)
      r9 &= 3
      ${COUNT}
      if r9 == 2 goto fault
    out:
      r0 = r8
      exit
    fault:
      r0 = *(u64 *)(r9 + 0)
      exit`,
  },
  'tc: some frames fault': {
    type: 'sched_cls',
    options: NO_VERIFIER,
    text: `
      r8 = 0
      r2 = *(u32 *)(r1 + 76)
      r9 = *(u8 *)(r2 + 5)
      r9 &= 3
      ${COUNT}
      if r9 != 2 goto out
      r0 = *(u64 *)(r9 + 0)
    out:
      r0 = r8
      exit`,
  },
};

function setUp({ type, text, options }: Case, jit: 'on' | 'off') {
  const { kernel, lab } = createEmbeddedKernel({ ...options, jit, clock: 'manual' });
  const counts = kernel.bpf('BPF_MAP_CREATE', {
    map_type: mapTypeNumber.array,
    key_size: 4,
    value_size: 8,
    max_entries: 4,
  });
  const maps = {
    counts,
    storage: kernel.bpf('BPF_MAP_CREATE', {
      map_type: mapTypeNumber.cgroup_storage,
      key_size: 16,
      value_size: 8,
      max_entries: 0,
    }),
  };
  const insns = encodeInsns(parseAssembly(text, { map: (name) => (name === 'storage' ? maps.storage : counts) }));
  const attr = { prog_type: progTypeNumber[type], insns, insn_cnt: insns.length / 8, license: 'GPL' };
  const fd = kernel.bpf('BPF_PROG_LOAD', attr);
  /** One frame by BPF_PROG_TEST_RUN. `undefined`: it is not taken. */
  const one = (data_in: Uint8Array): number | undefined => {
    const run = { prog_fd: fd, data_in, data_size_in: data_in.length, retval: 0 };
    try {
      kernel.bpf('BPF_PROG_TEST_RUN', run);
      return run.retval;
    } catch (error) {
      if (error instanceof SysError && error.code === 'EINVAL') return undefined;
      throw error;
    }
  };
  /** All of them by testRuns, which goes on behind each frame that it does not take. */
  const all = (frames: readonly Uint8Array[]): (number | undefined)[] => {
    const verdicts: (number | undefined)[] = [];
    while (verdicts.length < frames.length) {
      verdicts.push(...(lab.testRuns(kernel, fd, frames.slice(verdicts.length), 1)?.verdicts ?? []));
      if (verdicts.length < frames.length) verdicts.push(undefined);
    }
    return verdicts;
  };
  /** What is left of it all. */
  const left = () => [
    ...[0, 1, 2, 3].map((n) => {
      const value = new Uint8Array(8);
      kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: counts, key: Uint8Array.of(n, 0, 0, 0), value });
      return new DataView(value.buffer).getBigUint64(0, true);
    }),
    ...lab.faults,
  ];
  return { one, all, left };
}

/** IPv4, IPv6, a length, a VLAN tag. */
const ETHERTYPES = [
  [8, 0],
  [0x86, 0xdd],
  [0, 40],
  [0x81, 0],
] as const;

/** Frames as they may be in a capture, mostly of the usual lengths, now and then too short or too long. */
function someFrames(seed: number, count: number): Uint8Array[] {
  const random = createRandom(seed);
  const below = (n: number): number => random() % n;
  return Array.from({ length: count }, () => {
    const kind = below(100);
    const [from, range] = kind === 0 ? [0, 14] : kind === 1 ? [3500, 400] : kind === 2 ? [14, 50] : [60, 200];
    const frame = Uint8Array.from({ length: from + below(range) }, () => below(256));
    const [high = 0, low = 0] = ETHERTYPES[below(4)] ?? [];
    if (frame.length >= 14) frame.set([high, low], 12);
    return frame;
  });
}

describe.each(Object.entries(CASES))('many test runs, %s', (_name, program) => {
  it.each([
    ['compiled', 'on', 1],
    ['compiled, other frames', 'on', 2],
    ['interpreted', 'off', 1],
  ] as const)('come to what one after the other do, %s', (_how, jit, seed) => {
    const [many, each] = [setUp(program, jit), setUp(program, jit)];
    const frames = someFrames(seed, 700);
    const verdicts = many.all(frames);
    expect(verdicts).toEqual(frames.map(each.one));
    expect(many.left()).toEqual(each.left());
    expect(verdicts).toContain(undefined);
    const again = frames.slice(0, 10);
    expect(many.all(again)).toEqual(again.map(each.one));
  });
});

it('a machine knows whether something may happen between two runs', () => {
  const machine = new Machine();
  const process = machine.openProcess();
  expect(machine.hasMapTimers).toBe(false);
  const loaded = load(process, openObject(objectBytes('test/objects/values.o'), { file: 'values.o' }));
  expect(machine.hasMapTimers).toBe(true);
  loaded[Symbol.dispose]();
  expect(machine.hasMapTimers).toBe(false);
});
