import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { encodeLink, request } from '../../../net/index.ts';
import type { Kernel } from '../../../sys/kernel.ts';
import { attachTypeNumber, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { NLM_F_CREATE, RTM_DELLINK, RTM_NEWLINK, XDP_FLAGS_SKB_MODE } from '../../../uapi/netlink.ts';
import { createEmbeddedKernel } from '../embedded.ts';

/** An IPv4 packet, and what is behind its headers. */
const FRAME = Uint8Array.from({ length: 80 }, (_, i) => (i === 12 ? 8 : i === 13 ? 0 : i === 14 ? 0x45 : i * 37));

function loadProgram(kernel: Kernel, type: 'sched_cls' | 'xdp', text: string, maps: readonly Fd[] = []): Fd {
  const insns = encodeInsns(parseAssembly(text, { map: (name) => maps[Number(name.slice(1))] ?? (0 as Fd) })); // which is refused
  const attr = { prog_type: progTypeNumber[type], insns, insn_cnt: insns.length / 8, license: 'GPL' };
  return kernel.bpf('BPF_PROG_LOAD', attr);
}

describe('helpers on a socket buffer do the same compiled and interpreted', () => {
  const offset = fc.oneof(
    fc.integer({ min: 0, max: 90 }),
    fc.constantFrom(-1, 24, 50, 78, 79, 80, 0xffff, 0x10000, 0x7fffffff, -0x80000000),
  );
  const value = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x10000, -1, 0x7fffffff, -0x80000000), fc.integer());
  const l3Flags = fc.constantFrom(0, 2, 4, 1, 8, 16);
  const l4Flags = fc.constantFrom(0, 2, 4, 16, 18, 20, 32, 34, 36, 52, 96, 100, 116, 132, 148, 3, 256);
  const call = fc.oneof(
    fc
      .tuple(offset, fc.constantFrom(1, 2, 3, 4, 6, 8, 16, 33, 64), fc.constantFrom(0, 1, 2, 3, 4))
      .map(([at, size, flags]) => `r2 = ${at}\nr3 = r10\nr3 += -64\nr4 = ${size}\nr5 = ${flags}\ncall 9`),
    fc
      .tuple(offset, value, value, l3Flags)
      .map(([at, from, to, flags]) => `r2 = ${at}\nr3 = ${from}\nr4 = ${to}\nr5 = ${flags}\ncall 10`),
    fc
      .tuple(offset, value, value, l4Flags)
      .map(([at, from, to, flags]) => `r2 = ${at}\nr3 = ${from}\nr4 = ${to}\nr5 = ${flags}\ncall 11`),
    // What is not known before the program runs.
    fc
      .tuple(offset, fc.constantFrom(10, 11), fc.constantFrom(0, 2, 4))
      .map(([at, helper, flags]) => `r2 = ${at}\nr3 = r7\nr4 = r7\nr4 >>= 3\nr5 = ${flags}\ncall ${helper}`),
    fc.tuple(offset, value).map(([at, from]) => `r2 = ${at}\nr3 = 0\nr4 = ${from}\nr5 = 0\ncall 11`),
    fc.constantFrom(0, 14, 80, 81, -1).map((length) => `r2 = ${length}\ncall 39`),
    fc.constant('call 34'),
    fc.constantFrom(0, 7).map((hash) => `r2 = ${hash}\ncall 48`),
    fc.constant('call 41'),
    fc.constantFrom(0, 3, 4).map((type) => `r2 = ${type}\ncall 32`),
  );
  const bytes = Array.from({ length: 8 }, (_, i) => `*(u64 *)(r10 - ${8 * (i + 1)}) = ${0x1020304 * (i + 1)}`).join(
    '\n',
  );

  const outcome = (jit: 'on' | 'off', calls: readonly string[]): object => {
    const { kernel } = createEmbeddedKernel({ jit });
    const all = calls.map((one) => `r1 = r6\n${one}\nr7 *= 31\nr7 += r0\nr1 = *(u32 *)(r6 + 68)\nr7 ^= r1`);
    const text = `r6 = r1\nr7 = *(u32 *)(r6 + 8)\n${bytes}\n${all.join('\n')}\nr0 = r7\nr7 >>= 32\nr0 ^= r7\nexit`;
    const prog_fd = loadProgram(kernel, 'sched_cls', text);
    const [ctx_in, size] = [new Uint8Array(192), FRAME.length];
    ctx_in.set([1, 2, 3, 4], 8); // the mark
    const ran = { prog_fd, data_in: FRAME, data_size_in: size, data_out: new Uint8Array(size), data_size_out: size };
    const attr = { ...ran, ctx_in, ctx_size_in: 192, ctx_out: new Uint8Array(192), ctx_size_out: 192, retval: 0 };
    kernel.bpf('BPF_PROG_TEST_RUN', attr);
    return { retval: attr.retval, frame: attr.data_out, context: attr.ctx_out };
  };

  it('whatever they are given', () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 8 }), (calls) => {
        expect(outcome('on', calls)).toEqual(outcome('off', calls));
      }),
      { seed: 5, numRuns: 120 },
    );
  });
});

describe('packets go where compiled programs say, as where interpreted ones do', () => {
  const PAIRS = ['a', 'b', 'c'];
  const DEVICES = PAIRS.flatMap((pair) => [`${pair}0`, `${pair}1`]);

  /** The frames that each device has seen once `calls` were made at a1; the last one's result is the verdict, or what is in `verdict`. */
  const seen = (jit: 'on' | 'off', type: 'sched_cls' | 'xdp', calls: readonly string[], gone: boolean): object => {
    const { kernel, lab } = createEmbeddedKernel({ jit, cpus: 2 });
    const link = (name: string, peer: string) =>
      encodeLink({ ifindex: 0, name, kind: 'veth', peer: { ifindex: 0, name: peer } });
    for (const pair of PAIRS) request(kernel, 'a pair', RTM_NEWLINK, NLM_F_CREATE, link(`${pair}0`, `${pair}1`));
    const ifindex = (name: string) => lab.devices().find((device) => device.name === name)?.ifindex ?? 0;
    for (const device of DEVICES) lab.setUp(device);
    const create = (name: 'devmap' | 'cpumap' | 'devmap_hash') =>
      kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber[name], key_size: 4, value_size: 4, max_entries: 4 });
    const maps = [create('devmap'), create('cpumap'), create('devmap_hash')];
    const put = (map: number, index: number, number: number) =>
      kernel.bpf('BPF_MAP_UPDATE_ELEM', {
        map_fd: maps[map] as Fd, // one of those
        key: Uint8Array.of(index, 0, 0, 0),
        value: Uint8Array.of(number, 0, 0, 0),
        flags: 0n,
      });
    put(0, 1, ifindex('b1'));
    put(0, 2, ifindex('c1'));
    put(0, 3, ifindex('b1'));
    kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd: maps[0] as Fd, key: Uint8Array.of(3, 0, 0, 0) });
    put(1, 1, 16);
    put(2, 2, ifindex('c1'));
    const text = `r6 = r1\n${calls.join('\n')}\nexit`;
    const named = text.replace(/\bIF_([abc][01])\b/g, (_, name: string) => String(ifindex(name)));
    const prog_fd = loadProgram(kernel, type, named, maps);
    const attach_type = type === 'xdp' ? attachTypeNumber.xdp : attachTypeNumber.tcx_ingress;
    const flags = type === 'xdp' ? XDP_FLAGS_SKB_MODE : 0; // another driver would not take frames
    kernel.bpf('BPF_LINK_CREATE', { prog_fd, target_ifindex: ifindex('a1'), attach_type, flags });
    if (gone) {
      const c0 = encodeLink({ ifindex: ifindex('c0'), name: '' });
      request(kernel, 'away', RTM_DELLINK, 0, c0);
    }
    const captures = DEVICES.filter((device) => ifindex(device) > 0).map((device) => lab.capture(device));
    const { verdict, xdp } = lab.inject('a1', 'ingress', FRAME);
    return {
      verdict,
      xdp,
      frames: captures.map(({ frames }) => frames.map(({ direction }) => direction).join(' ')).join(),
    };
  };

  const device = fc.constantFrom('IF_a0', 'IF_b1', 'IF_c1', '99', '0');
  const redirect = (flags: fc.Arbitrary<number>) =>
    fc.tuple(device, flags).map(([to, how]) => `r1 = ${to}\nr2 = ${how}\ncall 23`);
  const ofTc = fc.oneof(
    redirect(fc.constantFrom(0, 1, 2)),
    device.map((to) => `r1 = ${to}\nr2 = 0\ncall 155`),
    device.map((to) => `r1 = ${to}\nr2 = 0\nr3 = 0\nr4 = 0\ncall 152`),
    fc.constant('r0 = 7'),
  );
  const index = fc.constantFrom('0', '1', '2', '3', '4', '-1', '0x100000001 ll');
  const ofXdp = fc.oneof(
    redirect(fc.constantFrom(0, 1)),
    fc
      .tuple(fc.constantFrom(0, 1, 2), index, fc.constantFrom(0, 1, 2, 3, 4, 8, 24))
      .map(([map, at, flags]) => `r1 = m${map} ll\nr2 = ${at}\nr3 = ${flags}\ncall 51`),
    fc.constant('r0 = 4'),
  );

  /** What the devices see: of tc, a1 has seen the frame come in already. */
  const [TC_TO_B, TO_B] = [',ingress,ingress,egress,,', ',,ingress,egress,,'];
  const STAYS = ',ingress,,,,';
  it.each<[string, 'sched_cls' | 'xdp', readonly string[], string]>([
    ['out of a device, by tc', 'sched_cls', ['r1 = IF_b1\nr2 = 0\ncall 23'], TC_TO_B],
    ['where the last call says', 'sched_cls', ['r1 = IF_c1\nr2 = 0\ncall 155', 'r1 = IF_b1\nr2 = 0\ncall 23'], TC_TO_B],
    [
      'where the last call says, which is not compiled',
      'sched_cls',
      ['r1 = IF_b1\nr2 = 0\ncall 23', 'r1 = IF_c1\nr2 = 0\ncall 155'],
      STAYS,
    ],
    ['out of a device, by XDP', 'xdp', ['r1 = IF_b1\nr2 = 0\ncall 23'], TO_B],
    ['by a map of devices', 'xdp', ['r1 = m0 ll\nr2 = 1\nr3 = 0\ncall 51'], TO_B],
    ['by a map of devices that has nothing there', 'xdp', ['r1 = m0 ll\nr2 = 3\nr3 = 1\ncall 51'], ',,,,,'],
    ['to another CPU', 'xdp', ['r1 = m1 ll\nr2 = 1\nr3 = 0\ncall 51'], STAYS],
    ['past a map, on to the stack', 'xdp', ['r1 = m0 ll\nr2 = 0x100000001 ll\nr3 = 2\ncall 51'], STAYS],
  ])('%s', (_name, type, calls, want) => {
    for (const jit of ['on', 'off'] as const)
      expect([jit, seen(jit, type, calls, false)]).toMatchObject([jit, { frames: want }]);
  });

  it.each([
    ['sched_cls', ofTc],
    ['xdp', ofXdp],
  ] as const)('%s', (type, calls) => {
    fc.assert(
      fc.property(fc.array(calls, { minLength: 1, maxLength: 3 }), fc.boolean(), (made, gone) => {
        expect(seen('on', type, made, gone)).toEqual(seen('off', type, made, gone));
      }),
      { seed: 9, numRuns: 60 },
    );
  });
});
